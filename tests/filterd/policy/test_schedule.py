# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed hours follow the wall clock, over midnight and over clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.policy.schedule import Schedule, Slot, format_days, parse_days, parse_time

ASUNCION = ZoneInfo("America/Asuncion")
MADRID = ZoneInfo("Europe/Madrid")
SCHOOL_NIGHTS = Schedule((Slot(parse_days("mon-fri"), time(21), time(7)),), ASUNCION)


def local(text: str, zone: ZoneInfo = ASUNCION, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("when", "closed"),
    [
        ("2026-11-20T20:59:59", False),  # Friday
        ("2026-11-20T21:00:00", True),
        ("2026-11-21T06:59:59", True),  # Saturday morning still belongs to Friday's slot
        ("2026-11-21T07:00:00", False),
        ("2026-11-21T23:00:00", False),
        ("2026-11-23T05:00:00", False),  # Monday morning: Sunday starts none
        ("2026-11-23T21:00:00", True),
    ],
)
def test_a_slot_belongs_to_the_day_on_which_it_starts(when: str, *, closed: bool) -> None:
    assert SCHOOL_NIGHTS.covers(local(when)) is closed


def test_the_same_instant_is_judged_alike_in_any_zone() -> None:
    instant = local("2026-11-20T21:30:00")

    assert SCHOOL_NIGHTS.covers(instant.astimezone(UTC))
    assert SCHOOL_NIGHTS.covers(instant.astimezone(ZoneInfo("Asia/Tokyo")))


def test_several_slots_a_day_each_close() -> None:
    siesta = Slot(parse_days("all"), time(13), time(15))
    night = Slot(parse_days("all"), time(22), time(6))
    schedule = Schedule((siesta, night), ASUNCION)

    assert schedule.slot_at(local("2026-11-20T14:00")) == siesta
    assert schedule.slot_at(local("2026-11-20T23:00")) == night
    assert schedule.slot_at(local("2026-11-20T16:00")) is None


def test_equal_start_and_end_close_the_whole_day() -> None:
    schedule = Schedule((Slot(parse_days("sun"), time(0), time(0)),), ASUNCION)

    assert schedule.covers(local("2026-11-22T00:00"))
    assert schedule.covers(local("2026-11-22T23:59:59"))
    assert not schedule.covers(local("2026-11-23T00:00"))


def test_an_hour_that_occurs_twice_is_closed_both_times() -> None:
    schedule = Schedule((Slot(parse_days("all"), time(2), time(3)),), MADRID)

    assert schedule.covers(local("2026-10-25T02:30", MADRID, fold=0))
    assert schedule.covers(local("2026-10-25T02:30", MADRID, fold=1))


def test_a_slot_that_begins_in_a_skipped_hour_begins_at_the_jump() -> None:
    schedule = Schedule((Slot(parse_days("all"), time(2, 30), time(4)),), MADRID)
    jump = datetime(2026, 3, 29, 1, tzinfo=UTC)

    assert not schedule.covers(jump - timedelta(seconds=1))
    assert schedule.covers(jump)
    assert schedule.next_change(jump - timedelta(hours=1)) == jump


def test_an_empty_schedule_never_changes() -> None:
    assert Schedule().next_change(local("2026-11-20T21:00")) is None
    assert not Schedule().covers(local("2026-11-20T21:00"))


slots = st.builds(
    Slot,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30])),
    st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30])),
)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=60, deadline=None)
@given(st.lists(slots, min_size=1, max_size=3), instants, st.sampled_from([ASUNCION, MADRID, UTC]))
def test_the_next_change_is_the_first_minute_that_differs(chosen: list[Slot], when: datetime, zone: ZoneInfo) -> None:
    schedule = Schedule(tuple(chosen), zone)
    when = when.replace(second=0, microsecond=0)
    change = schedule.next_change(when)
    week = (when + timedelta(minutes=15 * step) for step in range(1, 4 * 24 * 8))
    first = next((at for at in week if schedule.covers(at) != schedule.covers(when)), None)

    if change is None:
        assert first is None
    else:
        assert schedule.covers(change) != schedule.covers(when)
        assert first is None or change <= first
        assert schedule.covers(change - timedelta(seconds=1)) == schedule.covers(when)


@given(st.frozensets(st.integers(0, 6), min_size=1))
def test_days_survive_being_written_and_read(days: frozenset[int]) -> None:
    assert parse_days(format_days(days)) == days


def test_days_may_run_over_the_weekend() -> None:
    assert parse_days("fri-mon") == {4, 5, 6, 0}
    assert parse_days("Sat, Sun") == {5, 6}


@pytest.mark.parametrize("text", ["", "lun", "mon-", "mon-xyz", "8"])
def test_a_word_that_is_no_day_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no day"):
        parse_days(text)


@pytest.mark.parametrize("text", ["", "25:00", "7", "21h", "24:01"])
def test_a_word_that_is_no_time_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no time of day"):
        parse_time(text)


def test_times_of_day_are_read() -> None:
    assert parse_time("21:30") == time(21, 30)
    assert parse_time("24:00") == time(0)
    assert str(SCHOOL_NIGHTS.slots[0]) == "mon-fri 21:00-07:00"
