# SPDX-License-Identifier: GPL-3.0-or-later
"""The door: who comes in, and that a crowd at it keeps no honest client out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from filterd.dns.access import Access
from filterd.dns.limits import ConnectionLimits, RateLimiter
from filterd.dns.listener import Gate, Timeouts
from filterd.dns.pipeline import Pipeline
from filterd.dns.server_tcp import TcpServer
from tests.filterd.dns.fakes import NOON, FakeDecide, Zone, answers, question, read, run, until
from tests.filterd.dns.serving import identify, listening

ZONE = "www.example. 60 IN A 192.0.2.1"
IDLE_CLIENTS = 10_000


@contextlib.asynccontextmanager
async def serving(gate: Gate, timeouts: Timeouts | None = None) -> AsyncIterator[tuple[TcpServer, int]]:
    sock, port = listening()
    server = TcpServer(
        sock, Pipeline(FakeDecide(), Zone(ZONE).ask, clock=lambda: NOON), identify, gate=gate, timeouts=timeouts
    )
    await server.start()
    try:
        yield server, port
    finally:
        await server.stop(grace_s=1)


async def ask(port: int, source: str = "127.0.0.1") -> bytes:
    """Return the answer that an honest client on a connection of its own gets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        raw = question("www.example")
        writer.write(len(raw).to_bytes(2) + raw)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def test_who_is_not_served_is_shown_out() -> None:
    async def work() -> None:
        async with serving(Gate(access=Access(("127.0.0.7",)))) as (server, port):
            with pytest.raises((asyncio.IncompleteReadError, OSError)):
                await ask(port)
            assert answers(await ask(port, "127.0.0.7"))
            assert (server.counters.refused, server.counters.accepted) == (1, 1)

    run(work())


def test_a_client_with_too_many_connections_loses_its_own() -> None:
    async def work() -> None:
        async with serving(Gate(connections=ConnectionLimits(total=50, per_client=3))) as (_, port):
            honest = await asyncio.open_connection("127.0.0.1", port)
            crowd = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.9", 0)) for _ in range(10)]
            gone = [pair for pair in crowd[:7] if await pair[0].read() == b""]
            assert len(gone) == 7
            raw = question("www.example")
            honest[1].write(len(raw).to_bytes(2) + raw)
            assert await honest[0].readexactly(2)
            for _, writer in (honest, *crowd):
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    run(work())


def test_a_client_over_its_rate_is_refused_and_others_are_not() -> None:
    async def work() -> None:
        async with serving(Gate(queries=RateLimiter(0.001, 2))) as (server, port):
            codes = [read(await ask(port)).header.rcode for _ in range(4)]
            assert codes == [0, 0, 5, 5]
            assert answers(await ask(port, "127.0.0.8"))
            assert server.counters.rate_limited == 2

    run(work())


def test_without_descriptors_idle_clients_make_room_and_the_log_stays_short(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exhausted:
        """A socket that cannot accept for a while, and says so at once whenever it is asked."""

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock
            self.failures = 5

        def accept(self) -> tuple[socket.socket, object]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return self.sock.accept()

        def __getattr__(self, name: str) -> object:
            return getattr(self.sock, name)

    async def work() -> None:
        limits = ConnectionLimits()
        async with serving(Gate(connections=limits)) as (server, port):
            idle = await asyncio.open_connection("127.0.0.1", port)
            await until(lambda: server.counters.accepted)
            monkeypatch.setattr(server, "_sock", Exhausted(server._sock))
            assert answers(await ask(port))
            assert server.counters.exhausted == 5
            assert limits.evicted == 1
            assert await idle[0].read() == b""
            idle[1].close()

    with caplog.at_level(logging.WARNING):
        run(work())
    assert [record.getMessage() for record in caplog.records] == [
        "no connection can be accepted: Too many open files; idle ones are closed"
    ]


def test_the_end_does_not_wait_for_idle_clients() -> None:
    async def work() -> None:
        async with serving(Gate()) as (server, port):
            clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
            await until(lambda: server.counters.accepted == 20)
            async with asyncio.timeout(2):
                await server.stop(grace_s=20)
            for reader, writer in clients:
                assert await reader.read() == b""
                writer.close()

    run(work())


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Let this process open a socket for each of the idle clients."""
    needed = IDLE_CLIENTS + 2500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"needs {needed} descriptors, {hard} are allowed here (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident_kb() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS in /proc/self/status")


@pytest.mark.serial
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_ten_thousand_idle_clients_keep_nobody_out(many_descriptors: None) -> None:
    async def work() -> int:
        loop = asyncio.get_running_loop()
        idle: list[socket.socket] = []
        limits = ConnectionLimits(total=1000, per_client=100)
        async with serving(Gate(connections=limits), Timeouts(first_s=60, idle_s=60)) as (server, port):
            before = resident_kb()
            try:
                for n in range(IDLE_CLIENTS):
                    sock = socket.socket()
                    idle.append(sock)
                    sock.setblocking(False)
                    sock.bind((f"127.1.{n % 200}.1", 0))
                    await loop.sock_connect(sock, ("127.0.0.1", port))
                    if n % 500 == 0:
                        assert answers(await ask(port, "127.2.0.1"))
                await until(lambda: server.counters.accepted == IDLE_CLIENTS + 20)
                assert len(limits) <= 1000
                assert limits.evicted >= 9000
                assert answers(await ask(port, "127.2.0.1"))
                return resident_kb() - before
            finally:
                for sock in idle:
                    sock.close()

    assert run(work()) < 32 << 10  # KiB; the clients' own sockets are of this process too
