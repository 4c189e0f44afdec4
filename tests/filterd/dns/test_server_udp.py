# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries by UDP over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator

import pytest

from filterd.dns import callers, datagrams, server_udp, wire
from filterd.dns.batches import can_batch
from filterd.dns.cache import AnswerCache
from filterd.dns.callers import Callers, RateLimit
from filterd.dns.fastpath import FastPath
from filterd.dns.pipeline import Pipeline
from filterd.dns.resolver import Ask
from filterd.dns.server_udp import UdpServer
from filterd.policy.model import Allow, Block, Client, Decision, Request
from tests.filterd.dns.fakes import GAMBLING, NOON, FakeDecide, Zone, answers, blocking, question, read, run, until

linux = pytest.mark.skipif(sys.platform != "linux", reason="every 127.x.y.z is this machine on Linux only")
ZONE = "www.example. 60 IN A 192.0.2.1"


def known(address: str) -> Client | None:
    return None if address == "127.0.0.66" else Client(address=address, user="ana" if address == "127.0.0.2" else None)


@pytest.fixture(params=[pytest.param(True, id="batches"), pytest.param(False, id="one by one")], autouse=True)
def _sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on both kinds of socket."""
    if not request.param:
        monkeypatch.setattr(datagrams, "can_batch", lambda: False)
    elif not can_batch():
        pytest.skip("recvmmsg and sendmmsg are Linux's")


@contextlib.asynccontextmanager
async def serving(
    host: str = "127.0.0.1",
    *,
    decide: FakeDecide | None = None,
    ask: Ask | None = None,
    limit: RateLimit | None = None,
    fast: FastPath | None = None,
    cache: AnswerCache | None = None,
) -> AsyncIterator[tuple[int, Pipeline, UdpServer]]:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    pipeline = Pipeline(decide or blocking("casino.example"), ask or Zone(ZONE).ask, clock=lambda: NOON, cache=cache)
    fast = FastPath(lambda client: client.user or "child") if fast is None else fast
    server = UdpServer(sock, pipeline, Callers(known, fast, limit), fast)
    await server.start()
    try:
        yield sock.getsockname()[1], pipeline, server
    finally:
        await server.stop(grace_s=1)


async def ask_at(address: str, port: int, *queries: bytes, source: str | None = None) -> list[bytes]:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        if source:
            client.bind((source, 0))
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


@linux
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


def test_what_is_asked_again_is_answered_without_thinking() -> None:
    decide = blocking("casino.example")

    async def work() -> tuple[list[bytes], int, int]:
        async with serving(decide=decide) as (port, pipeline, server):
            replies = [
                reply
                for n in range(6)
                for name in ("casino.example", "www.EXAMPLE")
                for reply in await ask_at("127.0.0.1", port, question(name, query_id=n))
            ]
            return replies, pipeline.counters.queries, server.counters.ready

    replies, thought, ready = run(work())
    assert (thought, ready) == (3, 9)  # what an upstream was asked becomes ready from the cache, when it is asked again
    assert [read(reply).header.id for reply in replies] == [n for n in range(6) for _ in range(2)]
    assert {(str(read(reply).q.qname), answers(reply)[0][2]) for reply in replies} == {
        ("casino.example.", "0.0.0.0"),
        ("www.EXAMPLE.", "192.0.2.1"),
    }


def test_a_batch_of_ready_and_new_queries_is_answered_whole() -> None:
    async def work() -> list[bytes]:
        async with serving() as (port, _, _):
            for _ in range(2):
                await ask_at("127.0.0.1", port, question("casino.example"))
            names = ["casino.example", "www.example", "localhost", "CASINO.example", "none.example"] * 10
            return await ask_at("127.0.0.1", port, *(question(name, query_id=n) for n, name in enumerate(names)))

    told = {read(reply).header.id: read(reply) for reply in run(work())}
    assert len(told) == 50
    assert {str(told[n].rr[0].rdata) for n in range(0, 50, 5)} == {"0.0.0.0"}
    assert {str(told[n].rr[0].rdata) for n in range(1, 50, 5)} == {"192.0.2.1"}
    assert {str(told[n].rr[0].rdata) for n in range(2, 50, 5)} == {"127.0.0.1"}
    assert {str(told[n].rr[0].rname) for n in range(3, 50, 5)} == {"CASINO.example."}
    assert {told[n].header.rcode for n in range(4, 50, 5)} == {3}


def test_after_a_swap_nobody_is_given_an_old_answer() -> None:
    fast = FastPath(lambda _client: "child")

    async def work() -> list[str]:
        async with serving(fast=fast) as (port, pipeline, _):
            told = []
            for decide in (blocking("www.example"), FakeDecide(), blocking("www.example")):
                pipeline.swap(decide)
                fast.clear()
                for _ in range(4):
                    told += await ask_at("127.0.0.1", port, question("www.example"))
            return [answers(reply)[0][2] for reply in told]

    assert run(work()) == ["0.0.0.0"] * 4 + ["192.0.2.1"] * 4 + ["0.0.0.0"] * 4


@linux
def test_clients_of_two_profiles_get_their_own_answers() -> None:
    class ByUser(FakeDecide):
        def __call__(self, request: Request, /) -> Decision:
            verdict = Block(GAMBLING) if request.client.user is None else Allow()
            return Decision(request, verdict, request.client.user or "child")

    async def work() -> list[str]:
        async with serving(decide=ByUser()) as (port, _, _):
            told = []
            for _ in range(4):
                for source in ("127.0.0.1", "127.0.0.2"):
                    told += await ask_at("127.0.0.1", port, question("www.example"), source=source)
            return [answers(reply)[0][2] for reply in told]

    assert run(work()) == ["0.0.0.0", "192.0.2.1"] * 4


@linux
def test_who_is_not_served_is_refused_in_few_bytes_and_answers_are_not_answered() -> None:
    async def work() -> tuple[bytes, int, int]:
        async with serving() as (port, pipeline, server):
            answer = bytearray(question("www.example"))
            answer[2] |= 0x80
            (reply,) = await ask_both(port, bytes(answer), question("www.example", query_id=9))
            return reply, server.counters.refused, pipeline.counters.queries

    async def ask_both(port: int, first: bytes, second: bytes) -> list[bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.66", 0))
            client.sendto(b"?", ("127.0.0.1", port))
            client.sendto(first, ("127.0.0.1", port))
        return await ask_at("127.0.0.1", port, second, source="127.0.0.66")

    reply, refused, asked = run(work())
    assert (len(reply), read(reply).header.id, read(reply).header.rcode) == (12, 9, wire.REFUSED)
    assert (refused, asked) == (3, 0)


@linux
def test_a_client_over_its_limit_is_not_answered_and_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "_is_loopback", lambda _host: False)

    async def work() -> tuple[int, int]:
        async with serving(limit=RateLimit(per_second=0.001, burst=30)) as (port, _, server):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as greedy:
                greedy.connect(("127.0.0.1", port))
                for n in range(100):
                    greedy.send(question("casino.example", query_id=n))
                await until(lambda: server.counters.limited == 70)
                answered = 0
                with contextlib.suppress(BlockingIOError):
                    while greedy.recv(4096, socket.MSG_DONTWAIT):
                        answered += 1
            (reply,) = await ask_at("127.0.0.1", port, question("casino.example"), source="127.0.0.3")
            return answered, len(answers(reply))

    assert run(work()) == (30, 1)


def test_a_flood_of_unique_names_leaves_little_behind() -> None:
    fast = FastPath(lambda _client: "child", max_bytes=50_000)

    async def work() -> int:
        async with serving(fast=fast) as (port, _, _):
            for n in range(0, 600, 30):
                names = [f"n{n + k}.example" for k in range(30)]
                for _ in range(2):
                    await ask_at("127.0.0.1", port, *map(question, names))
            return len(await ask_at("127.0.0.1", port, question("www.example")))

    assert run(work()) == 1
    assert 0 < len(fast) < 60


def test_an_error_of_the_socket_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> tuple[int, list[bytes]]:
        async with serving() as (port, pipeline, server):
            with monkeypatch.context() as patch:
                patch.setattr(server._datagrams, "send_late", len)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.sendto(question("www.example"), ("127.0.0.1", port))
                    await until(lambda: pipeline.counters.dropped)
            return pipeline.counters.dropped, await ask_at("127.0.0.1", port, question("www.example"))

    dropped, replies = run(work())
    assert (dropped, len(replies)) == (1, 1)


def test_a_name_in_use_is_asked_for_again_before_its_answer_ends() -> None:
    now = 1000.0
    asked = 0
    zone = Zone("www.example. 100 IN A 192.0.2.1\nonce.example. 100 IN A 192.0.2.2")

    async def ask(raw: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return await zone.ask(raw)

    async def work() -> tuple[int, int]:
        nonlocal now
        fast = FastPath(lambda client: client.user or "child", now=lambda: now, wall=lambda: now)
        cache = AnswerCache(now=lambda: now)
        async with serving(ask=ask, fast=fast, cache=cache) as (port, pipeline, server):
            for _ in range(5):
                await ask_at("127.0.0.1", port, question("www.example"))
            await ask_at("127.0.0.1", port, question("once.example"))
            assert (asked, server.counters.ready) == (2, 3)
            now += 95
            for name in ("www.example", "once.example"):
                await ask_at("127.0.0.1", port, question(name))
            await until(lambda: asked == 3)
            return asked, pipeline.resolver.counters.prefetches

    assert run(work()) == (3, 1)
