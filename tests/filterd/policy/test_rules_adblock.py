# SPDX-License-Identifier: GPL-3.0-or-later
"""What of adblock syntax a filter of names can honour."""

from __future__ import annotations

import pytest

from filterd.policy.model import Effect, Rule
from filterd.policy.rules_adblock import parse_adblock_line
from filterd.policy.rules_names import Skip


def read(line: str) -> tuple[list[Rule], list[Skip]]:
    skipped: list[Skip] = []
    return list(parse_adblock_line(line, skipped.append)), skipped


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("||bad.example^", [Rule("bad.example")]),
        ("||BAD.example^", [Rule("bad.example")]),
        ("||bad.example", [Rule("bad.example")]),
        ("||bad.example^|", [Rule("bad.example")]),
        ("||bad.example/", [Rule("bad.example")]),
        ("||*.bad.example^", [Rule("bad.example", apex=False)]),
        ("|bad.example^", [Rule("bad.example", below=False)]),
        ("|https://bad.example^", [Rule("bad.example", below=False)]),
        ("||bad.example/page", [Rule("bad.example", "/page")]),
        ("||bad.example/page^", [Rule("bad.example", "/page")]),
        ("||1.2.3.4^", [Rule("1.2.3.4", below=False)]),
        ("||203.0.113.0/24^", [Rule("203.0.113.0/24", below=False)]),
        ("||2001:db8::/32^", [Rule("2001:db8::/32", below=False)]),
        ("||[2001:db8::]/32^$important", [Rule("2001:db8::/32", below=False, effect=Effect.IMPORTANT)]),
        ("@@||203.0.113.0/24^", [Rule("203.0.113.0/24", below=False, effect=Effect.EXCEPT)]),
        ("||1.2.3.4/80^", [Rule("1.2.3.4", "/80", below=False)]),
        ("@@||good.example^", [Rule("good.example", effect=Effect.EXCEPT)]),
        ("@@||good.example^$important", [Rule("good.example", effect=Effect.EXCEPT)]),
        ("||bad.example^$important", [Rule("bad.example", effect=Effect.IMPORTANT)]),
        ("||bad.example^$all", [Rule("bad.example")]),
        ("||bad.example^$document,important", [Rule("bad.example", effect=Effect.IMPORTANT)]),
        ("0.0.0.0 bad.example", [Rule("bad.example")]),
        ("bad.example", [Rule("bad.example")]),
    ],
)
def test_a_rule_about_a_host_is_taken(line: str, rules: list[Rule]) -> None:
    assert read(line) == (rules, [])


@pytest.mark.parametrize("line", ["", "! comment", "[Adblock Plus 2.0]", "# comment", "#"])
def test_blanks_headers_and_comments_are_nothing(line: str) -> None:
    assert read(line) == ([], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("||203.0.113.7/24^", Skip.NETWORK),
        ("example.com##.banner", Skip.COSMETIC),
        ("##.banner", Skip.COSMETIC),
        ("example.com#@#.banner", Skip.COSMETIC),
        ("example.com#?#div:has(.ad)", Skip.COSMETIC),
        ("example.com$$script[tag-content='ad']", Skip.COSMETIC),
        ("||bad.example^$third-party", Skip.OPTIONS),
        ("||bad.example^$domain=other.example", Skip.OPTIONS),
        ("||bad.example^$important,script", Skip.OPTIONS),
        ("||bad.example^$badfilter", Skip.OPTIONS),
        ("||bad.example/page$script", Skip.OPTIONS),
        ("/banner[0-9]+/", Skip.EXPRESSION),
        ("||ads*.example^", Skip.WILDCARD),
        ("||bad.example/*/page", Skip.WILDCARD),
        ("||bad.example^page^", Skip.WILDCARD),
        ("||^", Skip.INVALID),
        ("||not a host^", Skip.INVALID),
    ],
)
def test_what_only_a_browser_can_honour_is_skipped(line: str, reason: Skip) -> None:
    assert read(line) == ([], [reason])
