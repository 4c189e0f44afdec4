# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries by TCP over real sockets: honest, slow, greedy and silent clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from filterd.dns import conversation, listener
from filterd.dns.limits import ConnectionLimits, RateLimiter
from filterd.dns.listener import Gate, Timeouts
from filterd.dns.pipeline import Pipeline
from filterd.dns.resolver import Ask
from filterd.dns.server_tcp import TcpServer
from filterd.policy.model import Client
from tests.filterd.dns.fakes import NOON, FakeDecide, Zone, answers, blocking, question, read, run, until

ZONE = "www.example. 60 IN A 192.0.2.1"


@dataclass
class Served:
    port: int
    pipeline: Pipeline
    server: TcpServer
    host: str

    async def connect(self) -> Connection:
        return Connection(*await asyncio.open_connection(self.host, self.port))


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *queries: bytes) -> None:
        self.writer.write(b"".join(len(query).to_bytes(2) + query for query in queries))

    async def receive(self) -> bytes:
        return await self.reader.readexactly(int.from_bytes(await self.reader.readexactly(2)))

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    host: str = "127.0.0.1", *, decide: FakeDecide | None = None, ask: Ask | None = None,
    gate: Gate | None = None, timeouts: Timeouts | None = None,
) -> AsyncIterator[Served]:  # fmt: skip
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.bind((host, 0))
    sock.listen()
    pipeline = Pipeline(decide or blocking("casino.example"), ask or Zone(ZONE).ask, clock=lambda: NOON)
    server = TcpServer(sock, pipeline, lambda address: Client(address=address), gate=gate, timeouts=timeouts)
    port = sock.getsockname()[1]
    await server.start()
    try:
        yield Served(port, pipeline, server, host)
    finally:
        await server.stop(grace_s=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_queries_on_one_connection_are_answered(host: str) -> None:
    decide = FakeDecide()

    async def work() -> None:
        async with serving(host, decide=decide) as served:
            client = await served.connect()
            for _ in range(3):
                client.send(question("www.example"))
                assert answers(await client.receive()) == [("www.example.", "A", "192.0.2.1")]
            await client.close()

    run(work())
    assert decide.asked[0].client == Client(address=host)


def test_queries_need_not_wait_for_those_before_them() -> None:
    async def work() -> list[int]:
        let_go = asyncio.Event()
        zone = Zone(ZONE)

        async def slow(asked: bytes) -> bytes:
            await let_go.wait()
            return zone.respond(asked)

        async with serving(ask=slow) as served:
            client = await served.connect()
            client.send(question("www.example", query_id=1), question("casino.example", query_id=2))
            first = read(await client.receive()).header.id
            let_go.set()
            second = read(await client.receive()).header.id
            await client.close()
            return [first, second]

    assert run(work()) == [2, 1]


def test_a_client_that_said_its_last_is_answered() -> None:
    async def work() -> bytes:
        async with serving() as served:
            client = await served.connect()
            client.send(question("www.example"))
            client.writer.write_eof()
            reply = await client.receive()
            assert await client.reader.read() == b""
            await client.close()
            return reply

    assert answers(run(work()))[0][2] == "192.0.2.1"


def test_a_query_that_drips_in_time_is_answered() -> None:
    async def work() -> bytes:
        async with serving() as served:
            client = await served.connect()
            raw = question("www.example")
            for byte in len(raw).to_bytes(2) + raw:
                client.writer.write(bytes([byte]))
                await client.writer.drain()
            reply = await client.receive()
            await client.close()
            return reply

    assert answers(run(work()))[0][2] == "192.0.2.1"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="silence"),
        pytest.param(b"\0", id="half a length"),
        pytest.param(b"\0\x40half", id="half a query"),
        pytest.param(b"\xff\xff", id="a length beyond all queries"),
        pytest.param(b"\0\0", id="nothing at all"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
    ],
)
def test_a_client_that_asks_nothing_is_let_go(sent: bytes) -> None:
    async def work() -> bytes:
        async with serving(timeouts=Timeouts(first_s=0.05, idle_s=0.05)) as served:
            client = await served.connect()
            client.writer.write(sent)
            rest = await client.reader.read()
            await client.close()
            return rest

    assert run(work()) == b""


def test_a_query_that_drips_too_slowly_buys_no_time() -> None:
    async def work() -> int:
        async with serving(timeouts=Timeouts(first_s=0.3, idle_s=0.3)) as served:
            client = await served.connect()
            started = asyncio.get_running_loop().time()
            with contextlib.suppress(OSError):
                while not client.reader.at_eof():
                    client.writer.write(b"\x0f")
                    await client.writer.drain()
                    await asyncio.sleep(0.02)
            assert asyncio.get_running_loop().time() - started < 3
            await client.close()
            return served.server.counters.timed_out

    assert run(work()) == 1


def test_a_client_that_asks_now_and_then_may_stay() -> None:
    async def work() -> int:
        async with serving(timeouts=Timeouts(first_s=1, idle_s=1)) as served:
            client = await served.connect()
            for _ in range(5):
                await asyncio.sleep(0.25)
                client.send(question("www.example"))
                assert answers(await client.receive())
            await client.close()
            return served.server.counters.accepted

    assert run(work()) == 1


def test_who_waits_for_a_slow_upstream_is_not_idle() -> None:
    zone = Zone(ZONE)

    async def slow(asked: bytes) -> bytes:
        await asyncio.sleep(0.4)
        return zone.respond(asked)

    async def work() -> bytes:
        async with serving(ask=slow, timeouts=Timeouts(first_s=0.1, idle_s=0.1)) as served:
            client = await served.connect()
            client.send(question("www.example"))
            reply = await client.receive()
            await client.close()
            return reply

    assert answers(run(work()))


def test_queries_in_pieces_of_any_size_are_answered() -> None:
    async def work() -> set[int]:
        async with serving() as served:
            client = await served.connect()
            raws = [question("www.example", query_id=n) for n in range(200)]
            stream = b"".join(len(raw).to_bytes(2) + raw for raw in raws)
            for at in range(0, len(stream), 7):
                client.writer.write(stream[at : at + 7])
                if at % 700 == 0:
                    await client.writer.drain()
            found = {read(await client.receive()).header.id for _ in raws}
            await client.close()
            return found

    assert run(work()) == set(range(200))


def test_a_flood_of_queries_leaves_room_for_others() -> None:
    async def work() -> None:
        async with serving(gate=Gate(queries=RateLimiter(50, 50))) as served:
            flood = await served.connect()
            flood.send(*(question(f"n{n}.example", query_id=n) for n in range(3000)))
            codes = [read(await flood.receive()).header.rcode for _ in range(3000)]
            assert codes.count(5) > 2500
            assert served.server.counters.rate_limited > 2500
            await flood.close()

    run(work())


def test_too_much_under_way_is_refused_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_ALL_UNDER_WAY", 5)

    async def work() -> None:
        let_go = asyncio.Event()
        zone = Zone(ZONE)

        async def slow(asked: bytes) -> bytes:
            await let_go.wait()
            return zone.respond(asked)

        async with serving(ask=slow) as served:
            client = await served.connect()
            client.send(*(question(f"n{n}.example", query_id=n) for n in range(10)))
            early = {read(await client.receive()).header.rcode for _ in range(5)}
            let_go.set()
            for _ in range(5):
                assert read(await client.receive()).header.rcode == 3
            assert (early, served.server.counters.overloaded) == ({2}, 5)
            await client.close()

    run(work())


def test_the_connection_silent_for_longest_makes_room() -> None:
    async def work() -> None:
        async with serving(gate=Gate(connections=ConnectionLimits(total=3))) as served:
            clients = [await served.connect() for _ in range(3)]
            for client in (clients[1], clients[0], clients[2]):
                client.send(question("www.example"))
                await client.receive()
            newcomer = await served.connect()
            newcomer.send(question("www.example"))
            assert answers(await newcomer.receive())
            with pytest.raises((asyncio.IncompleteReadError, OSError)):
                await clients[1].receive()
            clients[0].send(question("www.example"))
            assert answers(await clients[0].receive())
            for client in (*clients, newcomer):
                await client.close()

    run(work())


def test_one_connection_does_not_have_everything_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_UNDER_WAY", 4)

    async def work() -> None:
        let_go = asyncio.Event()
        zone, most, under_way = Zone(), 0, 0

        async def slow(asked: bytes) -> bytes:
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            await let_go.wait()
            under_way -= 1
            return zone.respond(asked)

        async with serving(ask=slow) as served:
            client = await served.connect()
            client.send(*(question(f"n{n}.example", query_id=n) for n in range(20)))
            await until(lambda: under_way == 4)
            let_go.set()
            assert {read(await client.receive()).header.id for _ in range(20)} == set(range(20))
            assert most == 4
            await client.close()

    run(work())


def test_a_client_that_does_not_read_is_let_go() -> None:
    zone = Zone("\n".join(f"big.example. 60 IN TXT {'x' * 250}{n}" for n in range(200)))

    async def work() -> int:
        async with serving(ask=zone.ask, timeouts=Timeouts(send_s=0.1)) as served:
            client = await served.connect()
            client.send(*[question("big.example", "TXT")] * 400)
            await until(lambda: served.server.counters.not_reading)
            await client.close()
            return served.server.counters.not_reading

    assert run(work()) > 0


def test_what_is_under_way_is_answered_before_the_end() -> None:
    async def work() -> bytes:
        asked, answer_now = asyncio.Event(), asyncio.Event()
        zone = Zone(ZONE)

        async def slow(asked_for: bytes) -> bytes:
            asked.set()
            await answer_now.wait()
            return zone.respond(asked_for)

        async with serving(ask=slow) as served:
            client, idle = await served.connect(), await served.connect()
            client.send(question("www.example"))
            await asked.wait()
            stopping = asyncio.ensure_future(served.server.stop(grace_s=5))
            await asyncio.sleep(0)
            answer_now.set()
            reply = await client.receive()
            await stopping
            assert await idle.reader.read() == b""
            for connection in (client, idle):
                await connection.close()
            return reply

    assert answers(run(work()))[0][2] == "192.0.2.1"


def test_who_does_not_end_in_time_is_ended() -> None:
    async def work() -> None:
        asked = asyncio.Event()

        async def never(_asked: bytes) -> bytes:
            asked.set()
            await asyncio.Event().wait()
            return b""

        async with serving(ask=never) as served:
            client = await served.connect()
            client.send(question("www.example"))
            await asked.wait()
            await served.server.stop(grace_s=0.01)
            with pytest.raises((asyncio.IncompleteReadError, OSError)):
                await client.receive()
            await client.close()

    run(work())
