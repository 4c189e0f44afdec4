# SPDX-License-Identifier: GPL-3.0-or-later
"""Who floods the resolver takes nothing from those who only ask: they are answered, and its memory stays.

Where root may make one, all of it happens in a network of its own, in which this machine has every address of 10/8 (a
house's, served) and of 11/8 (the world's, not served). Elsewhere the floods come from loopback, whose programs are held
to no rate, and are kept to what a worker can bear.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.support import Daemon, children, make_query, wait_until
from tests.soak.soak import Soaked, sample, spell
from tests.soak.world import world

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")]

HONEST = ("refused.example", "known.example")
FLOOD_S = 3.0
GROWTH_MB = 80.0  # the cache and the ready answers, filled
TRIES, TRY_S = 4, 1.0  # as a stub resolver asks again
IDLE = 10_000
LIMIT_TOTAL = 1000  # connections of one worker, see filterd/dns/limits.py
BEARABLE = 3000  # datagrams a second from this machine itself


def can_have_own_network() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


OWN_NETWORK = can_have_own_network()
HOST, FLOODER = ("10.0.0.7", "10.0.0.9") if OWN_NETWORK else ("127.0.0.7", "127.0.0.9")


def enter_own_network() -> None:
    """Move this thread, and what it starts, to a network without a way out."""
    if not OWN_NETWORK:
        return
    os.unshare(os.CLONE_NEWNET)
    for change in ("link set lo up", "route add local 10.0.0.0/8 dev lo", "route add local 11.0.0.0/8 dev lo"):
        subprocess.run(["ip", *change.split()], check=True)


class House:
    """A daemon in that network, and a thread there in which to do things with it."""

    def __init__(self, network: ThreadPoolExecutor, daemon: Soaked) -> None:
        self._network = network
        self.daemon = daemon

    def do[T](self, work: Callable[[], T]) -> T:
        """Return what *work*, done there, returns."""
        return self._network.submit(work).result(timeout=100)

    def counters(self) -> Counter[str]:
        """Return the counters; empty until a worker has told of itself."""
        return Counter(self.daemon.state_of_roles().dns)

    def wait_for_count(self, name: str, *, more_than: int) -> None:
        """Wait until *name* is counted that often."""
        wait_until(lambda: self.counters()[name] > more_than, within_s=15, what=f"{name} is counted")

    @property
    def memory_mb(self) -> float:
        """What it takes."""
        assert self.daemon.process
        return sample(self.daemon.process.pid).memory_mb


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("f")
    with ThreadPoolExecutor(1, initializer=enter_own_network) as network:
        stack = contextlib.ExitStack()

        def start() -> Soaked:
            around = stack.enter_context(world(2))
            return stack.enter_context(Soaked(folder, around.ports, strategy="in-order"))

        try:
            yield House(network, network.submit(start).result())
        finally:
            network.submit(stack.close).result()


def honest_ask(port: int, name: str) -> bool:
    """Return whether *name* is answered to a client that asks again when nothing comes."""
    query = make_query(name, identity=random.randrange(1 << 16))
    for _ in range(TRIES):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(TRY_S)
            client.bind((HOST, 0))
            client.connect(("127.0.0.1", port))
            client.send(query)
            with contextlib.suppress(TimeoutError):
                answer = client.recv(4096)
                return answer[:2] == query[:2] and answer[3] & 15 == 0
    return False


def flooded(daemon: Soaked, flood: Callable[[int, threading.Event], None], *, seconds: float = FLOOD_S) -> list[bool]:
    """Return what honest clients are answered while *flood* runs."""
    for name in HONEST:
        assert honest_ask(daemon.dns, name)
    stop = threading.Event()
    flooding = threading.Thread(target=flood, args=(daemon.dns, stop))
    flooding.start()
    answered = []
    end = time.monotonic() + seconds
    try:
        for name in itertools.cycle([*HONEST, "x.refused.example"]):
            if time.monotonic() > end:
                break
            answered.append(honest_ask(daemon.dns, name))
            stop.wait(0.02)
    finally:
        stop.set()
        flooding.join()
    return answered


def send_all(messages: Iterator[bytes], port: int, stop: threading.Event) -> None:
    """Send *messages* as fast as they go, without a look at the answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((FLOODER, 0))
        sender.connect(("127.0.0.1", port))
        for number, message in enumerate(messages):
            if number % 100 == 0 and stop.wait(0 if OWN_NETWORK else 100 / BEARABLE):
                return
            with contextlib.suppress(OSError):
                sender.send(message)


def unique_names() -> Iterator[bytes]:
    for number in itertools.count():
        yield make_query(f"{spell(number)}.flood.example", identity=number & 0xFFFF)


def odd_packets() -> Iterator[bytes]:
    """Yield packets that are too long, cut, answers, with compression loops, of other opcodes, or just noise."""
    chance = random.Random(5653)
    honest = make_query("known.example")
    while True:
        yield honest + bytes(chance.randrange(1, 60_000))
        yield honest[: chance.randrange(len(honest))]
        yield honest[:2] + b"\x81\x80" + honest[4:]
        yield honest[:12] + b"\xc0\x0c\0\1\0\1"
        yield honest[:2] + bytes([chance.randrange(256)]) + honest[3:]
        yield honest[:4] + chance.randbytes(8) + honest[12:]
        yield chance.randbytes(chance.randrange(1, 2000))
        yield b""


@pytest.mark.parametrize(
    ("packets", "counter"), [(unique_names, "cache_misses"), (odd_packets, "malformed")], ids=["names", "rubbish"]
)
def test_a_flood_of_datagrams_is_counted_and_starves_nobody(
    house: House, packets: Callable[[], Iterator[bytes]], counter: str
) -> None:
    before, counted = house.memory_mb, house.counters()

    answered = house.do(lambda: flooded(house.daemon, lambda port, stop: send_all(packets(), port, stop)))

    assert len(answered) > 5
    assert all(answered)
    assert house.memory_mb < before + GROWTH_MB
    house.wait_for_count(counter, more_than=counted[counter] + 1000)
    if OWN_NETWORK:
        house.wait_for_count("limited", more_than=counted["limited"] + 1000)
    assert house.counters()["errors"] == 0


def open_idle(port: int, count: int) -> list[socket.socket]:
    """Return connections on which nothing is said, from many addresses of loopback."""
    opened = []
    for number in range(count):
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.settimeout(5)
        try:
            client.bind((f"127.0.{number // 50 % 200 + 1}.{number % 50 + 1}", 0))
            client.connect(("127.0.0.1", port))
        except OSError:
            client.close()
            continue
        opened.append(client)
    return opened


@contextlib.contextmanager
def more_descriptors(wanted: int) -> Iterator[int]:
    """Allow this process *wanted* descriptors if the system lets it; yields how many connections that makes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, room), hard))
    try:
        yield max(soft, room) - 500
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def most_descriptors(daemon: Daemon) -> int:
    assert daemon.process
    return max(sample(pid).descriptors for pid in children(daemon.process.pid))


def test_ten_thousand_idle_connections_keep_nobody_out(house: House) -> None:
    """Fewer where the system allows fewer descriptors: the bounds are reached all the same."""
    before, daemon = house.memory_mb, house.daemon

    def work(room: int) -> None:
        idle = open_idle(daemon.dns, min(IDLE, room))
        try:
            assert len(idle) > 2 * LIMIT_TOTAL
            assert honest_ask(daemon.dns, "refused.example")
            assert ask_by_tcp(daemon.dns, "refused.example").endswith(bytes(4))
            assert house.memory_mb < before + GROWTH_MB
            assert most_descriptors(daemon) < 2 * LIMIT_TOTAL
        finally:
            for client in idle:
                client.close()

    with more_descriptors(IDLE + 500) as room:
        house.do(lambda: work(room))
    house.wait_for_count("tcp_accepted", more_than=2 * LIMIT_TOTAL)


def ask_by_tcp(port: int, name: str) -> bytes:
    query = make_query(name)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(len(query).to_bytes(2) + query)
        return receive(client, int.from_bytes(receive(client, 2)))


def receive(client: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = client.recv(size - len(parts))
        assert part, "closed"
        parts += part
    return parts


def drip(port: int, stop: threading.Event) -> None:
    """Hold connections that send a byte now and then, ask and do not read, or announce more than they send."""
    query = make_query("known.example")
    framed = len(query).to_bytes(2) + query
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(150):
            client = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(FLOODER, 0))
            clients.append(stack.enter_context(client))
            client.setblocking(False)
            with contextlib.suppress(OSError):
                match number % 3:
                    case 0:
                        client.send(b"\xff\xff" + bytes(100))
                    case 1:
                        client.send(framed * 2000)
        while not stop.wait(0.2):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(b"\0")


def test_slow_clients_of_tcp_hold_up_nobody(house: House) -> None:
    before, counted = house.memory_mb, house.counters()

    answered = house.do(lambda: flooded(house.daemon, drip, seconds=4))

    assert len(answered) > 2
    assert all(answered)
    assert house.memory_mb < before + GROWTH_MB
    house.wait_for_count("tcp_malformed", more_than=counted["tcp_malformed"] + 20)


def spoof(port: int, stop: threading.Event) -> None:
    """Ask from a new address each time: of a private network, which is served, and of the world, which is not."""
    chance = random.Random(5653)
    while not stop.is_set():
        source = f"1{chance.randrange(2)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.bind((source, 0))
            sender.sendto(make_query(chance.choice(HONEST)), ("127.0.0.1", port))


@pytest.mark.skipif(not OWN_NETWORK, reason="needs root, iproute2 and a network namespace")
def test_a_flood_from_made_up_addresses_fills_no_memory(house: House) -> None:
    before, counted = house.memory_mb, house.counters()

    answered = house.do(lambda: flooded(house.daemon, spoof))

    assert len(answered) > 5
    assert all(answered)
    assert house.memory_mb < before + GROWTH_MB
    house.wait_for_count("refused", more_than=counted["refused"] + 1000)
    assert house.counters()["errors"] == 0
