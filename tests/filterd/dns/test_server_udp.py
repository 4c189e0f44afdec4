# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries by UDP over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator

import pytest

from filterd.dns import server_udp, wire
from filterd.dns.pipeline import Pipeline
from filterd.dns.resolver import Ask
from filterd.dns.server_udp import UdpServer
from filterd.policy.model import Client
from tests.filterd.dns.fakes import NOON, FakeDecide, Zone, answers, blocking, question, read, run, until

ZONE = "www.example. 60 IN A 192.0.2.1"


@contextlib.asynccontextmanager
async def serving(
    host: str = "127.0.0.1", *, decide: FakeDecide | None = None, ask: Ask | None = None
) -> AsyncIterator[tuple[int, Pipeline, UdpServer]]:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    pipeline = Pipeline(decide or blocking("casino.example"), ask or Zone(ZONE).ask, clock=lambda: NOON)
    server = UdpServer(sock, pipeline, lambda address: Client(address=address))
    await server.start()
    try:
        yield sock.getsockname()[1], pipeline, server
    finally:
        await server.stop(grace_s=1)


async def ask_at(address: str, port: int, *queries: bytes) -> list[bytes]:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((address, port))
        for query in queries:
            client.send(query)
        return [await loop.sock_recv(client, 4096) for _ in queries]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_query_is_answered(host: str) -> None:
    async def work() -> bytes:
        async with serving(host) as (port, _, _):
            (reply,) = await ask_at(host, port, question("www.example"))
            return reply

    assert answers(run(work())) == [("www.example.", "A", "192.0.2.1")]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_policy_learns_who_asks(host: str) -> None:
    decide = FakeDecide()

    async def work() -> None:
        async with serving(host, decide=decide) as (port, _, _):
            await ask_at(host, port, question("www.example"))

    run(work())
    assert [request.client for request in decide.asked] == [Client(address=host)]


def test_a_burst_is_answered_whole_and_each_by_its_own_answer() -> None:
    async def work() -> list[bytes]:
        async with serving() as (port, _, _):
            queries = [question("casino.example", query_id=n) for n in range(80)]  # more than a batch
            return await ask_at("127.0.0.1", port, *queries)

    assert sorted(read(reply).header.id for reply in run(work())) == list(range(80))


@pytest.mark.skipif(sys.platform != "linux", reason="every 127.x.y.z is this machine on Linux only")
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_answer_comes_from_the_address_that_was_asked(host: str) -> None:
    async def work() -> bytes:
        async with serving(host) as (port, _, _):
            # The client's socket is connected: it takes nothing from another address.
            (reply,) = await ask_at("127.0.0.9", port, question("www.example"))
            if host == "::":
                await ask_at("::1", port, question("www.example"))
            return reply

    assert answers(run(work())) == [("www.example.", "A", "192.0.2.1")]


def test_rubbish_is_formerr_and_does_not_stop_the_server() -> None:
    async def work() -> list[bytes]:
        async with serving() as (port, _, _):
            return await ask_at("127.0.0.1", port, b"\0\7\1\0rubbish and more of it", question("www.example"))

    first, second = run(work())
    assert (read(first).header.id, read(first).header.rcode) == (7, wire.FORMERR)
    assert read(second).header.rcode == wire.NOERROR


def test_a_client_that_went_away_stops_nothing() -> None:
    async def work() -> list[bytes]:
        async with serving() as (port, _, _):
            for _ in range(5):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
                    gone.sendto(question("casino.example"), ("127.0.0.1", port))
            return await ask_at("127.0.0.1", port, question("www.example"))

    assert answers(run(work())[0])[0][2] == "192.0.2.1"


def test_too_many_under_way_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_udp, "MAX_UNDER_WAY", 3)

    async def work() -> int:
        async def never(_question: bytes) -> bytes:
            await asyncio.Event().wait()
            return b""

        async with serving(ask=never) as (port, pipeline, server):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect(("127.0.0.1", port))
                for n in range(10):
                    client.send(question(f"n{n}.example"))
                await until(lambda: pipeline.counters.queries + pipeline.counters.dropped == 10)
            await server.stop(grace_s=0)
            return pipeline.counters.dropped

    assert run(work()) == 7


def test_what_is_under_way_is_answered_before_the_end() -> None:
    async def work() -> bytes:
        asked, answer_now = asyncio.Event(), asyncio.Event()
        zone = Zone(ZONE)

        async def slow(asked_for: bytes) -> bytes:
            asked.set()
            await answer_now.wait()
            return zone.respond(asked_for)

        async with serving(ask=slow) as (port, _, server):
            asking = asyncio.ensure_future(ask_at("127.0.0.1", port, question("www.example")))
            await asked.wait()
            stopping = asyncio.ensure_future(server.stop(grace_s=5))
            await asyncio.sleep(0)
            answer_now.set()
            await stopping
            return (await asking)[0]

    assert answers(run(work())) == [("www.example.", "A", "192.0.2.1")]
