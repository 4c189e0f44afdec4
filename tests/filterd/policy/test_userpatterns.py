# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.userpatterns import UserPattern, UserPatterns, parse_user_pattern

letters = st.text(alphabet="ab./-", max_size=12)


@given(st.text(alphabet="ab./*-", max_size=10), letters)
def test_a_pattern_matches_what_fnmatch_matches(glob: str, text: str) -> None:
    # fnmatch's other signs ([ and ?) are plain text here and do not stand in this alphabet.
    assert UserPattern("url", glob).matches(text) == fnmatch.fnmatchcase(text, glob)


@given(letters, letters, letters)
def test_a_word_between_stars_is_found_where_str_find_finds_it(before: str, word: str, after: str) -> None:
    text = before + after

    assert UserPattern("host", f"*{word}*").matches(text) == (text.find(word) >= 0)


@pytest.mark.parametrize(
    ("pattern", "host", "url", "matches"),
    [
        ("host:*casino*", "my-casino.example", None, True),
        ("host:*CASINO*", "my-casino.example", None, True),
        ("HOST:*casino*", "example.com", "http://example.com/casino", False),
        ("url:*/bet/*", "example.com", "https://example.com/Bet/1", True),
        ("url:*/bet/*", "bet.example", None, False),
        ("host:casino.*", "my.casino.example", None, False),
        ("host:exact.example", "exact.example", None, True),
    ],
)
def test_a_pattern_speaks_for_its_own_part(pattern: str, host: str, url: str | None, matches: bool) -> None:
    own = UserPatterns([parse_user_pattern(pattern)])

    assert (own.find(host, url) is not None) == matches


def test_the_first_pattern_that_matches_is_named_as_it_was_written() -> None:
    own = UserPatterns(map(parse_user_pattern, ["host:*zzz*", "url:*/a*", "host:*Example*"]))

    assert own.find("example.com", "http://example.com/b") == "host:*Example*"


def test_no_patterns_match_nothing() -> None:
    assert UserPatterns([]).find("example.com", None) is None


def test_many_stars_take_no_time() -> None:
    assert not UserPattern("url", "*a" * 60 + "b").matches("a" * 4000)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("casino", "is no pattern: write host:"),
        ("domain:casino", "is no pattern: write host:"),
        ("host:", "would match everything"),
        ("host:*.*", "would match everything"),
        ("url:**", "would match everything"),
        ("host:*bad word*", "holds a space"),
        ("host:*/bet/*", "for paths write url:"),
        ("url:" + "a" * 300, "is longer than"),
    ],
)
def test_a_bad_pattern_is_refused_with_the_way_out(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_user_pattern(text)


def test_an_address_is_read_as_the_server_reads_it() -> None:
    patterns = UserPatterns([parse_user_pattern("url:*/forbidden/*")])

    assert patterns.find("a.example", "http://a.example/%66orbidden/x") == "url:*/forbidden/*"
