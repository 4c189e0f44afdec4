# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over HTTPS against a real HTTP/2 server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from filterd.dns import wire
from filterd.dns.upstream_doh import ALPN, DohChannel
from filterd.dns.upstream_link import Link
from filterd.dns.upstream_spec import UpstreamError, parse_upstream
from filterd.dns.upstream_tls import client_context
from tests.filterd.dns.authority import Authority
from tests.filterd.dns.fakes import Zone, answers, run
from tests.filterd.dns.servers import DohServer, Respond

RECORDS = "\n".join(f"n{n}.example. 60 IN A 192.0.2.{n}" for n in range(50))
Conversation = Callable[[Link, DohServer], Awaitable[None]]


def ask_for(n: int) -> bytes:
    return wire.make_question(wire.encode_name(f"n{n}.example"), wire.A)


def with_server(
    authority: Authority, conversation: Conversation, *, respond: Respond | None = None, attempt_s: float = 10
) -> DohServer:
    async def work() -> DohServer:
        context = authority.server_context(alpn=ALPN)
        async with DohServer(respond or Zone(RECORDS).respond, context=context) as server:
            spec = parse_upstream(f"https://localhost:{server.port}/dns-query")
            client = client_context(ca_file=authority.ca_file, alpn=ALPN)
            asked = Link(spec, make=lambda: DohChannel(spec), context=client, attempt_s=attempt_s)
            try:
                await conversation(asked, server)
            finally:
                await asked.close()
            return server

    return run(work())


def test_questions_at_once_are_streams_of_one_connection(authority: Authority) -> None:
    async def conversation(asked: Link, server: DohServer) -> None:
        found = await asyncio.gather(*(asked.ask(ask_for(n)) for n in range(50)))
        assert [answers(message)[0][2] for message in found] == [f"192.0.2.{n}" for n in range(50)]
        assert len(server.transports) == 1

    with_server(authority, conversation)


def test_a_question_is_a_post_that_says_nothing_about_the_client(authority: Authority) -> None:
    async def conversation(asked: Link, _server: DohServer) -> None:
        await asked.ask(ask_for(1))

    server = with_server(authority, conversation)

    assert server.headers[0] == {
        ":method": "POST", ":scheme": "https", ":authority": f"localhost:{server.port}", ":path": "/dns-query",
        "accept": "application/dns-message", "content-type": "application/dns-message",
        "content-length": str(len(ask_for(1))),
    }  # fmt: skip


def test_the_id_is_zero(authority: Authority) -> None:
    seen: list[bytes] = []
    zone = Zone(RECORDS)

    def respond(raw: bytes) -> bytes:
        seen.append(raw[:2])
        return zone.respond(raw)

    async def conversation(asked: Link, _server: DohServer) -> None:
        await asked.ask(b"\x12\x34" + ask_for(1)[2:])

    with_server(authority, conversation, respond=respond)
    assert seen == [b"\0\0"]


def test_a_connection_that_the_server_closed_is_opened_again(authority: Authority) -> None:
    async def conversation(asked: Link, server: DohServer) -> None:
        await asked.ask(ask_for(1))
        server.drop()
        assert answers(await asked.ask(ask_for(2)))[0][2] == "192.0.2.2"

    with_server(authority, conversation)


@pytest.mark.parametrize(
    ("status", "media_type", "why"),
    [("404", "application/dns-message", "HTTP status 404"), ("200", "text/html", "text/html"), ("502", "", "502")],
)
def test_what_is_no_answer_is_said(authority: Authority, status: str, media_type: str, why: str) -> None:
    async def conversation(asked: Link, server: DohServer) -> None:
        server.status, server.media_type = status, media_type
        with pytest.raises(UpstreamError, match=f"no DNS over HTTPS there: .*{why}"):
            await asked.ask(ask_for(1))

    with_server(authority, conversation)


def test_an_answer_to_another_question_is_refused(authority: Authority) -> None:
    zone = Zone(RECORDS)

    async def conversation(asked: Link, _server: DohServer) -> None:
        with pytest.raises(UpstreamError, match="another question"):
            await asked.ask(ask_for(1))

    with_server(authority, conversation, respond=lambda raw: zone.respond(raw).replace(b"\2n1", b"\2n2"))


def test_an_answer_of_the_greatest_length_passes(authority: Authority) -> None:
    query = wire.parse_query(ask_for(1))
    long = wire.reply(query, answers=[wire.Record(16, 60, b"\xff" + b"x" * 255)] * 200)

    async def conversation(asked: Link, _server: DohServer) -> None:
        for _ in range(5):  # more than the windows of HTTP/2 hold, unless they are opened again
            assert await asked.ask(ask_for(1)) == long

    with_server(authority, conversation, respond=lambda _raw: long)


def test_silence_is_a_failure_and_leaves_no_stream_open(authority: Authority) -> None:
    zone, mute = Zone(RECORDS), {b"\2n1"}

    async def conversation(asked: Link, server: DohServer) -> None:
        async def ask_often() -> None:
            for _ in range(20):
                await asked.ask(ask_for(2))
                await asyncio.sleep(0.01)

        often = asyncio.ensure_future(ask_often())
        with pytest.raises(UpstreamError, match="in time"):
            await asked.ask(ask_for(1))
        await often
        channel = asked._channel
        assert isinstance(channel, DohChannel)
        assert channel._http.open_outbound_streams == 0
        assert len(server.transports) == 1

    def respond(raw: bytes) -> bytes | None:
        return None if any(name in raw for name in mute) else zone.respond(raw)

    with_server(authority, conversation, respond=respond, attempt_s=0.2)


def test_a_server_without_http2_is_said(authority: Authority) -> None:
    async def work() -> None:
        async with DohServer(Zone().respond, context=authority.server_context()) as server:
            spec = parse_upstream(f"https://localhost:{server.port}")
            client = client_context(ca_file=authority.ca_file, alpn=ALPN)
            asked = Link(spec, make=lambda: DohChannel(spec), context=client, attempt_s=10)
            with pytest.raises(UpstreamError, match="does not speak HTTP/2"):
                await asked.ask(ask_for(1))
            await asked.close()

    run(work())


def test_a_server_out_of_step_with_the_protocol_is_left(authority: Authority) -> None:
    async def conversation(asked: Link, server: DohServer) -> None:
        await asked.ask(ask_for(1))
        server.transports[0].write(b"\0\0\0\4\0\0\0\0\1")  # SETTINGS on a stream (RFC 9113 §6.5: a connection error)
        assert answers(await asked.ask(ask_for(2)))[0][2] == "192.0.2.2"

    with_server(authority, conversation)
