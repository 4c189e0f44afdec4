# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts files, plain domains, wildcards and UT1's addresses."""

from __future__ import annotations

import pytest

from filterd.policy.model import Rule
from filterd.policy.rules_names import MAX_PATH, Skip, Tally, is_sink, parse_plain_line


def read(line: str) -> tuple[list[Rule], list[Skip]]:
    skipped: list[Skip] = []
    return list(parse_plain_line(line, skipped.append)), skipped


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("0.0.0.0 bad.example", [Rule("bad.example")]),
        ("127.0.0.1\tbad.example worse.example # two", [Rule("bad.example"), Rule("worse.example")]),
        (":: bad.example", [Rule("bad.example")]),
        ("0 bad.example", [Rule("bad.example")]),
        ("*.bad.example", [Rule("bad.example")]),
        (".bad.example", [Rule("bad.example")]),
        ("bad.example/sub/page", [Rule("bad.example", "/sub/page")]),
        ("bad.example/sub/", [Rule("bad.example", "/sub")]),
        ("bad.example/", [Rule("bad.example")]),
        ("https://www.bad.example/sub", [Rule("www.bad.example", "/sub")]),
        ("1.2.3.4/~user", [Rule("1.2.3.4", "/~user", below=False)]),
        ("1.2.3.4/80", [Rule("1.2.3.4", "/80", below=False)]),
        ("203.0.113.0/24", [Rule("203.0.113.0/24", below=False)]),
        ("2001:DB8:0::/32 # documentation", [Rule("2001:db8::/32", below=False)]),
        ("2001:db8::7/128", [Rule("2001:db8::7", below=False)]),
        ("::ffff:203.0.113.0/120", [Rule("203.0.113.0/24", below=False)]),
        ("de.ad/10", [Rule("de.ad", "/10")]),
        ("1.2.3.4/32", [Rule("1.2.3.4", below=False)]),
        ("[2001:db8::1]", [Rule("2001:db8::1", below=False)]),
        ("co_op.example.com", [Rule("co_op.example.com")]),
        ("com", [Rule("com")]),
        ("\ufeffbad.example", [Rule("bad.example")]),
    ],
)
def test_a_line_gives_its_rules(line: str, rules: list[Rule]) -> None:
    assert read(line) == (rules, [])


@pytest.mark.parametrize("line", ["", "   ", "# comment", "! comment", "; comment", "// comment", "  # indented"])
def test_blanks_and_comments_are_nothing(line: str) -> None:
    assert read(line) == ([], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("203.0.113.7/24", Skip.NETWORK),
        ("2001:db8::7/32", Skip.NETWORK),
        ("999.0.113.0/24", Skip.INVALID),
        ("127.0.0.1 localhost", Skip.LOCAL_NAME),
        ("255.255.255.255 broadcasthost", Skip.REDIRECT),
        ("93.184.216.34 moved.example", Skip.REDIRECT),
        ("ads*.example.com", Skip.WILDCARD),
        ("bad.example/page?id=1", Skip.QUERY),
        ("bad.example/*/page", Skip.WILDCARD),
        (r"^[0-9]+\.[0-9]+\.", Skip.EXPRESSION),
        ("(/banner/|/sponsor/|/event.ng/)", Skip.EXPRESSION),
        (r"((google\..*/search.q=cache)|(images.google.[a-z]+/images.q=tbn))", Skip.EXPRESSION),
        (".*/ymsgr*\\.exe", Skip.EXPRESSION),
        ("<p>text</p>", Skip.INVALID),
        ("two words", Skip.INVALID),
        ("someone@example.com", Skip.INVALID),
        ("3232235777", Skip.INVALID),
        ("0x7f000001", Skip.INVALID),
        ("bad.example/" + "x" * (MAX_PATH + 1), Skip.INVALID),
    ],
)
def test_what_gives_no_rule_says_why(line: str, reason: Skip) -> None:
    assert read(line) == ([], [reason])


def test_names_of_the_machine_itself_are_no_rules() -> None:
    assert read("::1 ip6-localhost ip6-loopback") == ([], [])


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "127.0.0.53", "::", "::1", "0"])
def test_a_sink_leads_nowhere(address: str) -> None:
    assert is_sink(address)


def test_a_public_address_is_no_sink() -> None:
    assert not is_sink("93.184.216.34")


def test_a_tally_keeps_the_first_example_of_each_reason() -> None:
    tally = Tally()

    tally.skip(Skip.INVALID, 3, "  first  ")
    tally.skip(Skip.INVALID, 9, "second")

    assert (tally.skipped[Skip.INVALID].count, tally.skipped[Skip.INVALID].example) == (2, "first")
