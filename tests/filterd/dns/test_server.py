# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole edge on real sockets, asked by real clients."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator

import pytest

from filterd.dns import wire
from filterd.dns.access import Access
from filterd.dns.fastpath import FastPath
from filterd.dns.listener import Gate
from filterd.dns.pipeline import Pipeline
from filterd.dns.server import DnsServer, client_of
from filterd.dns.upstream import make_upstreams, parse_upstream
from filterd.policy.model import Cause, Client, Reason, Rewrite
from tests.filterd.dns.fakes import NOON, FakeDecide, Zone, answers, blocking, question, read, run
from tests.filterd.dns.servers import udp_server

RECORDS = """
www.example.    3600 IN A 192.0.2.1
safe.example.   300  IN A 192.0.2.120
big.example.    60   IN TXT "%s" "%s" "%s" "%s" "%s" "%s"
""" % (("x" * 250,) * 6)

dig = pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed (Debian: bind9-dnsutils)")


def bind(host: str) -> list[socket.socket]:
    """Return a UDP and a listening TCP socket on one port, as the supervisor hands them over."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        tcp, udp = socket.socket(family), socket.socket(family, socket.SOCK_DGRAM)
        tcp.bind((host, 0))
        with contextlib.suppress(OSError):
            udp.bind(tcp.getsockname()[:2])
            tcp.listen()
            return [tcp, udp]
        tcp.close()
        udp.close()
    raise AssertionError("no port is free for both")


@contextlib.asynccontextmanager
async def serving(decide: FakeDecide, *, host: str = "127.0.0.1") -> AsyncIterator[tuple[int, Pipeline]]:
    sockets = bind(host)
    async with udp_server(Zone(RECORDS).respond) as upstream_port:
        upstreams = make_upstreams([parse_upstream(f"udp://127.0.0.1:{upstream_port}")])
        pipeline = Pipeline(decide, upstreams.ask, clock=lambda: NOON)
        server = DnsServer(sockets, pipeline)
        port = sockets[0].getsockname()[1]
        await server.start()
        try:
            yield port, pipeline
        finally:
            await server.stop()
            await upstreams.close()
    assert all(sock.fileno() == -1 for sock in sockets)


async def run_dig(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "dig", "+tries=1", "+time=5", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode()


def dig_at(decide: FakeDecide, *arguments: str, host: str = "127.0.0.1") -> str:
    async def work() -> str:
        async with serving(decide, host=host) as (port, _):
            return await run_dig(f"@{host}", "-p", str(port), *arguments)

    return run(work())


@dig
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_is_answered(host: str, transport: str) -> None:
    assert dig_at(FakeDecide(), transport, "+short", "www.example", host=host) == "192.0.2.1\n"


@dig
def test_dig_shows_why_a_name_is_blocked() -> None:
    shown = dig_at(blocking("casino.example"), "Casino.example")

    assert "Casino.example.\t\t10\tIN\tA\t0.0.0.0" in shown
    assert "EDE: 17 (Filtered): (gambling: casino.example (ut1-gambling))" in shown
    assert "WARNING" not in shown


@dig
def test_dig_shows_the_safe_host() -> None:
    decide = FakeDecide({"www.engine.example": Rewrite(Reason(Cause.SAFE_SEARCH), "safe.example")})

    shown = dig_at(decide, "www.engine.example")

    assert "www.engine.example.\t60\tIN\tCNAME\tsafe.example." not in shown
    assert "www.engine.example.\t300\tIN\tCNAME\tsafe.example." in shown
    assert "safe.example.\t\t300\tIN\tA\t192.0.2.120" in shown
    assert "EDE: 4 (Forged Answer)" in shown


@dig
def test_dig_goes_to_tcp_for_what_is_long() -> None:
    shown = dig_at(FakeDecide(), "big.example", "TXT")

    assert "(TCP)" in shown
    assert shown.count("x" * 250) == 6


@dig
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("use-application-dns.net",), "NXDOMAIN"),
        (("1.1.168.192.in-addr.arpa", "PTR"), "NXDOMAIN"),
        (("none.example",), "NXDOMAIN"),
        (("www.example", "MX"), "NOERROR"),
        (("version.bind", "TXT", "CH"), "REFUSED"),
        (("+opcode=4", "www.example"), "NOTIMP"),
        (("+edns=1", "+noednsneg", "www.example"), "BADVERS"),
        (("+header-only",), "FORMERR"),
        (("+ednsopt=100:abcd", "+cookie", "+subnet=192.0.2.0/24", "www.example"), "NOERROR"),
    ],
    ids=" ".join,
)
def test_dig_sees_the_status(arguments: tuple[str, ...], status: str) -> None:
    assert f"status: {status}" in dig_at(FakeDecide(), *arguments)


def ask(port: int, raw: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", port))
        client.send(raw)
        return client.recv(4096)


def test_a_change_of_policy_loses_no_query() -> None:
    async def work() -> set[str]:
        async with serving(FakeDecide()) as (port, pipeline):
            asking = asyncio.ensure_future(
                asyncio.gather(*(asyncio.to_thread(ask, port, question("www.example", query_id=n)) for n in range(200)))
            )
            policies = FakeDecide(), blocking("www.example")
            for n in range(100):
                pipeline.swap(policies[n % 2])
                await asyncio.sleep(0)
            return {answers(reply)[0][2] for reply in await asking}

    assert run(work()) <= {"192.0.2.1", "0.0.0.0"}


def test_a_client_has_its_address_in_one_spelling() -> None:
    assert client_of("::ffff:192.0.2.7") == client_of("192.0.2.7") == Client(address="192.0.2.7")
    assert client_of("fe80::1%eth0") == Client(address="fe80::1")


def test_who_asks_is_identified_once() -> None:
    asked: list[str] = []

    def identify(address: str) -> Client:
        asked.append(address)
        return Client(address=address, user="ana")

    async def work() -> FakeDecide:
        decide = FakeDecide()
        sockets = bind("127.0.0.1")
        port = sockets[0].getsockname()[1]
        server = DnsServer(sockets, Pipeline(decide, Zone(RECORDS).ask, clock=lambda: NOON), identify=identify)
        await server.start()
        for _ in range(3):
            await asyncio.to_thread(ask, port, question("www.example"))
        await server.stop()
        return decide

    assert {request.client.user for request in run(work()).asked} == {"ana"}
    assert asked == ["127.0.0.1"]


def test_what_took_which_way_is_counted_together() -> None:
    async def work() -> tuple[dict[str, int], int]:
        sockets = bind("127.0.0.1")
        port = sockets[0].getsockname()[1]
        fast = FastPath(lambda _client: "child")
        server = DnsServer(
            sockets, Pipeline(blocking("casino.example"), Zone(RECORDS).ask, clock=lambda: NOON), fast=fast
        )
        await server.start()
        for name in ("casino.example", "www.example"):
            for _ in range(5):
                await asyncio.to_thread(ask, port, question(name))
        fast.take_hits()
        await server.stop()
        return server.counters(), len(fast)

    counted, kept = run(work())
    assert {key: counted[key] for key in ("queries", "blocked", "ready", "limited", "refused", "dropped")} == {
        "queries": 10, "blocked": 5, "ready": 7, "limited": 0, "refused": 0, "dropped": 0,
    }  # fmt: skip
    assert kept == 2


def test_without_ready_answers_each_query_is_thought_about() -> None:
    decide = FakeDecide()

    async def work() -> None:
        async with serving(decide) as (port, _):
            for _ in range(4):
                await asyncio.to_thread(ask, port, question("www.example"))

    run(work())
    assert len(decide.asked) == 4


def test_an_address_outside_the_gate_is_refused() -> None:
    async def work() -> bytes:
        sockets = bind("127.0.0.1")
        port = sockets[0].getsockname()[1]
        pipeline = Pipeline(FakeDecide(), Zone(RECORDS).ask, clock=lambda: NOON)
        server = DnsServer(sockets, pipeline, gate=Gate(access=Access(["192.0.2.0/24"])))
        await server.start()
        reply = await asyncio.to_thread(ask, port, question("www.example"))
        await server.stop()
        return reply

    assert read(run(work())).header.rcode == wire.REFUSED
