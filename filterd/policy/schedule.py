# SPDX-License-Identifier: GPL-3.0-or-later
"""When a profile's hours are closed.

The wall clock of the schedule's time zone decides. Where daylight saving repeats an hour, the slot holds both times;
where it skips one, a slot that begins or ends in the gap begins or ends at the jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK_AND_A_DAY = 8  # a slot that starts today is asked for again within a week; one day more for those over midnight


@dataclass(frozen=True, slots=True)
class Slot:
    """A weekly interval: *start* included, *end* excluded. *days* (0 is Monday) are those on which it starts.

    An end at or before the start lies on the next day; equal ones are a whole day.
    """

    days: frozenset[int]
    start: time
    end: time

    def covers(self, wall: datetime) -> bool:
        """Return whether the *wall* clock time (its zone is not looked at) lies in the slot."""
        today, now = wall.weekday(), wall.time()
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and now >= self.start) or (yesterday in self.days and now < self.end)

    def __str__(self) -> str:
        """Return the slot as the configuration writes it."""
        return f"{format_days(self.days)} {self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Closed hours: any number of slots, in the local time of *zone*."""

    slots: tuple[Slot, ...] = ()
    zone: tzinfo = UTC

    def slot_at(self, when: datetime) -> Slot | None:
        """Return the slot that holds the aware time *when*, or ``None`` where the hours are open."""
        if not self.slots:
            return None
        wall = when.astimezone(self.zone)
        return next((slot for slot in self.slots if slot.covers(wall)), None)

    def covers(self, when: datetime) -> bool:
        """Return whether *when* (aware) lies in closed hours."""
        return self.slot_at(when) is not None

    def next_change(self, when: datetime) -> datetime | None:
        """Return the first instant (UTC) after *when* at which the hours open or close; ``None``: never."""
        if not self.slots:
            return None
        now = self.covers(when)
        candidates = sorted({at for at in self._edges(when) if at > when})
        return next((at for at in candidates if self.covers(at) is not now), None)

    def _edges(self, when: datetime) -> Iterator[datetime]:
        start = when.astimezone(self.zone)
        for offset in range(-1, _WEEK_AND_A_DAY + 1):
            day = start.date() + timedelta(days=offset)
            for slot in self.slots:
                yield from self._instants(day, slot.start)
                yield from self._instants(day, slot.end)
        yield from self._clock_changes(when)

    def _instants(self, day: date, wall: time) -> Iterator[datetime]:
        for fold in (0, 1):  # an hour that occurs twice has two edges
            yield datetime.combine(day, wall.replace(fold=fold), tzinfo=self.zone).astimezone(UTC)

    def _clock_changes(self, when: datetime) -> Iterator[datetime]:
        """Yield the instants at which the zone's offset changes, found to the second by bisection."""
        low = when.astimezone(UTC).replace(microsecond=0)
        for _ in range(_WEEK_AND_A_DAY * 4):
            high = low + timedelta(hours=6)
            if self._offset(low) != self._offset(high):
                left, right = low, high
                while right - left > timedelta(seconds=1):
                    middle = left + timedelta(seconds=int((right - left).total_seconds()) // 2)
                    left, right = (left, middle) if self._offset(middle) != self._offset(low) else (middle, right)
                yield right
            low = high

    def _offset(self, when: datetime) -> timedelta | None:
        return when.astimezone(self.zone).utcoffset()


def parse_days(text: str) -> frozenset[int]:
    """Return the days that ``"mon-fri"``, ``"sat,sun"``, ``"fri-mon"`` or ``"all"`` names.

    Raises:
        ValueError: naming the word that is no day.
    """
    days: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        if part in ("all", "daily"):
            return frozenset(range(7))
        first, dash, last = part.partition("-")
        start = _day(first)
        stop = _day(last) if dash else start
        days.update((start + step) % 7 for step in range((stop - start) % 7 + 1))
    return frozenset(days)


def format_days(days: frozenset[int]) -> str:
    """Return *days* as the configuration writes them: ``"mon-fri"``, ``"mon,wed"``, ``"all"``."""
    if len(days) == len(DAYS):
        return "all"
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def parse_time(text: str) -> time:
    """Return the time of day that ``"21:00"`` names; ``"24:00"`` is midnight at the end of the day.

    Raises:
        ValueError: *text* is no time of day.
    """
    try:
        return time() if text == "24:00" else datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 (a wall time)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time of day: write it as 21:00") from error


def _day(word: str) -> int:
    try:
        return DAYS.index(word[:3])
    except ValueError as error:
        raise ValueError(f"{word!r} is no day: write one of {', '.join(DAYS)}, a range (mon-fri) or all") from error
