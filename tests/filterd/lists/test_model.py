# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts hand one another."""

from __future__ import annotations

from filterd.lists.model import Dropped, Meta, Outcome, Part, Silent, SkippedLines, UpdateResult, skipped_lines
from filterd.policy.rules import Skip, Tally


def test_a_subscription_counts_the_rules_of_its_parts() -> None:
    meta = Meta("ut1", "", "all", parts=(Part("a", "drugs", "f", 2), Part("b", "hate", "g", 3)))

    assert meta.count == 5


def test_skipped_lines_are_counted_over_all_parts_most_often_first() -> None:
    one = Part("a", "drugs", "f", 2, skipped={"query": SkippedLines(3, 7, "a.example/?x")})
    lines = {"query": SkippedLines(1, 1, "b.example/?y"), "network": SkippedLines(9, 2, "1.2.3.4/24")}
    meta = Meta("ut1", "", "all", parts=(one, Part("b", "hate", "g", 3, skipped=lines)))

    assert list(meta.skipped.items()) == [
        ("network", SkippedLines(9, 2, "1.2.3.4/24")),
        ("query", SkippedLines(4, 7, "a.example/?x")),
    ]


def test_refused_parts_are_told_from_good_ones() -> None:
    bad = Part("b", "hate", "g", 3, error="cut")
    meta = Meta("ut1", "", "all", parts=(Part("a", "drugs", "f", 2), bad))

    assert list(UpdateResult("ut1", Outcome.UPDATED, meta).refused_parts) == [bad]


def test_a_report_keeps_a_few_examples_of_many() -> None:
    dropped = Dropped()
    for number in range(50):
        dropped.add(f"n{number}.example")

    assert (dropped.count, len(dropped.examples), dropped.examples[0]) == (50, 20, "n0.example")


def test_a_tally_is_reported_most_often_first() -> None:
    tally = Tally()
    tally.skip(Skip.NETWORK, 1, "10.0.0.0/8")
    tally.skip(Skip.INVALID, 2, "what?")
    tally.skip(Skip.INVALID, 3, "why?")

    reported = skipped_lines(tally)

    assert list(reported) == ["invalid", "network"]
    assert (reported["invalid"].count, reported["invalid"].line, reported["invalid"].example) == (2, 2, "what?")


def test_a_progress_that_nobody_watches_says_nothing() -> None:
    silent = Silent()

    silent.downloading("https://lists.example/", 1, None)
    silent.judging("a", 1)
    silent.finished("a", Outcome.UPDATED)
    assert vars(type(silent)).keys() >= {"downloading", "judging", "finished"}
