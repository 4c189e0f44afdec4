# SPDX-License-Identifier: GPL-3.0-or-later
"""When lists are updated."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.lists.model import Meta, State
from filterd.lists.schedule import DAILY, FIRST_RETRY, JITTER, LONGEST_SLEEP, METERED_LOOK, START_JITTER, next_try, plan
from tests.filterd.lists.support import NOW

FRESH = Meta("a", "", "drugs", state=State.OK, checked=NOW, fetched=NOW)


def checked_before(age: timedelta, **changes: object) -> Meta:
    return dataclasses.replace(FRESH, checked=NOW - age, **changes)  # type: ignore[arg-type]  # fields by name


def test_a_list_that_never_came_is_due() -> None:
    assert plan({"a": None}, NOW, metered=False, jitter=0.5).due == ("a",)


def test_a_fresh_list_is_due_in_a_day_and_a_bit() -> None:
    assert next_try(FRESH, NOW, jitter=0) == NOW + DAILY
    assert next_try(FRESH, NOW, jitter=1) == NOW + DAILY + JITTER


def test_only_what_is_due_is_updated() -> None:
    lists = {"old": checked_before(2 * DAILY), "fresh": FRESH}

    assert plan(lists, NOW, metered=False, jitter=0).due == ("old",)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 15), (2, 30), (3, 60), (4, 120), (7, 960), (8, 1440), (50, 1440), (5000, 1440)]
)
def test_each_failure_doubles_the_wait_up_to_a_day(failures: int, minutes: int) -> None:
    meta = dataclasses.replace(FRESH, state=State.STALE, failures=failures)

    assert next_try(meta, NOW, jitter=0) == NOW + timedelta(minutes=minutes)


def test_a_list_that_was_refused_is_not_asked_for_again_soon() -> None:
    meta = dataclasses.replace(FRESH, state=State.REFUSED, failures=1)

    assert next_try(meta, NOW, jitter=0) == NOW + timedelta(hours=6)


def test_at_the_start_what_is_overdue_waits_a_moment() -> None:
    waiting = plan({"a": None}, NOW, metered=False, jitter=0.5, starting=True)

    assert (waiting.due, waiting.look_again) == ((), NOW + START_JITTER / 2)


def test_on_a_metered_link_nothing_is_fetched() -> None:
    waiting = plan({"a": None}, NOW, metered=True, jitter=0)

    assert (waiting.due, waiting.look_again, waiting.metered) == ((), NOW + METERED_LOOK, True)


def test_a_metered_link_with_nothing_due_is_no_matter() -> None:
    assert not plan({"a": FRESH}, NOW, metered=True, jitter=0).metered


def test_a_clock_that_was_set_back_does_not_stop_updates() -> None:
    future = dataclasses.replace(FRESH, checked=NOW + timedelta(days=400))

    assert plan({"a": future}, NOW, metered=False, jitter=0).due == ("a",)


def test_without_lists_there_is_nothing_to_do() -> None:
    assert plan({}, NOW, metered=False, jitter=0).look_again == NOW + LONGEST_SLEEP


@given(
    ages=st.lists(st.timedeltas(timedelta(0), timedelta(days=9)), max_size=5),
    failures=st.integers(0, 30),
    jitter=st.floats(0, 1),
    metered=st.booleans(),
    starting=st.booleans(),
)
def test_the_daemon_always_sleeps_a_while_and_never_too_long(
    ages: list[timedelta], failures: int, jitter: float, metered: bool, starting: bool
) -> None:
    lists = {str(number): checked_before(age, failures=failures) for number, age in enumerate(ages)}

    found = plan(lists, NOW, metered=metered, jitter=jitter, starting=starting)

    assert NOW <= found.look_again <= NOW + LONGEST_SLEEP
    assert not (metered and found.due)
    if found.due:
        assert found.look_again <= NOW + FIRST_RETRY
