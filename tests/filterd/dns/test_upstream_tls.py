# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate is checked, and a session resumed where the server allows it."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from filterd.dns import wire
from filterd.dns.upstream_link import Channel, Link
from filterd.dns.upstream_spec import UpstreamError, parse_upstream
from filterd.dns.upstream_stream import StreamChannel
from filterd.dns.upstream_tls import MAX_SESSIONS, ClientContext, client_context
from tests.filterd.dns.authority import Authority
from tests.filterd.dns.fakes import Zone, answers, run
from tests.filterd.dns.servers import StreamServer

QUESTION = wire.make_question(wire.encode_name("www.example"), wire.A)
RECORD = "www.example. 60 IN A 192.0.2.1"
RIGHT = [("www.example.", "A", "192.0.2.1")]


def test_an_upstreams_certificate_is_checked(authority: Authority) -> None:
    context = client_context(ca_file=authority.ca_file, alpn=("h2",))

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


class Connections:
    """Makes channels, and tells which of their connections resumed a session."""

    def __init__(self) -> None:
        self.resumed: list[bool] = []

    def __call__(self) -> Channel:
        seen = self.resumed

        class Watched(StreamChannel):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                seen.append(transport.get_extra_info("ssl_object").session_reused)

        return Watched()


async def ask_twice(authority: Authority, context: ClientContext, *, names: tuple[str, str]) -> list[bool]:
    made = Connections()
    async with StreamServer(Zone(RECORD).respond, context=authority.server_context()) as server:
        for name in names:
            spec = parse_upstream(f"tls://127.0.0.1:{server.port}#{name}")
            asked = Link(spec, make=made, context=context, attempt_s=10)
            assert answers(await asked.ask(QUESTION)) == RIGHT
            channel = asked._channel
            await asked.close()
            assert channel
            await channel.ended.wait()
    return made.resumed


def test_the_next_connection_to_the_same_name_resumes_the_session(authority: Authority) -> None:
    context = client_context(ca_file=authority.ca_file)

    assert run(ask_twice(authority, context, names=("dns.example", "dns.example"))) == [False, True]


def test_a_session_is_worth_nothing_under_another_name(authority: Authority) -> None:
    context = client_context(ca_file=authority.ca_file)

    assert run(ask_twice(authority, context, names=("dns.example", "localhost"))) == [False, False]


def test_a_resumed_session_does_not_spare_the_wrong_name(authority: Authority) -> None:
    context = client_context(ca_file=authority.ca_file)

    with pytest.raises(UpstreamError, match="certificate is not to be trusted"):
        run(ask_twice(authority, context, names=("dns.example", "other.example")))


def test_few_sessions_are_kept(authority: Authority) -> None:
    context = client_context(ca_file=authority.ca_file)

    async def work() -> None:
        async with StreamServer(Zone(RECORD).respond, context=authority.server_context()) as server:
            link = Link(
                parse_upstream(f"tls://127.0.0.1:{server.port}"), make=StreamChannel, context=context, attempt_s=10
            )
            await link.ask(QUESTION)
            assert link._channel
            assert link._channel.transport
            real = link._channel.transport.get_extra_info("ssl_object")
            for n in range(2 * MAX_SESSIONS):
                context.keep_session(_named(real, f"n{n}.example"))
            await link.close()

    run(work())
    assert len(context._kept()) <= MAX_SESSIONS


def _named(real: ssl.SSLObject, name: str) -> ssl.SSLObject:
    class Named:
        session = real.session
        server_hostname = name

    return Named()  # type: ignore[return-value]  # what keep_session looks at
