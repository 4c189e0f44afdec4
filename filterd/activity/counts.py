# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions counted since the daemon started."""

from __future__ import annotations

from collections import Counter

from filterd.activity.feed import Event


class Counts:
    """Totals by action, stage, category and profile; bounded, for categories and profiles are few."""

    def __init__(self) -> None:
        self.by_action: Counter[str] = Counter()
        self.by_stage: Counter[str] = Counter()
        self.blocked_by_category: Counter[str] = Counter()
        self.blocked_by_cause: Counter[str] = Counter()
        self.blocked_by_profile: Counter[str] = Counter()

    def add(self, event: Event) -> None:
        """Count *event*, as often as it happened."""
        count = event.count
        self.by_action[event.action] += count
        self.by_stage[event.stage] += count
        if event.action == "block":
            self.blocked_by_cause[event.cause] += count
            self.blocked_by_profile[event.profile] += count
            if event.category:
                self.blocked_by_category[event.category] += count

    @property
    def total(self) -> int:
        """Return how many decisions there were."""
        return self.by_action.total()
