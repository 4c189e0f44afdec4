# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the decisions is kept: as much as profile and ceiling allow, gathered and written together."""

from __future__ import annotations

from collections.abc import Callable

from filterd.activity.feed import Event
from filterd.activity.levels import may_keep
from filterd.activity.store import ActivityStore
from filterd.policy.profile import Record

MAX_WAITING = 20_000


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
        # Without a name it is a total, of what could not be kept when it was decided.
        if not event.host or not may_keep(level, blocked=event.action == "block"):
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
