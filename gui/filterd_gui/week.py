# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed hours as cells of a week, half an hour each, and as the slots of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CELLS_PER_DAY = 48
_MINUTES = 24 * 60 // CELLS_PER_DAY
_WEEK = len(DAYS) * CELLS_PER_DAY

type Cell = tuple[int, int]  # day from Monday, half hour from midnight
type Slot = dict[str, str]  # days, from, to


def cells_of(slots: Iterable[Mapping[str, Any]]) -> frozenset[Cell]:
    """Return the cells that *slots* close; one that is closed in part counts as closed."""
    return frozenset(cell for slot in slots for cell in _cells_of(slot))


def _cells_of(slot: Mapping[str, Any]) -> Iterator[Cell]:
    start, end = _minutes(slot["from"]), _minutes(slot["to"])
    if end <= start:
        end += 24 * 60
    first, last = start // _MINUTES, -(-end // _MINUTES)
    for day in _days(slot["days"]):
        for place in range(first, last):
            yield divmod((day * CELLS_PER_DAY + place) % _WEEK, CELLS_PER_DAY)


def slots_of(cells: Iterable[Cell]) -> list[Slot]:
    """Return the fewest slots that close exactly *cells*: the same hours of several days are one."""
    by_hours: dict[tuple[int, int], set[int]] = {}
    for first, length in _runs(frozenset(day * CELLS_PER_DAY + place for day, place in cells)):
        day, start = divmod(first, CELLS_PER_DAY)
        by_hours.setdefault((start, start + length), set()).add(day)
    return [
        {"days": format_days(days), "from": _clock(start), "to": _clock(end, closing=True)}
        for (start, end), days in sorted(by_hours.items(), key=lambda pair: (min(pair[1]), pair[0]))
    ]


def _runs(closed: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Yield start and length of each run of closed half hours; none is longer than a day, for no slot may be."""
    if len(closed) == _WEEK:
        yield from ((day * CELLS_PER_DAY, CELLS_PER_DAY) for day in range(len(DAYS)))
        return
    for start in sorted(closed):
        if (start - 1) % _WEEK in closed:
            continue
        length = 1
        while (start + length) % _WEEK in closed:
            length += 1
        yield from _pieces(start, length)


def _pieces(start: int, length: int) -> Iterator[tuple[int, int]]:
    while length > 0:
        # Up to the next midnight where it does not end before the same hour of the next day.
        piece = length if length < CELLS_PER_DAY else CELLS_PER_DAY - start % CELLS_PER_DAY
        yield start % _WEEK, piece
        start, length = start + piece, length - piece


def format_days(days: Iterable[int]) -> str:
    """Return *days* as the configuration writes them: "mon-fri", "sat,sun", "all"."""
    wanted = sorted(days)
    if len(wanted) == len(DAYS):
        return "all"
    runs: list[list[int]] = []
    for day in wanted:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def _days(text: str) -> Iterator[int]:
    for part in text.lower().replace(" ", "").split(","):
        if part in ("all", "daily"):
            yield from range(len(DAYS))
            return
        first, dash, last = part.partition("-")
        start = DAYS.index(first[:3])
        stop = DAYS.index(last[:3]) if dash else start
        yield from ((start + step) % 7 for step in range((stop - start) % 7 + 1))


def _minutes(text: str) -> int:
    hours, _colon, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes or 0)


def _clock(cell: int, *, closing: bool = False) -> str:
    if closing and cell == CELLS_PER_DAY:
        return "24:00"
    hours, minutes = divmod(cell % CELLS_PER_DAY * _MINUTES, 60)
    return f"{hours:02}:{minutes:02}"


def hour_of(cell: int) -> str:
    """Return when the half hour *cell* begins, as 21:30."""
    return _clock(cell)
