# SPDX-License-Identifier: GPL-3.0-or-later
"""A list as a whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from filterd.lists.judge import (
    Header,
    check_claims,
    check_count,
    check_readable,
    check_whole,
    is_doubtful,
    parse_list,
)
from filterd.lists.model import ListError
from filterd.policy.model import Rule
from filterd.policy.rules import Format, Skip, Tally


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("# Entries: 26,029", 26029),
        ("! Domains: 714", 714),
        ("# Number of entries: 71593", 71593),
        ("# Number of unique domains: 123,456", 123456),
        ("! Number of rules: 1.234", 1234),
        ("; Total number of domains = 42", 42),
        ("# Entries:", 0),
        ("# Updated: 2026", 0),
        ("entries: 5", 0),
    ],
)
def test_a_list_says_how_long_it_is(line: str, entries: int) -> None:
    header = Header()

    assert list(header.watch([line, "bad.example"])) == [line, "bad.example"]
    assert header.entries == entries


def test_what_stands_far_down_is_no_header() -> None:
    header = Header()
    list(header.watch(["bad.example"] * 300 + ["# Entries: 5"]))

    assert header.entries == 0


@pytest.mark.parametrize("written_in", [Format.AUTO, Format.DOMAINS])
def test_a_web_page_is_no_list_in_any_format(written_in: Format) -> None:
    with pytest.raises(ListError, match="web page"):
        list(parse_list(["<html>"], written_in, Tally(), Header()))


def test_a_list_is_parsed_and_its_head_read() -> None:
    header = Header()

    assert list(parse_list(["# Entries: 1", "bad.example"], Format.AUTO, Tally(), header)) == [Rule("bad.example")]
    assert header.entries == 1


def refusal(check: Callable[[], None]) -> str:
    """Return why *check* refuses; empty where it does not."""
    try:
        check()
    except ListError as error:
        return str(error)
    return ""


def test_a_list_in_another_format_than_was_said_is_refused() -> None:
    tally = Tally(lines=3, rules=1)
    tally.skip(Skip.INVALID, 2, "what?")
    tally.skip(Skip.INVALID, 3, "what?")

    with pytest.raises(ListError, match=r"domains: 2 of 3 lines cannot be read, the first is line 2: 'what\?'"):
        check_readable(Format.DOMAINS, tally)


def test_a_few_odd_lines_are_no_other_format() -> None:
    tally = Tally(lines=3, rules=2)
    tally.skip(Skip.INVALID, 3, "what?")

    assert refusal(lambda: check_readable(Format.DOMAINS, tally)) == ""


def test_a_list_shorter_than_it_says_is_cut() -> None:
    with pytest.raises(ListError, match="promises 1000 entries, 500 came"):
        check_whole(Tally(lines=510, rules=500), Header(1000))


def test_a_list_that_dropped_a_few_duplicates_is_whole() -> None:
    assert refusal(lambda: check_whole(Tally(lines=900, rules=890), Header(1000))) == ""
    assert refusal(lambda: check_whole(Tally(lines=1, rules=1), Header())) == ""


@pytest.mark.parametrize(("count", "previous"), [(1, None), (50, 100), (200, 100), (1, 2)])
def test_a_list_may_grow_and_lose_half(count: int, previous: int | None) -> None:
    assert refusal(lambda: check_count(count, previous)) == ""


def test_a_list_that_lost_more_than_half_is_refused() -> None:
    with pytest.raises(ListError, match="shrunk: 49 rules, the copy from before has 100"):
        check_count(49, 100)


def test_unless_the_adult_says_so() -> None:
    assert refusal(lambda: check_count(49, 100, accept_shrunk=True)) == ""


@pytest.mark.parametrize("accept_shrunk", [True, False])
def test_an_empty_list_is_refused(accept_shrunk: bool) -> None:
    with pytest.raises(ListError, match="empty"):
        check_count(0, None, accept_shrunk=accept_shrunk)


def test_a_list_of_what_must_stay_open_is_no_block_list() -> None:
    check_claims(50, 50)
    with pytest.raises(ListError, match="51 of its 101 names"):
        check_claims(51, 50)


def test_one_slip_is_no_way_of_working() -> None:
    assert not is_doubtful(2)
    assert is_doubtful(3)
