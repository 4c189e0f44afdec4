# SPDX-License-Identifier: GPL-3.0-or-later
"""Which upstream is asked first, and what a race ends with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.upstream_group import declines
from filterd.dns.upstream_member import Member
from filterd.dns.upstream_spec import UpstreamError
from filterd.dns.upstream_strategy import RACE_EVERY, Strategy, late_after_s, order, race
from tests.filterd.dns.fakes import run

QUESTION = wire.make_question(wire.encode_name("www.example"), wire.A)


class Runner:
    """Answers with *rcode* after *after* turns of the loop; ``None`` fails."""

    def __init__(self, rcode: int | None, *, after: int = 0) -> None:
        self.rcode = rcode
        self.after = after
        self.asked = 0

    async def ask(self, question: bytes) -> bytes:
        self.asked += 1
        for _ in range(self.after):
            await asyncio.sleep(0)
        if self.rcode is None:
            raise UpstreamError("down")
        return wire.reply(wire.parse_query(question), rcode=self.rcode)

    async def close(self) -> None:
        """Have nothing to close."""


def member(mean_s: float = 0.0, *, runner: Runner | None = None) -> Member:
    made = Member("udp://1", runner or Runner(0), now=lambda: 0.0)
    made.latency.mean_s = mean_s
    return made


@given(st.sampled_from(Strategy), st.integers(0, 1000), st.lists(st.floats(0, 2), min_size=1, max_size=6))
def test_every_strategy_orders_all_of_them(strategy: Strategy, turn: int, means: list[float]) -> None:
    members = [member(mean) for mean in means]

    ordered = order(members, strategy, turn=turn)

    assert {id(one) for one in ordered} == {id(one) for one in members}
    assert len(ordered) == len(members)


def test_the_fastest_is_first_and_what_was_never_measured_before_it() -> None:
    slow, fast, unknown = member(0.2), member(0.1), member()

    assert order([slow, fast, unknown], Strategy.FASTEST, turn=1) == [unknown, fast, slow]


def test_each_slower_one_comes_to_race_the_fastest() -> None:
    members = [member(n / 10) for n in range(1, 5)]

    rivals = {id(order(members, Strategy.FASTEST, turn=n * RACE_EVERY)[1]) for n in range(3)}

    assert rivals == {id(one) for one in members[1:]}


def test_a_race_comes_now_and_then_and_when_the_fastest_is_slow() -> None:
    assert late_after_s(member(0.1), turn=RACE_EVERY) == 0.0
    assert late_after_s(member(0.1), turn=1) == pytest.approx(0.3)
    assert late_after_s(member(0.0001), turn=1) == 0.02
    assert late_after_s(member(9.0), turn=1) == 0.5


def run_race(first: Runner, second: Runner, *, late_s: float = 0.0) -> tuple[int | None, list[asyncio.Task[Any]]]:
    left: list[asyncio.Task[Any]] = []

    async def work() -> int | None:
        try:
            answer = await race(
                member(runner=first), member(runner=second), QUESTION,
                late_s=late_s, declines=declines, leave=left.append,
            )  # fmt: skip
            return answer[3] & 15
        except UpstreamError:
            return None
        finally:
            await asyncio.gather(*left, return_exceptions=True)

    return run(work()), left


@pytest.mark.parametrize(
    ("first", "second", "rcode"),
    [
        pytest.param(Runner(0), Runner(3), 0, id="the first at once"),
        pytest.param(Runner(0, after=9), Runner(3), 3, id="the second is earlier"),
        pytest.param(Runner(2), Runner(3, after=9), 3, id="who declines is not the winner"),
        pytest.param(Runner(None), Runner(3, after=9), 3, id="nor who fails"),
        pytest.param(Runner(2), Runner(None), 2, id="but better than nothing"),
        pytest.param(Runner(None), Runner(2), 2, id="by whomever"),
        pytest.param(Runner(None), Runner(None), None, id="both fail"),
    ],
)
def test_a_race_ends_with_the_best_that_is_said(first: Runner, second: Runner, rcode: int | None) -> None:
    assert run_race(first, second)[0] == rcode


def test_who_loses_goes_on_to_be_measured() -> None:
    _, left = run_race(Runner(0, after=9), Runner(3))

    assert [task.result()[3] & 15 for task in left] == [0]


def test_the_second_is_not_troubled_where_the_first_is_in_time() -> None:
    second = Runner(0)

    run_race(Runner(0, after=3), second, late_s=5.0)

    assert second.asked == 0


def test_the_second_helps_at_once_where_the_first_fails() -> None:
    assert run_race(Runner(None, after=3), Runner(3), late_s=5.0)[0] == 3
