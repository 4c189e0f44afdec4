# SPDX-License-Identifier: GPL-3.0-or-later
"""Family resolvers may object; their silence costs little and decides nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc

import pytest

from filterd.dns import wire
from filterd.dns.answer import Answer, read_answer
from filterd.dns.second_opinion import (
    KEEP_FINE_S,
    KEEP_OBJECTION_S,
    LEFT_ALONE_S,
    SILENCES,
    SecondOpinion,
    make_second_opinion,
)
from filterd.dns.upstream_spec import UpstreamError, parse_upstream
from tests.filterd.dns.fakes import Zone, run, until
from tests.filterd.dns.servers import udp_server

NAME = wire.encode_name("www.example")
RIGHT = "www.example. 60 IN A 192.0.2.1"
NO = "www.example. 60 IN A 0.0.0.0"


def ours(zone: str = RIGHT) -> Answer:
    return read_answer(Zone(zone).respond(wire.make_question(NAME, wire.A)))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Family:
    """A family resolver that says *zone*; without one it says nothing, or fails."""

    def __init__(self, zone: str | None, *, fails: bool = False) -> None:
        self.zone = Zone(zone) if zone is not None else None
        self.fails = fails
        self.asked = 0
        self.closed = False

    async def ask(self, question: bytes) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.fails:
            raise UpstreamError("down")
        if self.zone is None:
            await asyncio.Event().wait()
        assert self.zone
        return self.zone.respond(question)

    async def close(self) -> None:
        self.closed = True


def of(*families: Family, clock: Clock | None = None, wait_s: float = 5.0, max_bytes: int = 1 << 20) -> SecondOpinion:
    named = [(f"udp://{n}", family) for n, family in enumerate(families)]
    return SecondOpinion(named, wait_s=wait_s, max_bytes=max_bytes, now=clock or Clock())


@pytest.mark.parametrize(
    ("families", "objector"),
    [
        pytest.param([Family(NO)], "udp://0", id="one objects"),
        pytest.param([Family(RIGHT), Family(NO)], "udp://1", id="one of two objects"),
        pytest.param([Family("")], "udp://0", id="absent for them only"),
        pytest.param([Family(RIGHT)], None, id="fine"),
        pytest.param([Family(None, fails=True), Family(NO)], "udp://1", id="one fails"),
        pytest.param([Family(None, fails=True)], None, id="all fail"),
    ],
)
def test_who_objects_is_named(families: list[Family], objector: str | None) -> None:
    assert run(of(*families).second_opinion(NAME, ours())) == objector


def test_it_is_asked_while_the_answer_is_looked_for() -> None:
    family = Family(NO)

    async def work() -> None:
        consultation = of(family).consult(NAME)
        await until(lambda: family.asked)
        assert await consultation.objection_to(ours()) == "udp://0"

    run(work())


def test_silence_is_no_objection_after_a_short_time() -> None:
    async def work() -> None:
        opinion = of(Family(None), wait_s=0.02)
        assert await opinion.second_opinion(NAME, ours()) is None
        await opinion.close()

    run(work())


def test_a_bug_is_logged_and_no_objection(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Family):
        async def ask(self, question: bytes) -> bytes:
            await asyncio.sleep(0)
            raise RuntimeError(question.hex())

    assert run(of(Broken(None)).second_opinion(NAME, ours())) is None
    assert [record.message for record in caplog.records] == ["a second opinion could not be read"]


def test_opinions_are_kept_for_a_while_in_any_letter_case() -> None:
    family, clock = Family(RIGHT), Clock()
    opinion = of(family, clock=clock)

    async def work() -> None:
        for name in (NAME, NAME.upper(), NAME):
            await opinion.second_opinion(name, ours())
        assert family.asked == 1
        clock.now = KEEP_FINE_S
        family.zone = Zone(NO)
        assert await opinion.second_opinion(NAME, ours()) == "udp://0"
        clock.now += KEEP_OBJECTION_S
        family.zone = Zone(RIGHT)
        assert await opinion.second_opinion(NAME, ours()) is None

    run(work())
    assert family.asked == 3


def test_those_who_ask_at_a_time_cost_one_question() -> None:
    family = Family(NO)
    opinion = of(family)

    async def work() -> None:
        found = await asyncio.gather(*(opinion.second_opinion(NAME, ours()) for _ in range(20)))
        assert set(found) == {"udp://0"}

    run(work())
    assert family.asked == 1


def test_a_silent_one_is_left_alone_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    family, clock = Family(None, fails=True), Clock()
    opinion = of(family, clock=clock)

    async def ask(n: int) -> str | None:
        return await opinion.second_opinion(wire.encode_name(f"n{n}.example"), ours())

    async def work() -> None:
        for n in range(20):
            await ask(n)
        assert family.asked == SILENCES + 1
        clock.now = LEFT_ALONE_S
        family.fails, family.zone = False, Zone(RIGHT)
        for n in range(20, 30):
            await ask(n)

    with caplog.at_level(logging.INFO):
        run(work())
    assert family.asked == SILENCES + 11
    assert [record.message for record in caplog.records] == [
        "udp://0 gives no second opinion; our own lists decide until it answers",
        "udp://0 gives second opinions again",
    ]


def test_opinions_stay_within_their_bound_of_real_memory() -> None:
    family = Family(RIGHT)
    opinion = of(family, max_bytes=100_000)

    async def work() -> None:
        for n in range(400):
            await opinion.second_opinion(wire.encode_name(f"host{n}.of-a-usual-length.example"), ours())

    tracemalloc.start()
    try:
        run(work())
        family.zone = None
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < len(opinion) < 150
    assert taken < 300_000  # zone, loop and all


def test_closing_lets_go_of_all() -> None:
    family = Family(None)

    async def work() -> None:
        opinion = of(family)
        opinion.consult(NAME)
        await opinion.close()
        await until(lambda: not opinion._asking)

    run(work())
    assert family.closed


def test_a_real_resolver_is_asked() -> None:
    async def work() -> str | None:
        async with udp_server(Zone(NO).respond) as port:
            opinion = make_second_opinion([parse_upstream(f"udp://127.0.0.1:{port}")])
            try:
                return await opinion.second_opinion(NAME, ours())
            finally:
                await opinion.close()

    found = run(work())
    assert found
    assert found.startswith("udp://127.0.0.1:")
