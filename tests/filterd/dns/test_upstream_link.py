# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection, opened when needed, used again, replaced when it is dead."""

from __future__ import annotations

import asyncio
import socket

import pytest

from filterd.dns import upstream_link, wire
from filterd.dns.blocking import NETWORK_ERROR, NO_REACHABLE_AUTHORITY
from filterd.dns.upstream_link import MAX_LOST, Link
from filterd.dns.upstream_spec import UpstreamError, UpstreamSpec, parse_upstream
from filterd.dns.upstream_stream import StreamChannel
from tests.filterd.dns.fakes import Zone, answers, run
from tests.filterd.dns.servers import StreamServer

QUESTION = wire.make_question(wire.encode_name("www.example"), wire.A)
RECORD = "www.example. 60 IN A 192.0.2.1"
RIGHT = [("www.example.", "A", "192.0.2.1")]


def link(port: int, *, attempt_s: float = 5.0, address: str = "127.0.0.1") -> Link:
    return Link(parse_upstream(f"tcp://{address}:{port}"), make=StreamChannel, attempt_s=attempt_s)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_questions_share_a_connection() -> None:
    async def work() -> int:
        async with StreamServer(Zone(RECORD).respond) as server:
            asked = link(server.port)
            await asyncio.gather(*(asked.ask(QUESTION) for _ in range(20)))
            assert answers(await asked.ask(QUESTION)) == RIGHT
            await asked.close()
            return server.connections

    assert run(work()) == 1


def test_a_connection_that_the_upstream_closed_is_opened_again() -> None:
    async def work() -> int:
        async with StreamServer(Zone(RECORD).respond) as server:
            asked = link(server.port)
            await asked.ask(QUESTION)
            server.drop()
            assert answers(await asked.ask(QUESTION)) == RIGHT
            await asked.close()
            return server.connections

    assert run(work()) == 2


def test_a_connection_closed_in_mid_question_costs_the_question_nothing() -> None:
    zone, dropped = Zone(RECORD), False

    async def work() -> int:
        def respond(raw: bytes) -> bytes | None:
            nonlocal dropped
            if len(zone.asked) == 1 and not dropped:
                dropped = True
                server.drop()
                return None
            return zone.respond(raw)

        async with StreamServer(respond) as server:
            asked = link(server.port)
            await asked.ask(QUESTION)
            assert answers(await asked.ask(QUESTION)) == RIGHT
            await asked.close()
            return server.connections

    assert run(work()) == 2


def test_a_connection_on_which_nothing_comes_is_given_up() -> None:
    mute = True
    zone = Zone(RECORD)

    async def work() -> int:
        async with StreamServer(lambda raw: None if mute else zone.respond(raw)) as server:
            nonlocal mute
            asked = link(server.port, attempt_s=0.1)
            with pytest.raises(UpstreamError) as caught:
                await asked.ask(QUESTION)
            assert caught.value.ede == NO_REACHABLE_AUTHORITY
            mute = False
            assert answers(await asked.ask(QUESTION)) == RIGHT
            await asked.close()
            return server.connections

    assert run(work()) == 2


def test_a_connection_that_went_silent_costs_the_question_nothing() -> None:
    zone = Zone(RECORD)

    async def work() -> int:
        def respond(raw: bytes) -> bytes | None:
            return None if server.connections == 1 and zone.asked else zone.respond(raw)

        async with StreamServer(respond) as server:
            asked = link(server.port, attempt_s=1.0)
            await asked.ask(QUESTION)
            found = await asyncio.gather(*(asked.ask(QUESTION) for _ in range(5)))
            assert [answers(message) for message in found] == [RIGHT] * 5
            await asked.close()
            return server.connections

    assert run(work()) == 2


def test_a_connection_long_silent_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_link, "IDLE_S", 0.0)

    async def work() -> int:
        async with StreamServer(Zone(RECORD).respond) as server:
            asked = link(server.port)
            await asked.ask(QUESTION)
            await asked.ask(QUESTION)
            await asked.close()
            return server.connections

    assert run(work()) == 2


def test_nobody_there_is_a_network_error() -> None:
    with pytest.raises(UpstreamError) as caught:
        run(link(free_port()).ask(QUESTION))

    assert caught.value.ede == NETWORK_ERROR


def test_the_next_address_is_tried() -> None:
    async def find(_spec: UpstreamSpec) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async def work() -> bytes:
        async with StreamServer(Zone(RECORD).respond) as server:
            asked = Link(parse_upstream(f"tcp://127.0.0.1:{server.port}"), make=StreamChannel, find_addresses=find)
            try:
                return await asked.ask(QUESTION)
            finally:
                await asked.close()

    assert answers(run(work())) == RIGHT


def test_an_upstream_whose_addresses_nobody_knows_is_a_failure() -> None:
    with pytest.raises(UpstreamError, match="no address"):
        run(Link(parse_upstream("tls://dns.example"), make=StreamChannel).ask(QUESTION))


def test_a_connection_comes_about_though_the_first_to_ask_gave_up() -> None:
    async def work() -> int:
        slow = asyncio.Event()

        async def find(_spec: UpstreamSpec) -> list[str]:
            await slow.wait()
            return ["127.0.0.1"]

        async with StreamServer(Zone(RECORD).respond) as server:
            spec = parse_upstream(f"tcp://127.0.0.1:{server.port}")
            asked = Link(spec, make=StreamChannel, find_addresses=find, attempt_s=0.05)
            with pytest.raises(UpstreamError):
                await asked.ask(QUESTION)
            slow.set()
            await server.connected.wait()
            assert answers(await asked.ask(QUESTION)) == RIGHT
            await asked.close()
            return server.connections

    assert run(work()) == 1


def test_closing_ends_a_connection_that_is_being_opened() -> None:
    async def work() -> None:
        async def find(_spec: UpstreamSpec) -> list[str]:
            await asyncio.Event().wait()
            return []

        asked = Link(parse_upstream("tls://dns.example"), make=StreamChannel, find_addresses=find, attempt_s=0.01)
        with pytest.raises(UpstreamError):
            await asked.ask(QUESTION)
        await asked.close()

    run(work())


def test_one_that_closes_after_each_answer_answers_all() -> None:
    zone, served = Zone(RECORD), 0

    async def work() -> list[bytes]:
        def respond(raw: bytes) -> bytes | None:
            nonlocal served
            served += 1
            if served % 2 == 0:
                asyncio.get_running_loop().call_soon(server.drop)
                return None
            return zone.respond(raw)

        async with StreamServer(respond) as server:
            asked = link(server.port)
            try:
                return await asyncio.gather(*(asked.ask(QUESTION) for _ in range(8)))
            finally:
                await asked.close()

    assert all(answers(message) == RIGHT for message in run(work()))


def test_one_that_only_hangs_up_is_not_asked_for_ever() -> None:
    async def work() -> int:
        def respond(_raw: bytes) -> None:
            server.drop()

        async with StreamServer(respond) as server:
            asked = link(server.port)
            with pytest.raises(UpstreamError):
                await asked.ask(QUESTION)
            await asked.close()
            return server.connections

    assert run(work()) == MAX_LOST
