# SPDX-License-Identifier: GPL-3.0-or-later
"""How an upstream has been is known, in bounded memory."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.upstream_member import MAX_BACK_OFF_S, Latency, Member
from filterd.dns.upstream_spec import UpstreamError
from tests.filterd.dns.fakes import run

QUESTION = wire.make_question(wire.encode_name("www.example"), wire.A)


class Slow:
    """Answers, or fails, after a second of the clock that it turns."""

    def __init__(self, *, fails: bool = False) -> None:
        self.now = 0.0
        self.fails = fails

    async def ask(self, question: bytes) -> bytes:
        self.now += 1.0
        if self.fails:
            raise UpstreamError("down")
        return wire.reply(wire.parse_query(question))

    async def close(self) -> None:
        """Have nothing to close."""


@given(st.lists(st.floats(0.001, 60), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_share_of_the_answers_came_within_the_time_told(times: list[float], share: float) -> None:
    latency = Latency()
    for time in times:
        latency.add(time)

    within = latency.within_s(share)

    assert sum(time <= within for time in times) >= share * len(times)
    assert within / 2 <= max(times)


def test_nothing_measured_is_nothing_told() -> None:
    assert (Latency().mean_s, Latency().within_s(0.5)) == (0.0, 0.0)


def test_the_running_mean_follows() -> None:
    latency = Latency()
    for _ in range(50):
        latency.add(0.1)
    for _ in range(50):
        latency.add(0.2)

    assert latency.mean_s == pytest.approx(0.2, rel=0.01)


def test_answers_are_timed() -> None:
    upstream = Slow()
    member = Member("udp://1", upstream, now=lambda: upstream.now)

    run(member.ask(QUESTION))

    assert member.report().mean_s == 1.0
    assert (member.report().asked, member.report().failed, member.report().up) == (1, 0, True)


def test_failures_are_told_with_the_name_and_back_off_is_bounded() -> None:
    upstream = Slow(fails=True)
    member = Member("udp://1", upstream, now=lambda: upstream.now)

    async def work() -> None:
        for _ in range(2000):
            with pytest.raises(UpstreamError, match="udp://1: down"):
                await member.ask(QUESTION)

    run(work())

    assert member.retry_at - upstream.now == MAX_BACK_OFF_S
    assert (member.report().failed, member.report().up, member.report().error) == (2000, False, "down")


def test_questions_that_fail_together_are_one_failure() -> None:
    now = 0.0

    class Down(Slow):
        async def ask(self, question: bytes) -> bytes:  # noqa: ARG002 - what was asked is of no account
            nonlocal now
            await asyncio.sleep(0)
            now += 0.001
            raise UpstreamError("down")

    member = Member("udp://1", Down(), now=lambda: now)

    async def work() -> None:
        await asyncio.gather(*(member.ask(QUESTION) for _ in range(100)), return_exceptions=True)

    run(work())
    assert (member.failures, member.report().failed) == (1, 100)


def test_one_that_fails_slowly_is_not_the_fastest() -> None:
    upstream = Slow(fails=True)
    member = Member("udp://1", upstream, now=lambda: upstream.now)
    member.latency.add(0.01)

    with pytest.raises(UpstreamError):
        run(member.ask(QUESTION))

    assert member.latency.mean_s == 1.0
