# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over TLS, asked by kdig and by Python's own TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from filterd.dns.limits import ConnectionLimits, RateLimiter
from filterd.dns.listener import Gate, Timeouts
from filterd.dns.pipeline import Pipeline
from filterd.dns.resolver import Ask
from filterd.dns.server_dot import ALPN, TIMEOUTS, DotServer
from filterd.dns.tls import Certificate
from filterd.policy.model import Client
from tests.filterd.dns.authority import Authority
from tests.filterd.dns.fakes import NOON, FakeDecide, Zone, answers, blocking, question, read, run, until
from tests.filterd.dns.serving import identify, kdig, listening, run_tool

ZONE = "www.example. 60 IN A 192.0.2.1"


@dataclass
class Served:
    port: int
    server: DotServer
    authority: Authority

    async def connect(
        self, name: str | None = "dns.example", **options: ssl.TLSVersion
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        context.set_alpn_protocols(list(ALPN))
        context.check_hostname = False  # ids before our name: the owner's certificate has a wildcard, the tests' none
        for option, value in options.items():
            setattr(context, option, value)
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name or "")


@contextlib.asynccontextmanager
async def serving(
    authority: Authority,
    decide: FakeDecide | None = None,
    *,
    ask: Ask | None = None,
    gate: Gate | None = None,
    timeouts: Timeouts = TIMEOUTS,
) -> AsyncIterator[Served]:
    sock, port = listening()
    pipeline = Pipeline(decide or blocking("casino.example"), ask or Zone(ZONE).ask, clock=lambda: NOON)
    certificate = Certificate(authority.certificate, authority.key, alpn=ALPN)
    server = DotServer(
        sock, pipeline, identify, certificate=certificate, names=("dns.example",), gate=gate, timeouts=timeouts
    )
    await server.start()
    try:
        yield Served(port, server, authority)
    finally:
        await server.stop(grace_s=1)


async def ask_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *queries: bytes) -> bytes:
    writer.write(b"".join(len(raw).to_bytes(2) + raw for raw in queries))
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@kdig
def test_kdig_is_answered_by_a_certificate_that_it_checks(authority: Authority) -> None:
    async def work() -> tuple[str, str]:
        async with serving(authority) as served:
            to = (
                "kdig",
                f"+tls-ca={authority.ca_file}",
                "+tls-hostname=dns.example",
                "@127.0.0.1",
                "-p",
                str(served.port),
            )
            return await run_tool(*to, "www.example"), await run_tool(*to, "casino.example")

    allowed, blocked = run(work())
    assert "TLS session (TLS1.3)" in allowed
    assert "192.0.2.1" in allowed
    assert "0.0.0.0" in blocked
    assert "17 (Filtered)" in blocked


def test_a_device_says_by_the_name_which_it_is(authority: Authority) -> None:
    decide = FakeDecide()

    async def work() -> None:
        async with serving(authority, decide) as served:
            for name in ("Ana.dns.example", "dns.example", "ana.other.example", None):
                reader, writer = await served.connect(name)
                await ask_once(reader, writer, question("www.example"))
                await close(writer)

    run(work())
    assert [request.client for request in decide.asked] == [
        Client(address="127.0.0.1", device=device) for device in ("ana", None, None, None)
    ]


def test_answers_hide_their_length(authority: Authority) -> None:
    async def work() -> list[int]:
        async with serving(authority) as served:
            reader, writer = await served.connect()
            sizes = [len(await ask_once(reader, writer, question(name))) for name in ("www.example", "casino.example")]
            sizes.append(len(await ask_once(reader, writer, question("www.example", edns=None))))
            await close(writer)
            return sizes

    assert run(work()) == [468, 468, 45]


def test_queries_side_by_side_are_answered_as_they_can(authority: Authority) -> None:
    zone = Zone(ZONE)

    async def slow(asked: bytes) -> bytes:
        await asyncio.sleep(0.05)
        return zone.respond(asked)

    async def work() -> int:
        async with serving(authority, ask=slow) as served:
            reader, writer = await served.connect()
            queries = question("www.example", query_id=1), question("casino.example", query_id=2)
            first = await ask_once(reader, writer, *queries)
            await close(writer)
            return int(read(first).header.id)

    assert run(work()) == 2


def test_old_tls_is_refused(authority: Authority) -> None:
    async def work() -> None:
        async with serving(authority) as served:
            with pytest.warns(DeprecationWarning, match="TLSv1_1"), pytest.raises((ssl.SSLError, ConnectionError)):
                await served.connect(minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)

    run(work())


def test_who_does_not_shake_hands_is_let_go(authority: Authority) -> None:
    async def work() -> bytes:
        async with serving(authority, timeouts=Timeouts(first_s=0.1)) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(b"\x16\x03\x01")
            rest = await reader.read()
            await close(writer)
            await until(lambda: not served.server._conversations)
            return rest

    assert run(work()) == b""


def test_a_crowd_that_does_not_shake_hands_keeps_nobody_out(authority: Authority) -> None:
    async def work() -> None:
        limits = ConnectionLimits(total=100, per_client=10)
        crowd: list[socket.socket] = []
        async with serving(authority, gate=Gate(connections=limits, handshakes=RateLimiter(0, 0))) as served:
            for n in range(500):
                sock = socket.socket()
                crowd.append(sock)
                sock.bind((f"127.3.{n % 100}.1", 0))
                sock.connect(("127.0.0.1", served.port))
                if n % 100 == 0:
                    reader, writer = await served.connect()
                    assert answers(await ask_once(reader, writer, question("www.example")))
                    await close(writer)
            await until(lambda: served.server.counters.accepted == 505)
            assert len(limits) <= 100
            for sock in crowd:
                sock.close()

    run(work())


def test_who_is_silent_after_the_handshake_is_let_go(authority: Authority) -> None:
    async def work() -> None:
        async with serving(authority, timeouts=Timeouts(first_s=5, idle_s=0.05)) as served:
            reader, writer = await served.connect()
            await ask_once(reader, writer, question("www.example"))
            assert await reader.read() == b""
            await close(writer)
            assert served.server.counters.timed_out == 1

    run(work())


def test_handshakes_of_one_client_are_limited(authority: Authority) -> None:
    async def work() -> int:
        async with serving(authority, gate=Gate(handshakes=RateLimiter(0.001, 2))) as served:
            for _ in range(2):
                reader, writer = await served.connect()
                assert answers(await ask_once(reader, writer, question("www.example")))
                await close(writer)
            with pytest.raises(ConnectionError):
                await served.connect()
            return served.server.counters.rate_limited

    assert run(work()) == 1


def test_the_end_waits_for_what_is_under_way_and_not_for_who_is_idle(authority: Authority) -> None:
    zone = Zone(ZONE)

    async def work() -> None:
        asked, answer_now = asyncio.Event(), asyncio.Event()

        async def slow(asked_for: bytes) -> bytes:
            asked.set()
            await answer_now.wait()
            return zone.respond(asked_for)

        async with serving(authority, ask=slow) as served:
            reader, writer = await served.connect()
            idle = await served.connect()
            asking = asyncio.ensure_future(ask_once(reader, writer, question("www.example")))
            await asked.wait()
            async with asyncio.timeout(2):
                stopping = asyncio.ensure_future(served.server.stop(grace_s=20))
                await asyncio.sleep(0)
                answer_now.set()
                assert answers(await asking)
                await stopping
            await close(writer)
            await close(idle[1])

    run(work())
