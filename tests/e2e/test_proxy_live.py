# SPDX-License-Identifier: GPL-3.0-or-later
"""What is open ends with its verdict: at a boundary of the policy, after a swap; what is still allowed stays."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from filterd.policy.model import Allow, Block, Cause, Decision, Reason, Request
from filterd.proxy.addon import FilterAddon
from filterd.proxy.authority import load_or_make
from filterd.proxy.inspection import Inspection
from filterd.proxy.judge import Rulebook
from filterd.proxy.runner import Listener
from tests.e2e.browser import Site, serving_site
from tests.filterd.proxy import bad_servers
from tests.filterd.proxy.support import (
    RunningProxy,
    Table,
    listening,
    open_rulebook,
    receive_all,
    receive_exactly,
    rulebook,
    serving,
)

HERE = {name: ["127.0.0.1"] for name in ("shop.example", "school.example")}
BEDTIME = Block(Reason(Cause.CLOSED_HOURS, rule="all 21:00-07:00", list="schedule"))
HANDSHAKE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n"
PROMPTLY_S = 1.5  # a second is promised; the machine of the tests is shared


@dataclass
class Home:
    """A policy with a bedtime, on a clock that can be set, and a school that stays open."""

    bedtime: datetime = datetime(2100, 1, 1, tzinfo=UTC)
    offset: timedelta = timedelta(0)
    denied: set[str] = field(default_factory=set)

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def decide(self, request: Request, /) -> Decision:
        closed = request.when >= self.bedtime or request.host in self.denied
        verdict = BEDTIME if closed and request.host != "school.example" else Allow()
        return Decision(request, verdict, "child")

    def rulebook(self) -> Rulebook:
        def next_boundary(_client: object, when: datetime) -> datetime | None:
            return self.bedtime if when < self.bedtime else None

        return replace(rulebook(self.decide, HERE), next_boundary=next_boundary)


@contextlib.contextmanager
def filtered(home: Home) -> Iterator[RunningProxy]:
    decisions: list[Decision] = []
    addon = FilterAddon(home.rulebook(), observe=decisions.append, clock=home.clock)
    with serving(addon, [Listener("127.0.0.1", 0)], decisions) as proxy:
        yield proxy


def drip(connection: socket.socket) -> None:
    """Answer one request, and then send for ever."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"x" * 1000)
            time.sleep(0.02)  # as slow as a film


def echo(connection: socket.socket) -> None:
    """Say back what is said."""
    with contextlib.suppress(OSError):
        while said := connection.recv(65536):
            connection.sendall(said)


def switch(connection: socket.socket) -> None:
    """Become a WebSocket that says back what is said."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    echo(connection)


def download(proxy: RunningProxy, host: str, port: int) -> socket.socket:
    client = proxy.connect()
    client.sendall(f"GET http://{host}:{port}/film HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    assert receive_exactly(client, 2000).startswith(b"HTTP/1.1 200")
    return client


def websocket(proxy: RunningProxy, host: str, port: int) -> socket.socket:
    client = proxy.connect()
    client.sendall(f"GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\n{HANDSHAKE}\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive_exactly(client, 1)
    client.sendall(b"ping")
    assert receive_exactly(client, 4) == b"ping"
    return client


def seconds_until_closed(client: socket.socket) -> float:
    began = time.monotonic()
    with client:
        receive_all(client)
    return time.monotonic() - began


def is_open(client: socket.socket) -> bool:
    return len(receive_exactly(client, 3000)) == 3000


@pytest.mark.parametrize(("talk", "begin"), [(drip, download), (switch, websocket)], ids=["download", "websocket"])
@pytest.mark.parametrize("event", ["bedtime", "deny", "clock set"])
def test_what_is_open_ends_and_what_is_allowed_stays(
    talk: Callable[[socket.socket], None],
    begin: Callable[[RunningProxy, str, int], socket.socket],
    event: str,
) -> None:
    home = Home(bedtime=datetime.now(UTC) + timedelta(seconds=2.0) if event == "bedtime" else Home.bedtime)
    with listening(talk) as port, listening(drip) as school, filtered(home) as proxy:
        client, lesson = begin(proxy, "shop.example", port), download(proxy, "school.example", school)
        with lesson:
            if event == "deny":
                home.denied.add("shop.example")
                proxy.addon.swap(home.rulebook())
            elif event == "clock set":
                home.bedtime = datetime(2090, 1, 1, tzinfo=UTC)
                home.offset = timedelta(days=366 * 70)
            # A clock that was set is noticed within three seconds.
            late = {"bedtime": 2.0, "deny": 0.0, "clock set": 3.0}[event] + PROMPTLY_S

            assert seconds_until_closed(client) < late
            assert is_open(lesson)

    assert [d.verdict for d in proxy.decisions if d.request.host == "shop.example"] == [Allow(), BEDTIME]


def test_a_tunnel_ends_with_its_verdict() -> None:
    home = Home()
    hello = _greeting("shop.example")
    with listening(echo) as port, filtered(home) as proxy:
        tunnel, _ = proxy.open_tunnel(f"shop.example:{port}")
        tunnel.sendall(hello)
        assert receive_exactly(tunnel, len(hello)) == hello
        proxy.addon.swap(home.rulebook())
        tunnel.sendall(b"again")
        assert receive_exactly(tunnel, 5) == b"again", "a swap alone ends nothing"
        home.denied.add("shop.example")
        proxy.addon.swap(home.rulebook())

        assert seconds_until_closed(tunnel) < PROMPTLY_S


def test_a_request_that_waits_for_its_answer_gets_the_block_page() -> None:
    home, reached = Home(), threading.Event()

    def think(connection: socket.socket) -> None:
        connection.recv(65536)
        reached.set()
        connection.recv(65536)

    with listening(think) as port, filtered(home) as proxy, proxy.connect() as client:
        client.sendall(f"GET http://shop.example:{port}/ HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        assert reached.wait(10)
        home.denied.add("shop.example")
        proxy.addon.swap(home.rulebook())

        assert receive_all(client).startswith(b"HTTP/1.1 403")


@contextlib.contextmanager
def inspected(tmp_path: Path, policy: Table, film: bytes) -> Iterator[tuple[RunningProxy, Site, Rulebook]]:
    """Run a proxy that decrypts, and a site over HTTP/2 that has a *film*."""
    holder = bad_servers.make(bad_servers.Recipe(names=("shop.example",)), bad_servers.ROOT)
    (tmp_path / "site.pem").write_bytes(bad_servers.pem_key(holder) + bad_servers.pem(holder))
    (tmp_path / "roots.pem").write_bytes(bad_servers.pem(bad_servers.ROOT))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "site.pem")
    authority = load_or_make(tmp_path / "ca", machine="casa", now=datetime.now(UTC))
    book = open_rulebook(policy, HERE, Inspection(authority, upstream_ca=tmp_path / "roots.pem"))
    addon = FilterAddon(book, observe=lambda _: None)
    with serving_site(Site(context, {}, film=film)) as site, serving(addon, [Listener("127.0.0.1", 0)], []) as proxy:
        yield proxy, site, book


def test_of_two_streams_of_one_connection_only_the_forbidden_one_ends(tmp_path: Path) -> None:
    policy = Table({})
    with inspected(tmp_path, policy, bytes(20_000_000)) as (proxy, site, book):
        client = Http2(proxy, f"shop.example:{site.port}")
        with client.connection:
            client.ask(1, "/film?bad")
            client.ask(3, "/film?good")
            client.hear_until(lambda: client.received[1] > 0 and client.received[3] > 0)
            policy.verdicts[f"https://shop.example:{site.port}/film?bad"] = BEDTIME
            proxy.addon.swap(book)
            client.hear_until(lambda: 1 in client.reset)
            client.let_go_on(3)
            client.hear_until(lambda: client.received[3] == len(site.film))

    assert client.reset == {1}


def test_a_film_that_was_paused_waits_at_its_server_and_others_go_on(tmp_path: Path) -> None:
    """Not in our memory; and what else is asked for on the same connection does not wait for it."""
    with inspected(tmp_path, Table({}), bytes(200_000_000)) as (proxy, site, _):
        client = Http2(proxy, f"shop.example:{site.port}")
        with client.connection:
            client.ask(1, "/film")
            client.hear_until(lambda: client.received[1] > 60_000)
            before = resident_mb()
            for stream in range(3, 103, 2):
                client.ask(stream, "/page")
                client.hear_until(lambda: client.received[stream] > 0)  # noqa: B023 - called at once

            assert resident_mb() - before < 20


class Http2:
    """A browser's HTTP/2 inside a decrypted tunnel, which takes no more of an answer than it has room for."""

    def __init__(self, proxy: RunningProxy, target: str) -> None:
        tunnel, _ = proxy.open_tunnel(target)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self.connection = context.wrap_socket(tunnel, server_hostname="shop.example")
        self.spoken = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.spoken.initiate_connection()
        self.spoken.increment_flow_control_window(50_000_000)
        self.target = target
        self.received: Counter[int] = Counter()
        self.reset: set[int] = set()

    def ask(self, stream: int, path: str) -> None:
        head = [(":method", "GET"), (":scheme", "https"), (":authority", self.target), (":path", path)]
        self.spoken.send_headers(stream, head, end_stream=True)
        self.connection.sendall(self.spoken.data_to_send())

    def let_go_on(self, stream: int) -> None:
        self.spoken.increment_flow_control_window(25_000_000, stream)
        self.connection.sendall(self.spoken.data_to_send())

    def hear_until(self, heard: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not heard():
            assert time.monotonic() < end
            for event in self.spoken.receive_data(self.connection.recv(65536)):
                if isinstance(event, h2.events.DataReceived):
                    self.received[event.stream_id or 0] += len(event.data or b"")
                elif isinstance(event, h2.events.StreamReset):
                    self.reset.add(event.stream_id or 0)


def resident_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def _greeting(name: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()
