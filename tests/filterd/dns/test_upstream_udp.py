# SPDX-License-Identifier: GPL-3.0-or-later
"""UDP: the right answer, or none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from filterd.dns import wire
from filterd.dns.answer import is_truncated
from filterd.dns.blocking import NO_REACHABLE_AUTHORITY
from filterd.dns.upstream_link import Link
from filterd.dns.upstream_spec import UpstreamError, parse_upstream
from filterd.dns.upstream_stream import StreamChannel
from filterd.dns.upstream_udp import UdpUpstream
from tests.filterd.dns.fakes import Zone, answers, run, truncated
from tests.filterd.dns.servers import Respond, StreamServer, udp_server

QUESTION = wire.make_question(wire.encode_name("wWw.example"), wire.A)
RECORD = "www.example. 60 IN A 192.0.2.1"
RIGHT = [("www.example.", "A", "192.0.2.1")]


def upstream(port: int, *, attempt_s: float = 5.0) -> UdpUpstream:
    spec = parse_upstream(f"udp://127.0.0.1:{port}")
    return UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel), attempt_s=attempt_s)


def ask(respond: Respond, *, attempt_s: float = 5.0) -> bytes:
    async def work() -> bytes:
        async with udp_server(respond) as port:
            return await upstream(port, attempt_s=attempt_s).ask(QUESTION)

    return run(work())


def test_a_question_is_answered() -> None:
    assert answers(ask(Zone(RECORD).respond)) == RIGHT


def test_each_question_has_an_id_and_a_port_of_its_own() -> None:
    seen: list[bytes] = []
    zone = Zone(RECORD)

    def respond(raw: bytes) -> bytes:
        seen.append(raw[:2])
        return zone.respond(raw)

    async def work() -> None:
        async with udp_server(respond) as port:
            asked = upstream(port)
            await asyncio.gather(*(asked.ask(QUESTION) for _ in range(40)))

    run(work())
    assert len(set(seen)) > 30


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda right: bytes([right[0] ^ 1]) + right[1:], id="another id"),
        pytest.param(lambda right: right.replace(b"\3wWw", b"\3xxx"), id="another name"),
        pytest.param(lambda right: right[:2] + b"\1\0" + right[4:], id="a query"),
        pytest.param(lambda right: right[:9], id="cut"),
        pytest.param(lambda _right: b"", id="empty"),
    ],
)
def test_a_wrong_answer_is_passed_over_and_the_right_one_taken(forge: Callable[[bytes], bytes]) -> None:
    zone = Zone(RECORD)

    async def work() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            loop = asyncio.get_running_loop()
            asking = asyncio.ensure_future(upstream(server.getsockname()[1]).ask(QUESTION))
            raw, peer = await loop.sock_recvfrom(server, 4096)
            right = zone.respond(raw)
            server.sendto(forge(right), peer)
            server.sendto(right, peer)
            return await asking

    assert answers(run(work())) == RIGHT


def test_silence_is_a_failure_in_time() -> None:
    with pytest.raises(UpstreamError) as caught:
        ask(lambda _raw: None, attempt_s=0.05)

    assert caught.value.ede == NO_REACHABLE_AUTHORITY


def test_a_closed_port_is_a_failure_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(UpstreamError, match="refused"):
        run(upstream(port).ask(QUESTION))


def with_tcp(by_udp: Respond, by_tcp: Respond) -> bytes:
    async def work() -> bytes:
        async with StreamServer(by_tcp) as tcp, udp_server(by_udp, port=tcp.port):
            asked = upstream(tcp.port)
            try:
                return await asked.ask(QUESTION)
            finally:
                await asked.close()

    return run(work())


def test_a_truncated_answer_is_asked_for_by_tcp() -> None:
    answer = with_tcp(truncated, Zone(RECORD).respond)

    assert answers(answer) == RIGHT
    assert not is_truncated(answer)


def test_an_answer_in_other_letters_is_asked_for_by_tcp() -> None:
    zone = Zone(RECORD)

    answer = with_tcp(lambda raw: zone.respond(raw).replace(b"wWw", b"www"), zone.respond)

    assert answers(answer) == RIGHT
    assert len(zone.asked) == 2


def test_an_address_where_nobody_is_takes_turns_with_the_others() -> None:
    async def work() -> list[bytes | UpstreamError]:
        async with udp_server(Zone(RECORD).respond) as port:
            base = parse_upstream(f"udp://localhost:{port}")
            spec = replace(base, addresses=("127.0.0.2", "127.0.0.1"))
            asked = UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel))
            return [await attempt(asked) for _ in range(4)]

    async def attempt(asked: UdpUpstream) -> bytes | UpstreamError:
        try:
            return await asked.ask(QUESTION)
        except UpstreamError as error:
            return error

    assert [isinstance(found, bytes) for found in run(work())] == [False, True, False, True]
