# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the decisions is kept: as much as profile and ceiling allow, gathered and written together."""

from __future__ import annotations

from collections.abc import Callable

from filterd.activity.feed import Event
from filterd.activity.store import ActivityStore
from filterd.policy.profile import Record

MAX_WAITING = 20_000
_RANK = {Record.NONE: 0, Record.BLOCKED: 1, Record.ALL: 2}


class Recorder:
    """Takes events in, keeps in *store* what *level* of their profile allows; `write` may run in another thread."""

    def __init__(self, store: ActivityStore, level: Callable[[str], Record]) -> None:
        self._store = store
        self._level = level
        self._waiting: list[Event] = []
        self.lost = 0

    def take(self, event: Event) -> None:
        """Keep *event* for the next writing, if it may be kept."""
        level = self._level(event.profile)
        if level is Record.NONE or (level is Record.BLOCKED and event.action != "block"):
            return
        if len(self._waiting) >= MAX_WAITING:
            self.lost += event.count
            return
        self._waiting.append(event)

    def write(self) -> None:
        """Write what was taken."""
        events, self._waiting = self._waiting, []
        if events:
            self._store.add(events)


def level_of(profile: Record, ceiling: Record) -> Record:
    """Return what may be recorded where a *profile* wants so much and the *ceiling* allows so much."""
    return min(profile, ceiling, key=_RANK.__getitem__)
