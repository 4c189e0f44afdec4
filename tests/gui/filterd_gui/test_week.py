# SPDX-License-Identifier: GPL-3.0-or-later
"""A drawn week and the slots of the configuration say the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.schedule import format_days as their_format_days
from filterd.policy.schedule import parse_days
from filterd_gui.week import CELLS_PER_DAY, cells_of, format_days, hour_of, slots_of

CELLS = st.tuples(st.integers(0, 6), st.integers(0, CELLS_PER_DAY - 1))

EVERYTHING = frozenset((day, cell) for day in range(7) for cell in range(CELLS_PER_DAY))


@given(st.frozensets(CELLS))
def test_slots_close_exactly_what_was_drawn(cells: frozenset[tuple[int, int]]) -> None:
    assert cells_of(slots_of(cells)) == cells


@given(st.frozensets(CELLS, max_size=9))
def test_long_closures_survive_too(opened: frozenset[tuple[int, int]]) -> None:
    cells = EVERYTHING - opened

    assert cells_of(slots_of(cells)) == cells


@given(st.frozensets(st.integers(0, 6), min_size=1))
def test_days_are_written_as_the_daemon_writes_them(days: frozenset[int]) -> None:
    assert format_days(days) == their_format_days(days)
    assert parse_days(format_days(days)) == days


def test_a_night_over_midnight_is_one_slot() -> None:
    slots = [{"days": "mon-fri", "from": "21:00", "to": "07:00"}]

    assert slots_of(cells_of(slots)) == slots


def test_a_whole_week_is_one_slot_of_every_day() -> None:
    assert slots_of(EVERYTHING) == [{"days": "all", "from": "00:00", "to": "24:00"}]


def test_what_is_closed_in_part_counts_as_closed() -> None:
    assert cells_of([{"days": "sun", "from": "21:15", "to": "21:45"}]) == {(6, 42), (6, 43)}
    assert hour_of(43) == "21:30"
