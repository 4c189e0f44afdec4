# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided is counted by what people ask for."""

from __future__ import annotations

from filterd.activity.counts import Counts
from filterd.activity.feed import Event


def test_blocked_requests_are_counted_by_category_cause_and_profile() -> None:
    counts = Counts()
    counts.add(Event("block", "child", "a", 1.0, "query", cause="category-list", category="gambling"))
    counts.add(Event("block", "child", "b", 1.0, "request", cause="deny-list"))
    counts.add(Event("allow", "adult", "c", 1.0, "query", category="social"))

    assert counts.total == 3
    assert counts.by_action == {"block": 2, "allow": 1}
    assert counts.blocked_by_category == {"gambling": 1}
    assert counts.blocked_by_cause == {"category-list": 1, "deny-list": 1}
    assert counts.blocked_by_profile == {"child": 2}
    assert counts.by_stage == {"query": 2, "request": 1}


def test_an_event_counts_as_often_as_it_happened() -> None:
    counts = Counts()
    counts.add(Event("block", "child", "a", 1.0, "query", cause="category-list", category="gambling", count=7))
    counts.add(Event("allow", "child", "b", 1.0, "query", count=3))

    assert counts.total == 10
    assert counts.blocked_by_category == {"gambling": 7}
    assert counts.blocked_by_cause == {"category-list": 7}
    assert counts.blocked_by_profile == {"child": 7}
    assert counts.by_stage == {"query": 10}
