# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure is remembered for moments, and never too many."""

from __future__ import annotations

from filterd.dns import wire
from filterd.dns.cache import Question
from filterd.dns.failures import MAX_KEPT, RecentFailures
from filterd.dns.upstream_spec import UpstreamError


def key(n: int) -> Question:
    return Question(wire.encode_name(f"n{n}.example"), wire.A, do=False, cd=False)


def test_a_failure_is_told_again_until_its_time_is_over() -> None:
    now = 0.0
    failures = RecentFailures(keep_s=2, now=lambda: now)
    failures.add(key(1), UpstreamError("down", ede=22))

    now = 1.9
    again = failures.find(key(1))
    assert again
    assert (str(again), again.ede) == ("down", 22)
    assert failures.find(key(2)) is None
    now = 2.0
    assert failures.find(key(1)) is None
    assert len(failures) == 0


def test_a_flood_of_failing_names_stays_within_bounds() -> None:
    failures = RecentFailures(keep_s=2, now=lambda: 0.0)
    for n in range(2 * MAX_KEPT):
        failures.add(key(n), UpstreamError("down"))

    assert len(failures) == MAX_KEPT
    assert failures.find(key(2 * MAX_KEPT - 1))


def test_failures_can_be_forgotten() -> None:
    failures = RecentFailures(keep_s=2, now=lambda: 0.0)
    failures.add(key(1), UpstreamError("down"))

    failures.clear()

    assert failures.find(key(1)) is None
