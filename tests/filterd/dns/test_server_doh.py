# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over HTTPS, asked by kdig, curl and httpx."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_network

import httpx  # noqa: TID251 - a client that is not ours
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from filterd.dns.doh import service_for
from filterd.dns.identify import Identifier
from filterd.dns.limits import RateLimiter
from filterd.dns.listener import Gate, Timeouts
from filterd.dns.pipeline import Pipeline
from filterd.dns.resolver import Ask
from filterd.dns.server_doh import ALPN, TIMEOUTS, DohServer
from filterd.dns.server_dot import Identify
from filterd.dns.tls import Certificate
from filterd.policy.clients import ClientRule, id_device, profile_of
from filterd.policy.model import Client
from tests.filterd.dns.authority import Authority
from tests.filterd.dns.fakes import NOON, FakeDecide, Zone, answers, blocking, question, run, until
from tests.filterd.dns.serving import curl, identify, kdig, listening, run_tool

ZONE = "www.example. 60 IN A 192.0.2.1"
MEDIA = {"content-type": "application/dns-message"}


@dataclass
class Served:
    port: int
    server: DohServer
    authority: Authority

    def url(self, path: str = "/dns-query", host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.port}{path}"

    def client(self, *, http2: bool = True) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        return httpx.AsyncClient(http1=not http2, http2=http2, verify=context, trust_env=False)


@contextlib.asynccontextmanager
async def serving(
    authority: Authority,
    decide: FakeDecide | None = None,
    *,
    ask: Ask | None = None,
    gate: Gate | None = None,
    timeouts: Timeouts = TIMEOUTS,
    identify_: Identify = identify,
) -> AsyncIterator[Served]:
    sock, port = listening()
    pipeline = Pipeline(decide or blocking("casino.example"), ask or Zone(ZONE).ask, clock=lambda: NOON)
    server = DohServer(
        sock,
        pipeline,
        identify_,
        certificate=Certificate(authority.certificate, authority.key, alpn=ALPN),
        service=service_for(("dns.example", "127.0.0.1")),
        gate=gate,
        timeouts=timeouts,
    )
    await server.start()
    try:
        yield Served(port, server, authority)
    finally:
        await server.stop(grace_s=1)


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@kdig
@pytest.mark.parametrize("method", ["+https", "+https-get"])
def test_kdig_is_answered(authority: Authority, method: str) -> None:
    async def work() -> str:
        async with serving(authority) as served:
            return await run_tool(
                "kdig", method, f"+tls-ca={authority.ca_file}", "+tls-hostname=dns.example",
                "@127.0.0.1", "-p", str(served.port), "www.example",
            )  # fmt: skip

    shown = run(work())
    assert "HTTP session (HTTP/2" in shown
    assert "192.0.2.1" in shown


@curl
@pytest.mark.parametrize(("name", "address"), [("www.example", "192.0.2.1"), ("casino.example", "0.0.0.0")])
def test_curl_finds_its_way_by_us(authority: Authority, name: str, address: str) -> None:
    async def work() -> str:
        async with serving(authority) as served:
            return await run_tool(
                "curl", "-sv", "--noproxy", "*", "--connect-timeout", "1", "--cacert", str(authority.ca_file),
                "--doh-url", served.url(), f"http://{name}:9/",
            )  # fmt: skip

    assert f"Trying {address}:9..." in run(work())


@pytest.mark.parametrize("http2", [True, False], ids=["HTTP/2", "HTTP/1.1"])
def test_get_and_post_on_one_connection(authority: Authority, *, http2: bool) -> None:
    async def work() -> None:
        async with serving(authority) as served, served.client(http2=http2) as client:
            for _ in range(3):
                got = await client.get(served.url(), params={"dns": encoded(question("www.example"))})
                posted = await client.post(served.url(), content=question("casino.example"), headers=MEDIA)
                assert got.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
                assert (got.status_code, posted.status_code) == (200, 200)
                assert got.headers["content-type"] == "application/dns-message"
                assert got.headers["cache-control"] == "private, max-age=60"
                assert posted.headers["cache-control"] == "private, max-age=10"
                assert answers(got.content)[0][2] == "192.0.2.1"
                assert answers(posted.content)[0][2] == "0.0.0.0"
            assert served.server.counters.accepted == 1

    run(work())


@pytest.mark.parametrize("http2", [True, False], ids=["HTTP/2", "HTTP/1.1"])
def test_what_is_wrong_has_its_status(authority: Authority, *, http2: bool) -> None:
    raw = question("www.example")

    async def work() -> list[int]:
        async with serving(authority) as served, served.client(http2=http2) as client:
            url = served.url()
            replies = [
                await client.get(url),
                await client.get(url, params={"dns": "&&"}),
                await client.get(served.url("/"), params={"dns": encoded(raw)}),
                await client.put(url, content=raw, headers=MEDIA),
                await client.post(url, content=raw),
                await client.post(url, content=bytes(5000), headers=MEDIA),
                await client.post(url, content=raw, headers=MEDIA | {"host": "evil.example"}),
                await client.post(url, content=raw, headers=MEDIA),
            ]
            return [reply.status_code for reply in replies]

    assert run(work()) == [400, 400, 404, 405, 415, 413, 421, 200]


def test_a_device_says_by_path_or_name_which_it_is(authority: Authority) -> None:
    decide = FakeDecide()

    async def work() -> None:
        async with serving(authority, decide) as served, served.client() as client:
            asked = ("/dns-query/Ana", "dns.example"), ("/dns-query", "luz.dns.example"), ("/dns-query", "dns.example")
            for path, host in asked:
                reply = await client.post(
                    served.url(path), content=question("www.example"),
                    headers=MEDIA | {"host": host, "x-forwarded-for": "192.0.2.99"},
                )  # fmt: skip
                assert reply.status_code == 200

    run(work())
    assert [request.client for request in decide.asked] == [
        Client(address="127.0.0.1", device=device) for device in ("ana", "luz", None)
    ]


def test_many_at_once_on_one_connection(authority: Authority) -> None:
    zone = Zone("\n".join(f"n{n}.example. 60 IN A 192.0.2.{n}" for n in range(100)))

    async def work() -> set[str]:
        async with serving(authority, ask=zone.ask) as served, served.client() as client:
            replies = await asyncio.gather(
                *(client.post(served.url(), content=question(f"n{n}.example"), headers=MEDIA) for n in range(100))
            )
            assert served.server.counters.accepted == 1
            return {answers(reply.content)[0][2] for reply in replies}

    assert run(work()) == {f"192.0.2.{n}" for n in range(100)}


def test_a_long_answer_waits_for_the_client_s_window(authority: Authority) -> None:
    zone = Zone("\n".join(f"big.example. 60 IN TXT {'x' * 250}{n}" for n in range(200)))

    async def work() -> int:
        async with serving(authority, ask=zone.ask) as served, served.client() as client:
            replies = await asyncio.gather(
                *(client.post(served.url(), content=question("big.example", "TXT"), headers=MEDIA) for _ in range(10))
            )
            return min(len(reply.content) for reply in replies)

    assert run(work()) > 50_000


def test_a_client_over_its_rate_is_told_so(authority: Authority) -> None:
    async def work() -> list[int]:
        async with serving(authority, gate=Gate(queries=RateLimiter(0.001, 2))) as served, served.client() as client:
            return [
                (await client.post(served.url(), content=question("www.example"), headers=MEDIA)).status_code
                for _ in range(3)
            ]

    assert run(work()) == [200, 200, 429]


@contextlib.asynccontextmanager
async def raw_h2(served: Served) -> AsyncIterator[tuple[H2Connection, asyncio.StreamReader, asyncio.StreamWriter]]:
    context = ssl.create_default_context(cafile=served.authority.ca_file)
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
    http = H2Connection(H2Configuration())
    http.initiate_connection()
    writer.write(http.data_to_send())
    try:
        yield http, reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def headers(served: Served, size: int) -> list[tuple[str, str]]:
    return [
        (":method", "POST"), (":scheme", "https"), (":authority", f"127.0.0.1:{served.port}"), (":path", "/dns-query"),
        ("content-type", "application/dns-message"), ("content-length", str(size)),
    ]  # fmt: skip


def test_a_client_that_asks_and_takes_it_back_does_not_hold_us(authority: Authority) -> None:
    most = 0

    async def work() -> None:
        never, under_way = asyncio.Event(), 0

        async def slow(_asked: bytes) -> bytes:
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            await never.wait()
            return b""

        async with serving(authority, ask=slow) as served, raw_h2(served) as (http, _, writer):
            for n in range(500):
                body = question(f"n{n}.example")
                stream = http.get_next_available_stream_id()
                http.send_headers(stream, headers(served, len(body)))
                http.send_data(stream, body, end_stream=True)
                http.reset_stream(stream)
            writer.write(http.data_to_send())
            await until(lambda: most)
            async with served.client() as honest:
                blocked = await honest.post(served.url(), content=question("casino.example"), headers=MEDIA)
                assert blocked.status_code in (200, 421)

    run(work())
    assert most <= 32


def test_pings_without_end_end_the_connection(authority: Authority) -> None:
    async def work() -> int:
        async with serving(authority) as served, raw_h2(served) as (http, reader, writer):
            for _ in range(5000):
                http.ping(b"01234567")
            writer.write(http.data_to_send())
            with contextlib.suppress(OSError):
                while await reader.read(65536):
                    pass
            return served.server.counters.malformed

    assert run(work()) == 1


@pytest.mark.parametrize("sent", [b"\0" * 100, b"GET /dns-query HTTP/1.1\r\nHo", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_what_is_no_whole_request_is_let_go(authority: Authority, sent: bytes) -> None:
    decide = FakeDecide()

    async def work() -> None:
        async with serving(authority, decide, timeouts=Timeouts(first_s=1)) as served:
            context = ssl.create_default_context(cafile=served.authority.ca_file)
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
            writer.write(sent)
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    run(work())
    assert decide.asked == []


def test_the_id_in_the_path_chooses_the_profile(authority: Authority) -> None:
    rules = [ClientRule("ana", device=id_device("ana-tablet")), ClientRule("home", network=ip_network("127.0.0.0/8"))]
    decide = FakeDecide()

    async def work() -> None:
        async with serving(authority, decide, identify_=Identifier(rules)) as served, served.client() as client:
            for path in ("/dns-query/ANA-tablet", "/dns-query", "/dns-query/stranger"):
                await client.post(served.url(path), content=question("www.example"), headers=MEDIA)

    run(work())
    assert [profile_of(request.client, rules, "child") for request in decide.asked] == ["ana", "home", "home"]
