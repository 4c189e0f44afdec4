# SPDX-License-Identifier: GPL-3.0-or-later
"""Response policy zones."""

from __future__ import annotations

import pytest

from filterd.policy.model import Effect, Rule
from filterd.policy.rules_names import Skip
from filterd.policy.rules_rpz import RpzParser


def read(*lines: str) -> tuple[list[Rule], list[Skip]]:
    skipped: list[Skip] = []
    zone = RpzParser()
    return [rule for line in lines for rule in zone(line, skipped.append)], skipped


HEAD = [
    "$TTL 300",
    "@ IN SOA localhost. root.localhost. (",
    "   2026 ; serial",
    "   43200 3600 86400 300 )",
    "  IN NS localhost.",
]


def test_the_head_of_a_zone_is_no_rule() -> None:
    assert read(*HEAD) == ([], [])


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("bad.example CNAME .", Rule("bad.example", below=False)),
        ("bad.example 300 IN CNAME .", Rule("bad.example", below=False)),
        ("bad.example IN 1h CNAME *.", Rule("bad.example", below=False)),
        ("bad.example CNAME rpz-drop.", Rule("bad.example", below=False)),
        ("*.bad.example CNAME . ; why", Rule("bad.example", apex=False)),
        ("bad.example A 0.0.0.0", Rule("bad.example", below=False)),
        ("bad.example AAAA ::", Rule("bad.example", below=False)),
        ("bad.example. CNAME .", Rule("bad.example", below=False)),
        ("good.example CNAME rpz-passthru.", Rule("good.example", below=False, effect=Effect.EXCEPT)),
        ("*.good.example CNAME rpz-passthru.", Rule("good.example", apex=False, effect=Effect.EXCEPT)),
        ("good.example CNAME good.example.", Rule("good.example", below=False, effect=Effect.EXCEPT)),
        ("32.4.3.2.1.rpz-ip CNAME .", Rule("1.2.3.4", below=False)),
        ("24.0.113.0.203.rpz-ip CNAME .", Rule("203.0.113.0/24", below=False)),
        ("32.zz.db8.2001.rpz-ip CNAME .", Rule("2001:db8::/32", below=False)),
        ("24.0.113.0.203.rpz-ip CNAME rpz-passthru.", Rule("203.0.113.0/24", below=False, effect=Effect.EXCEPT)),
        ("128.57.zz.2.2001.rpz-ip CNAME .", Rule("2001:2::57", below=False)),
        ("128.zz.db8.2001.rpz-ip CNAME .", Rule("2001:db8::", below=False)),
    ],
)
def test_a_record_is_a_rule(line: str, rule: Rule) -> None:
    assert read(*HEAD, line) == ([rule], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("moved.example CNAME garden.example.", Skip.REDIRECT),
        ("moved.example A 93.184.216.34", Skip.REDIRECT),
        ("bad.example CNAME rpz-tcp-only.", Skip.REDIRECT),
        ("24.7.2.0.192.rpz-ip CNAME .", Skip.NETWORK),
        ("99.0.2.0.192.rpz-ip CNAME .", Skip.INVALID),
        ("x.0.2.0.192.rpz-ip CNAME .", Skip.INVALID),
        ("32.4.3.2.999.rpz-ip CNAME .", Skip.INVALID),
        ("ns.bad.example.rpz-nsdname CNAME .", Skip.TRIGGER),
        ("32.4.3.2.1.rpz-client-ip CNAME .", Skip.TRIGGER),
        ("bad.example", Skip.INVALID),
    ],
)
def test_what_is_no_rule_of_ours_says_why(line: str, reason: Skip) -> None:
    assert read(*HEAD, line) == ([], [reason])


def test_names_that_end_in_a_dot_lose_the_zones_own_name() -> None:
    assert read("$ORIGIN rpz.example.", "bad.example.rpz.example. CNAME .")[0] == [Rule("bad.example", below=False)]


def test_the_zones_name_is_told_from_its_soa_too() -> None:
    rules, _ = read("rpz.example. SOA a. b. 1 2 3 4 5", "bad.example.rpz.example. CNAME .")

    assert rules == [Rule("bad.example", below=False)]


def test_a_line_without_an_owner_belongs_to_the_one_before() -> None:
    rules, _ = read("bad.example TXT why", "  CNAME .")

    assert rules == [Rule("bad.example", below=False)]


def test_a_bracket_that_never_closes_does_not_swallow_the_zone() -> None:
    rules, _ = read("@ SOA a. b. (", *["  1"] * 30, "bad.example CNAME .")

    assert rules == [Rule("bad.example", below=False)]
