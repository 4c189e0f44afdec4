# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams over real sockets: in batches and one by one it comes to the same."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from filterd.dns.batches import BATCH, MAX_QUERY, Batches, can_batch
from filterd.dns.datagrams import Datagrams, OneByOne, open_datagrams
from filterd.dns.peer import address_of

Make = Callable[[socket.socket], Datagrams[Any]]

batching = pytest.mark.skipif(not can_batch(), reason="recvmmsg and sendmmsg are Linux's")
linux = pytest.mark.skipif(sys.platform != "linux", reason="every 127.x.y.z is this machine on Linux only")
both = pytest.mark.parametrize(
    "make", [pytest.param(Batches, marks=batching, id="batches"), pytest.param(OneByOne, id="one by one")]
)


@contextlib.contextmanager
def bound(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        yield sock


@contextlib.contextmanager
def client_of(server: socket.socket, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect((host, server.getsockname()[1]))
        yield client


def opened(make: Make, sock: socket.socket) -> Datagrams[Any]:
    """Return *sock* prepared as `open_datagrams` prepares it, read by *make*."""
    open_datagrams(sock)
    return make(sock)


def receive(server: socket.socket, served: Datagrams[Any]) -> tuple[list[bytes], list[bytes]]:
    assert select.select([server], [], [], 5)[0]
    messages, hosts = served.receive()
    return list(messages), list(hosts)


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_is_answered_with_its_own_id(make: Make, host: str) -> None:
    with bound(host) as server, client_of(server, host) as one, client_of(server, host) as other:
        served = opened(make, server)
        one.send(b"\0\1first")
        other.send(b"\0\2second")
        messages, hosts = receive(server, served)
        lost = served.send([b"to " + message for message in messages])

        assert (messages, lost) == ([b"first", b"second"], 0)
        assert [address_of(packed) for packed in hosts] == [host, host]
        assert (one.recv(99), other.recv(99)) == (b"\0\1to first", b"\0\2to second")


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("unanswered", [{0}, {1}, {0, 2}, {0, 1, 2}], ids=str)
def test_some_are_answered_later(make: Make, host: str, unanswered: set[int]) -> None:
    with bound(host) as server, client_of(server, host) as client:
        served = opened(make, server)
        for _ in range(2):  # the second time the places of the first must not show
            for n in range(3):
                client.send(bytes([0, n]) + b"?")
            messages, _ = receive(server, served)
            peers = {n: (served.peer(n), served.message(n)) for n in unanswered}
            assert served.send([None if n in unanswered else b"now" for n in range(len(messages))]) == 0
            assert not served.send_late([(peer, message[:2] + b"late") for peer, message in peers.values()])
            told = {client.recv(99) for _ in range(3)}

            assert told == {bytes([0, n]) + (b"late" if n in unanswered else b"now") for n in range(3)}
        client.send(b"\0\7?")
        receive(server, served)
        served.send([b"whole again"])
        assert client.recv(99) == b"\0\7whole again"


@both
def test_more_than_a_batch_is_taken_in_parts(make: Make) -> None:
    with bound() as server, client_of(server) as client:
        served = opened(make, server)
        for n in range(BATCH + 5):
            client.send(n.to_bytes(2) + b"?")
        first, _ = receive(server, served)
        served.send([b"!"] * len(first))
        second, _ = receive(server, served)
        served.send([b"!"] * len(second))

        assert (len(first), len(second)) == (BATCH, 5)
        assert {client.recv(99)[:2] for _ in range(BATCH + 5)} == {n.to_bytes(2) for n in range(BATCH + 5)}


@both
def test_long_and_short_ones_arrive_as_they_are_and_longer_ones_cut(make: Make) -> None:
    sizes = [0, 1, 2, 3, 100, 223, 224, 225, 226, 512, 1232, MAX_QUERY - 1, MAX_QUERY, MAX_QUERY + 1, 40]
    sent = [bytes((n + at) % 256 for at in range(size)) for n, size in enumerate(sizes)]
    with bound() as server, client_of(server) as client:
        served = opened(make, server)
        for message in sent:
            client.send(message)
        messages, _ = receive(server, served)

        assert [served.message(at) for at in range(len(sizes))] == [message[:MAX_QUERY] for message in sent]
        assert messages == [message[2:MAX_QUERY] for message in sent]


@both
@linux
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_answers_come_from_the_address_that_was_asked(make: Make, host: str) -> None:
    addresses = ["127.0.0.9", "127.0.0.1", "127.0.0.8", *(["::1"] if host == "::" else [])]
    with bound(host) as server, contextlib.ExitStack() as stack:
        served = opened(make, server)
        # A connected socket takes nothing from another address.
        clients = [stack.enter_context(client_of(server, address)) for address in addresses]
        for _ in range(2):
            for client in clients:
                client.send(b"\0\1?")
            messages, _ = receive(server, served)
            late = served.peer(1)
            served.send([b"!" if at != 1 else None for at in range(len(messages))])
            served.send_late([(late, b"\0\1!")])

            assert [client.recv(99) for client in clients] == [b"\0\1!"] * len(clients)


@both
def test_nothing_there_is_nothing(make: Make) -> None:
    with bound() as server:
        served = opened(make, server)

        assert [list(part) for part in served.receive()] == [[], []]
        assert served.send([]) == 0


@both
def test_what_cannot_be_sent_is_counted_and_the_rest_is_sent(make: Make) -> None:
    with bound() as server, client_of(server) as client:
        served = opened(make, server)
        for n in range(4):
            client.send(bytes([0, n]) + b"?")
        receive(server, served)

        assert served.send([b"!", b"x" * 65_530, None, b"!"]) == 1  # longer than a datagram can be
        assert [client.recv(99), client.recv(99)] == [b"\0\0!", b"\0\3!"]


@both
def test_a_receiver_that_is_gone_stops_nothing(make: Make) -> None:
    with bound() as server:
        served = opened(make, server)
        with client_of(server) as gone:
            gone.send(b"\0\1?")
            receive(server, served)
            peer = served.peer(0)
        assert served.send([b"!"]) == 0
        assert not served.send_late([(peer, b"\0\1!")])
        with client_of(server) as client:
            client.send(b"\0\2?")
            messages, _ = receive(server, served)
            served.send([b"!"] * len(messages))

            assert client.recv(99) == b"\0\2!"
