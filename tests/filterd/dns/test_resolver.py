# SPDX-License-Identifier: GPL-3.0-or-later
"""One question upstream for all who ask it."""

from __future__ import annotations

import asyncio

import pytest

from filterd.dns import wire
from filterd.dns.cache import AnswerCache
from filterd.dns.resolver import Resolver
from filterd.dns.upstream_spec import UpstreamError
from tests.filterd.dns.fakes import Zone, run

NAME = wire.encode_name("www.example")
RECORD = "www.example. 60 IN A 192.0.2.1"


def test_a_second_question_is_answered_from_the_cache_in_any_letter_case() -> None:
    zone = Zone(RECORD)
    resolver = Resolver(zone.ask, cache=AnswerCache())

    async def work() -> None:
        first, _ = await resolver.resolve(NAME, wire.A)
        second, _ = await resolver.resolve(NAME.upper(), wire.A)
        assert first is second

    run(work())
    assert zone.asked == [("www.example.", "A")]


def test_many_who_ask_the_same_at_once_cost_one_question() -> None:
    zone = Zone(RECORD)
    resolver = Resolver(zone.ask, cache=AnswerCache())

    async def work() -> None:
        await asyncio.gather(*(resolver.resolve(NAME, wire.A) for _ in range(50)))

    run(work())
    assert len(zone.asked) == 1


def test_a_client_that_gives_up_takes_nobody_elses_answer_along() -> None:
    zone = Zone(RECORD)
    resolver = Resolver(zone.ask, cache=AnswerCache())

    async def work() -> None:
        impatient = asyncio.ensure_future(resolver.resolve(NAME, wire.A))
        patient = asyncio.ensure_future(resolver.resolve(NAME, wire.A))
        await asyncio.sleep(0)
        impatient.cancel()
        answer, _ = await patient
        assert answer.rcode == wire.NOERROR

    run(work())
    assert len(zone.asked) == 1


def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    asked = 0

    async def fail(_question: bytes) -> bytes:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        raise UpstreamError("down", ede=22)

    resolver = Resolver(fail, cache=AnswerCache())

    async def work() -> None:
        told = await asyncio.gather(*(resolver.resolve(NAME, wire.A) for _ in range(3)), return_exceptions=True)
        assert [str(error) for error in told] == ["down"] * 3
        with pytest.raises(UpstreamError):
            await resolver.resolve(NAME, wire.A)

    run(work())
    assert asked == 2


def test_an_answer_that_cannot_be_read_is_a_failure_of_the_upstream() -> None:
    async def babble(question: bytes) -> bytes:
        return question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:-11] + b"\xc0\x0c\0"

    with pytest.raises(UpstreamError, match="cannot be read"):
        run(Resolver(babble, cache=AnswerCache()).resolve(NAME, wire.A))


def test_a_question_that_fails_because_the_upstream_was_exchanged_is_asked_of_the_new_one() -> None:
    zone = Zone(RECORD)

    async def let_go(_question: bytes) -> bytes:
        await asyncio.sleep(0)
        resolver.swap(zone.ask)
        raise UpstreamError("the connection was closed")

    resolver = Resolver(let_go, cache=AnswerCache())

    answer, _ = run(resolver.resolve(NAME, wire.A))
    assert answer.rcode == wire.NOERROR
    assert len(zone.asked) == 1


def test_what_another_upstream_said_is_forgotten() -> None:
    before, after = Zone(RECORD), Zone()
    resolver = Resolver(before.ask, cache=AnswerCache())
    run(resolver.resolve(NAME, wire.A))

    resolver.swap(after.ask)

    answer, _ = run(resolver.resolve(NAME, wire.A))
    assert answer.rcode == wire.NXDOMAIN
