# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.patterns import Keyword, PatternError, parse_keyword, parse_patterns


def test_a_file_holds_keywords_and_exceptions() -> None:
    read = parse_patterns(
        """
        # words of chance
        host casino            # weighs 1
        host |bet| bets| 0.5
        host .bet$ 1.2
        host .gov$ -2
        url  /casino/ =casino&
        host-except casinoband montecasino
        url-except  /casino/royale
        """
    )

    assert read.host == (
        Keyword("casino"),
        Keyword("bet", 0.5, starts=True, ends=True),
        Keyword("bets", 0.5, ends=True),
        Keyword(".bet", 1.2, closes=True),
        Keyword(".gov", -2.0, closes=True),
    )
    assert read.url == (Keyword("/casino/"), Keyword("=casino&"))
    assert read.host_exceptions == ("casinoband", "montecasino")
    assert read.url_exceptions == ("/casino/royale",)


def test_case_and_accents_do_not_count() -> None:
    assert parse_patterns("host PornÔ").host == (Keyword("porno"),)


def test_an_empty_file_says_nothing() -> None:
    assert parse_patterns("# nothing yet\n") == parse_patterns("")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("hots casino", "'hots' is none of host, url", id="an unknown verb"),
        pytest.param("host", "needs a word", id="no word"),
        pytest.param("host 0.5", "needs a word before the weight", id="a weight alone"),
        pytest.param("host casino 0", "not between", id="a weight of nothing"),
        pytest.param("host casino 50", "not between", id="a weight too big"),
        pytest.param("host casino nan", "not between", id="no number"),
        pytest.param("host a", "too short", id="one letter"),
        pytest.param("host " + "a" * 61, "is longer than 60", id="a whole sentence"),
        pytest.param("host |b|", "too short", id="one letter between boundaries"),
        pytest.param("host be|t", "cannot stand in a host", id="a boundary inside"),
        pytest.param("host *casino*", "cannot stand in a host", id="a star"),
        pytest.param("host a/b", "cannot stand in a host", id="a path"),
        pytest.param("url casino$", "'\\$' is for hosts", id="the host's end in a URL"),
        pytest.param("host casino casino", "second time", id="a word twice"),
        pytest.param("host-except |x", "cannot stand|too short", id="a bad exception"),
    ],
)
def test_a_bad_line_is_refused_by_file_and_line(line: str, says: str) -> None:
    with pytest.raises(PatternError, match=says) as refusal:
        parse_patterns(f"# first\n{line}\n", "categories/x/patterns.txt")

    assert str(refusal.value).startswith("categories/x/patterns.txt: line 2: ")


@given(
    st.text(alphabet="abcxyz0123456789.-", min_size=2, max_size=12),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_a_keyword_is_written_as_it_is_read(text: str, starts: bool, ends: bool, closes: bool) -> None:
    keyword = Keyword(text, starts=starts, ends=ends, closes=closes)

    assert parse_keyword("host", str(keyword)) == keyword
