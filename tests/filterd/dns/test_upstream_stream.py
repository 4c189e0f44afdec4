# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over TCP and TLS against real servers on loopback."""

from __future__ import annotations

import asyncio

import pytest

from filterd.dns import wire
from filterd.dns.upstream_link import Link
from filterd.dns.upstream_spec import UpstreamError, parse_upstream
from filterd.dns.upstream_stream import StreamChannel
from filterd.dns.upstream_tls import client_context
from tests.filterd.dns.authority import Authority
from tests.filterd.dns.fakes import Zone, answers, run
from tests.filterd.dns.servers import Respond, StreamServer

RECORDS = "\n".join(f"n{n}.example. 60 IN A 192.0.2.{n}" for n in range(50))


def ask_for(n: int) -> bytes:
    return wire.make_question(wire.encode_name(f"n{n}.example"), wire.A)


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


async def converse(channel: StreamChannel, transport: FakeTransport, *questions: bytes) -> list[asyncio.Task[bytes]]:
    channel.connection_made(transport)
    tasks = [asyncio.ensure_future(channel.ask(question)) for question in questions]
    await asyncio.sleep(0)
    return tasks


def test_answers_in_any_order_and_any_pieces_find_their_questions() -> None:
    async def work() -> list[bytes]:
        channel, transport, zone = StreamChannel(), FakeTransport(), Zone(RECORDS)
        tasks = await converse(channel, transport, *map(ask_for, range(20)))
        replies = [zone.respond(frame[2:]) for frame in reversed(transport.written)]
        stream = b"".join(len(reply).to_bytes(2) + reply for reply in replies)
        for at in range(0, len(stream), 7):
            channel.data_received(stream[at : at + 7])
        return await asyncio.gather(*tasks)

    found = run(work())

    assert [answers(message)[0][2] for message in found] == [f"192.0.2.{n}" for n in range(20)]


def test_an_answer_that_nobody_waits_for_or_to_another_question_is_passed_over() -> None:
    async def work() -> bytes:
        channel, transport, zone = StreamChannel(), FakeTransport(), Zone(RECORDS)
        (task,) = await converse(channel, transport, ask_for(1))
        number = transport.written[0][2:4]
        unasked = bytes([number[0] ^ 1]) + number[1:]
        for query in (unasked + ask_for(1)[2:], number + ask_for(2)[2:], number + ask_for(1)[2:]):
            reply = zone.respond(query)
            channel.data_received(len(reply).to_bytes(2) + reply)
        channel.data_received(b"\0\0" + b"\0\1x")
        return await task

    assert answers(run(work()))[0][2] == "192.0.2.1"


def test_every_question_on_a_connection_has_an_id_of_its_own() -> None:
    async def work() -> None:
        channel, transport = StreamChannel(), FakeTransport()
        tasks = await converse(channel, transport, *([ask_for(1)] * 500))
        assert len({frame[2:4] for frame in transport.written}) == 500
        channel.connection_lost(None)
        assert all(isinstance(x, ConnectionError) for x in await asyncio.gather(*tasks, return_exceptions=True))

    run(work())


async def over_tls(respond: Respond, authority: Authority, *, to: str, trusted: bool = True) -> bytes:
    async with StreamServer(respond, context=authority.server_context()) as server:
        context = client_context(ca_file=authority.ca_file if trusted else None)
        spec = parse_upstream(to.replace("PORT", str(server.port)))
        asked = Link(spec, make=StreamChannel, context=context, attempt_s=10)
        try:
            return await asked.ask(ask_for(7))
        finally:
            await asked.close()


@pytest.mark.parametrize("to", ["tls://127.0.0.1:PORT", "tls://localhost:PORT", "tls://127.0.0.1:PORT#dns.example"])
def test_dns_over_tls_answers_under_each_name_of_the_certificate(to: str, authority: Authority) -> None:
    assert answers(run(over_tls(Zone(RECORDS).respond, authority, to=to)))[0][2] == "192.0.2.7"


def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    zone = Zone(RECORDS)

    with pytest.raises(UpstreamError, match="certificate is not to be trusted"):
        run(over_tls(zone.respond, authority, to="tls://127.0.0.1:PORT#other.example"))
    assert zone.asked == []


def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority) -> None:
    zone = Zone(RECORDS)

    with pytest.raises(UpstreamError, match="certificate is not to be trusted"):
        run(over_tls(zone.respond, authority, to="tls://127.0.0.1:PORT", trusted=False))
    assert zone.asked == []
