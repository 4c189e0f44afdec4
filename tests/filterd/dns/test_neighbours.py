# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's neighbour table: its messages, our memory of it, and real links between namespaces."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns.identify import Identifier
from filterd.dns.neighbours import Neighbours, Table, parse_neighbours, read_neighbours
from filterd.policy.clients import ClientRule, mac_device, profile_of

MAC, OTHER_MAC = "02:00:5e:10:00:01", "02:00:5e:10:00:02"
REACHABLE, INCOMPLETE, NOARP = 0x02, 0x01, 0x40


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def row(address: bytes, mac: bytes, *, state: int = REACHABLE) -> bytes:
    body = struct.pack("=BxHiHBB", 2, 0, 2, state, 0, 1) + attribute(1, address) + attribute(2, mac)
    return struct.pack("=IHHII", 16 + len(body), 28, 2, 1, 0) + body


DONE = struct.pack("=IHHII", 20, 3, 2, 1, 0) + bytes(4)
V4, V6, RAW_MAC = bytes([192, 0, 2, 7]), bytes([0x20, 1, 0xD, 0xB8, *bytes(11), 7]), bytes.fromhex("02005e100001")


def test_rows_of_both_families_are_read() -> None:
    pairs, ended = parse_neighbours(row(V4, RAW_MAC) + row(V6, RAW_MAC) + DONE)

    assert pairs == [("192.0.2.7", MAC), ("2001:db8::7", MAC)]
    assert ended


@pytest.mark.parametrize(
    "raw",
    [
        row(V4, RAW_MAC, state=INCOMPLETE),
        row(V4, RAW_MAC, state=NOARP),
        row(V4, bytes(6)),
        row(V4, bytes(20)),
        row(b"", RAW_MAC),
        row(V4, RAW_MAC)[:-4],
        struct.pack("=IHHII", 16, 16, 2, 1, 0),
    ],
    ids=["unanswered", "no ARP there", "no address", "infiniband", "no destination", "cut", "another message"],
)
def test_what_says_nothing_is_left_out(raw: bytes) -> None:
    assert parse_neighbours(raw) == ([], False)


def test_the_kernel_s_error_is_one() -> None:
    with pytest.raises(PermissionError):
        parse_neighbours(struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -1))


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_break_the_reading(noise: bytes, cut: int) -> None:
    for raw in (noise, row(V4, RAW_MAC)[:cut] + noise, row(V4, RAW_MAC)[:16] + noise):
        try:
            pairs, _ = parse_neighbours(raw)
        except OSError:
            continue
        assert all(len(mac) == 17 for _, mac in pairs)


class Kernel:
    def __init__(self, table: Table) -> None:
        self.table = table
        self.time = 0.0
        self.reads = 0
        self.broken = False

    def read(self) -> Table:
        self.reads += 1
        if self.broken:
            raise PermissionError(1, "not allowed")
        return self.table

    def clock(self) -> float:
        return self.time


def test_the_table_is_not_read_for_each_query() -> None:
    kernel = Kernel({"192.0.2.7": MAC})
    neighbours = Neighbours(kernel.read, kernel.clock)

    assert {neighbours.mac_of("192.0.2.7") for _ in range(1000)} == {MAC}
    assert {neighbours.mac_of(f"198.51.100.{n}") for n in range(250)} == {None}
    assert kernel.reads == 1


def test_an_address_that_changes_hands_is_seen_to() -> None:
    kernel = Kernel({"192.0.2.7": MAC})
    neighbours = Neighbours(kernel.read, kernel.clock)
    assert neighbours.mac_of("192.0.2.7") == MAC
    kernel.table = {"192.0.2.7": OTHER_MAC}
    kernel.time += 6

    assert neighbours.mac_of("192.0.2.7") == OTHER_MAC


def test_who_is_silent_is_remembered_for_a_while() -> None:
    kernel = Kernel({"192.0.2.7": MAC})
    neighbours = Neighbours(kernel.read, kernel.clock)
    neighbours.mac_of("192.0.2.7")
    kernel.table = {}
    kernel.time += 300
    assert neighbours.mac_of("192.0.2.7") == MAC
    kernel.time += 400

    assert neighbours.mac_of("192.0.2.7") is None


def test_a_newcomer_is_found_soon() -> None:
    kernel = Kernel({})
    neighbours = Neighbours(kernel.read, kernel.clock)
    assert neighbours.mac_of("192.0.2.8") is None
    kernel.table = {"192.0.2.8": MAC}
    kernel.time += 0.6

    assert neighbours.mac_of("192.0.2.8") == MAC


def test_a_table_that_cannot_be_read_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel({})
    kernel.broken = True
    neighbours = Neighbours(kernel.read, kernel.clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert neighbours.mac_of("192.0.2.7") is None
            kernel.time += 10

    assert [record.getMessage() for record in caplog.records] == [
        "the neighbour table cannot be read: [Errno 1] not allowed; profiles by mac do not apply"
    ]


def test_the_memory_has_a_bound() -> None:
    kernel = Kernel({})
    neighbours = Neighbours(kernel.read, kernel.clock)
    for n in range(5):
        kernel.table = {f"10.{n}.{m >> 8}.{m & 255}": MAC for m in range(10_000)}
        kernel.time += 6
        neighbours.mac_of("10.0.0.0")

    assert len(neighbours._known) <= 16_384


namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None,
    reason="links between network namespaces need root and ip (Debian: iproute2)",
)


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.decode().strip()}")


def inside[T](namespace: str, work: Callable[[], T]) -> T:
    """Return what *work* returns in *namespace*; sockets that it makes stay there."""
    result: list[T] = []

    def enter() -> None:
        with open(f"/run/netns/{namespace}", "rb") as there:  # noqa: PTH123 - a descriptor is what is wanted
            os.setns(there.fileno(), os.CLONE_NEWNET)
        result.append(work())

    thread = threading.Thread(target=enter)  # the namespace is the thread's, and ends with it
    thread.start()
    thread.join()
    return result[0]


@pytest.fixture
def network() -> Iterator[str]:
    """A gateway and two devices, each on a link of its own; the name under which the namespaces are found."""
    name = f"fd{os.getpid()}"
    made: list[str] = []
    try:
        for role in ("gw", "a", "b"):
            try:
                ip("netns", "add", f"{name}{role}")
            except OSError as error:
                pytest.skip(f"no network namespace can be made here: {error}")
            made.append(f"{name}{role}")
        for number, (role, mac) in enumerate((("a", MAC), ("b", OTHER_MAC)), 1):
            far_end = ("name", "home", "address", mac, "netns", f"{name}{role}")
            ip("-n", f"{name}gw", "link", "add", f"to{role}", "type", "veth", "peer", *far_end)
            for place, device, host in ((f"{name}gw", f"to{role}", 1), (f"{name}{role}", "home", 2)):
                ip("-n", place, "address", "add", f"10.77.{number}.{host}/24", "dev", device)
                ip("-n", place, "address", "add", f"fd00:77:{number}::{host}/64", "dev", device, "nodad")
                ip("-n", place, "link", "set", device, "up")
        yield name
    finally:
        for namespace in made:
            ip("netns", "delete", namespace)


def listen_on(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.settimeout(10)
    sock.bind((host, 0))
    sock.listen()
    return sock


def connect_to(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=10)


@namespaces
@pytest.mark.serial
@pytest.mark.parametrize("prefix", ["10.77.{}.", "fd00:77:{}::"], ids=["IPv4", "IPv6"])
def test_two_devices_get_two_profiles(network: str, prefix: str) -> None:
    rules = [ClientRule("child", device=mac_device(MAC)), ClientRule("adult", device=mac_device(OTHER_MAC))]
    table = Neighbours(lambda: inside(f"{network}gw", read_neighbours))
    identify = Identifier(rules, make_neighbours=lambda: table)
    profiles = []
    for number, role in ((1, "a"), (2, "b")):
        host = prefix.format(number) + "1"
        listener = inside(f"{network}gw", partial(listen_on, host))
        device = inside(network + role, partial(connect_to, host, listener.getsockname()[1]))
        with listener, device:
            sock, peer = listener.accept()
            sock.close()
        table._read_at = float("-inf")
        profiles.append(profile_of(identify(peer[0]), rules, "default"))

    assert profiles == ["child", "adult"]
