# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP complete, with patience for nobody who means harm: what a browser needs works, what floods is bounded."""

from __future__ import annotations

import contextlib
import http.client
import re
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from filterd.policy.model import Decision
from filterd.proxy.addon import FilterAddon
from filterd.proxy.limits import Limits
from filterd.proxy.runner import Listener
from tests.filterd.proxy.support import (
    RunningProxy,
    Table,
    listening,
    receive_all,
    receive_exactly,
    rulebook,
    serving,
    serving_web,
)

HERE = {"shop.example": ["127.0.0.1"]}
NOBODY = Limits(first_request_s=0.3, next_request_s=0.3)


@contextlib.contextmanager
def filtered(*, limits: Limits = Limits(), serves: Callable[[str], bool] | None = None) -> Iterator[RunningProxy]:  # noqa: B008
    decisions: list[Decision] = []
    addon = FilterAddon(rulebook(Table({}), HERE), observe=decisions.append)
    kept = serves or (lambda _: True)
    with serving(addon, [Listener("127.0.0.1", 0)], decisions, limits=limits, serves=kept) as proxy:
        yield proxy


def answers(*parts: bytes, heard: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    """Return a server that reads a head, and says *parts*."""

    def talk(connection: socket.socket) -> None:
        said = b""
        while b"\r\n\r\n" not in said:
            said += connection.recv(65536)
        if heard is not None:
            heard.append(said)
        for part in parts:
            connection.sendall(part)

    return talk


def get(port: int, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} http://shop.example:{port}/film HTTP/1.1", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode()


# What a browser needs


def test_a_range_of_a_film_is_a_range() -> None:
    heard: list[bytes] = []
    said = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/9\r\nContent-Length: 3\r\n\r\ncde"
    with listening(answers(said, heard=heard)) as port, filtered() as proxy:
        answer = proxy.say(get(port, "Range: bytes=2-4"))

    assert b"Range: bytes=2-4" in heard[0]
    assert answer.startswith(b"HTTP/1.1 206")
    assert b"Content-Range: bytes 2-4/9" in answer
    assert answer.endswith(b"cde")


def test_an_event_arrives_when_it_happens() -> None:
    go_on = threading.Event()

    def talk(connection: socket.socket) -> None:
        answers(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"data: one\n\n")(connection)
        assert go_on.wait(10)
        connection.sendall(b"data: two\n\n")

    with listening(talk) as port, filtered() as proxy, proxy.connect() as client:
        client.sendall(get(port, "Accept: text/event-stream"))
        received = b""
        while b"data: one\n\n" not in received:
            received += client.recv(65536)
        go_on.set()

        assert receive_all(client).endswith(b"data: two\n\n")


def test_trailers_upset_nobody() -> None:
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nServer-Timing: db;dur=1\r\n\r\n"
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.recv(65536)
        heard.append(received)
        connection.sendall(said)

    body = b"3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n"
    with listening(talk) as port, filtered() as proxy:
        answer = proxy.say(get(port, "Transfer-Encoding: chunked", method="POST") + body)

    assert heard[0].endswith(b"3\r\nabc\r\n0\r\n\r\n")
    assert answer.endswith(b"5\r\nhello\r\n0\r\n\r\n")


def test_leave_to_go_on_is_given_and_the_upload_arrives() -> None:
    with serving_web() as origin, filtered() as proxy, proxy.connect() as client:
        client.sendall(get(origin.port, "Content-Length: 5", "Expect: 100-continue", method="POST"))
        leave = b""
        while not leave.endswith(b"\r\n\r\n"):
            leave += receive_exactly(client, 1)
        client.sendall(b"hello")

        assert leave.startswith(b"HTTP/1.1 100")
        assert receive_all(client).endswith(b"taken 5")


def test_a_head_alone_is_a_head_alone() -> None:
    with serving_web() as origin, filtered() as proxy:
        head, _, body = proxy.say(get(origin.port, method="HEAD")).partition(b"\r\n\r\n")

    assert b"Content-Length: 21" in head
    assert body == b""


def test_large_heads_of_honest_sites_pass() -> None:
    """Cookies of many kilobytes are usual."""
    cookie = "a=" + "x" * 30_000
    with serving_web() as origin, filtered() as proxy:
        assert proxy.say(get(origin.port, f"Cookie: {cookie}")).startswith(b"HTTP/1.1 200")
        assert origin.requests[0][2]["cookie"] == cookie


# What is no request


@pytest.mark.parametrize(
    "said",
    [
        b"rubbish\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET http://shop.example/ HTTP/1.1\r\nbroken header\r\n\r\n",
        b"GET http://shop.example/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET http://shop.example/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST http://shop.example/ HTTP/1.1\r\nTransfer-Encoding: strange\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET ftp://shop.example/ HTTP/1.1\r\n\r\n",
    ],
    ids=lambda said: said[:60].decode().replace("\r\n", " "),
)
def test_what_is_malformed_gets_our_page(said: bytes) -> None:
    with filtered() as proxy:
        answer = proxy.say(said)

    assert answer.startswith(b"HTTP/1.1 400")
    assert "Pedido no válido" in answer.decode()
    assert b"mitmproxy" not in answer.lower()


# Bounds


def test_a_port_without_web_pages_is_out_of_reach() -> None:
    with filtered() as proxy:
        assert b"403" in proxy.say(get(25)).splitlines()[0]
        tunnel, answer = proxy.open_tunnel("shop.example:25")
        tunnel.close()

    assert answer.status == 403


def test_who_is_not_of_the_house_is_hung_up_on() -> None:
    with serving_web() as origin, filtered(serves=lambda _: False) as proxy:
        assert proxy.say(get(origin.port)) == b""
        assert origin.requests == []


@pytest.mark.parametrize("said", [b"", b"GET http://shop.example/ HT"], ids=["nothing", "half a head"])
def test_a_client_that_asks_for_nothing_is_hung_up_on(said: bytes) -> None:
    with filtered(limits=NOBODY) as proxy:
        began = time.monotonic()
        assert proxy.say(said) == b""

    assert time.monotonic() - began < 5


def test_a_head_that_trickles_in_is_hung_up_on() -> None:
    with filtered(limits=NOBODY) as proxy, proxy.connect() as client:
        assert _trickle(client, b"GET http://shop.example/ HTTP/1.1\r\n" + b"X-Slow: 1\r\n" * 100) < 1000


def test_an_idle_connection_is_kept_for_a_while_only() -> None:
    with serving_web() as origin, filtered(limits=NOBODY) as proxy:
        client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        with contextlib.closing(client):
            client.request("GET", f"http://shop.example:{origin.port}/")
            client.getresponse().read()
            assert client.sock
            assert client.sock.recv(1) == b""


def test_an_answer_that_takes_long_is_no_idleness() -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

    def talk(connection: socket.socket) -> None:
        answers()(connection)
        time.sleep(1.2)  # four times what an idle client has
        connection.sendall(said + b"hello")

    with listening(talk) as port, filtered(limits=NOBODY) as proxy:
        assert proxy.say(get(port)).endswith(b"hello")


def test_beyond_the_limit_a_client_is_told_to_come_back() -> None:
    with serving_web() as origin, filtered(limits=Limits(clients=2)) as proxy:
        with proxy.connect() as one, proxy.connect() as two:
            for client in (one, two):
                client.sendall(get(origin.port).replace(b"close", b"keep-alive"))
                assert receive_exactly(client, 12) == b"HTTP/1.1 200"
            refused = proxy.say(b"")
        served = _until(lambda: proxy.say(get(origin.port)), b"HTTP/1.1 200")

    assert refused.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: 5" in refused
    assert served


@pytest.mark.serial
def test_two_thousand_connections_at_once_are_served_in_bounded_memory() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 8400:
        pytest.skip(f"needs 8400 open files, the machine allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (8400, hard))
    limits = replace(Limits(), clients=2000, clients_an_address=2000)
    try:
        with serving_web() as origin, filtered(limits=limits) as proxy, contextlib.ExitStack() as crowd:
            before = _resident_mb()
            clients = [crowd.enter_context(proxy.connect()) for _ in range(2000)]
            grown = _resident_mb() - before
            for client in clients[::100]:
                client.sendall(get(origin.port))
                assert receive_all(client).startswith(b"HTTP/1.1 200")

            assert grown < 120, f"{grown:.0f} MB for 2000 idle connections"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_server_that_sends_for_ever_is_streamed_in_flat_memory() -> None:
    total, block = 200_000_000, b"x" * 1_000_000

    def talk(connection: socket.socket) -> None:
        answers(b"HTTP/1.1 200 OK\r\n\r\n")(connection)
        with contextlib.suppress(OSError):
            for _ in range(total // len(block)):
                connection.sendall(block)

    with listening(talk) as port, filtered() as proxy, proxy.connect() as client:
        client.sendall(get(port))
        buffer = bytearray(1 << 20)
        received, before = client.recv_into(buffer), _resident_mb()
        while got := client.recv_into(buffer):
            received += got

        assert received > total
        assert _resident_mb() - before < 30


def _trickle(client: socket.socket, said: bytes) -> int:
    """Return how many bytes of *said* went out before the other side was gone."""
    for sent in range(len(said)):
        try:
            client.sendall(said[sent : sent + 1])
        except OSError:
            return sent
        time.sleep(0.01)
    return len(said)


def _until(ask: Callable[[], bytes], wanted: bytes) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if ask().startswith(wanted):
            return True
    return False


def _resident_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024
