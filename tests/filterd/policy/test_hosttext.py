# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.hosttext import END, START, fold, host_text, unleet


@pytest.mark.parametrize(
    ("host", "text"),
    [
        pytest.param("example.com", ".example.com$", id="a name stands between the marks"),
        pytest.param("www.example.com", ".example.com$", id="www says nothing"),
        pytest.param("www.com", ".com$", id="www as the whole label goes too"),
        pytest.param("foo.blogspot.com.py", ".foo.", id="a blog is its own name, in every country"),
        pytest.param("a.b.wordpress.com", ".a.b.", id="all labels below the parent stay"),
        pytest.param("blogspot.com", ".blogspot.com$", id="the parent itself keeps its name"),
        pytest.param("shop.github.io", ".shop.", id="pages below a developer's parent"),
        pytest.param("xn--caf-dma.com", ".cafe.com$", id="A-labels are letters without accents"),
        pytest.param("192.0.2.1", "", id="an IPv4 address has no text"),
        pytest.param("2001:db8::1", "", id="an IPv6 address has no text"),
    ],
)
def test_a_host_is_read_as(host: str, text: str) -> None:
    assert host_text(host) == text


@given(st.text(alphabet="abcxn-0123456789.", max_size=80))
def test_no_host_makes_it_raise(host: str) -> None:
    text = host_text(host)

    assert not text or text.startswith(START)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=50))
def test_no_punycode_makes_it_raise(label: str) -> None:
    assert host_text(f"xn--{label}.com").endswith(".com" + END)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (".p0rnhub.com$", ".pornhub.com$"),
        (".s3xo.com$", ".sexo.com$"),
        (".c4s1no.com$", ".casino.com$"),
        (".casino24.com$", None),
        (".example.com$", None),
    ],
)
def test_digits_between_letters_are_read_as_letters(text: str, plain: str | None) -> None:
    assert unleet(text) == plain


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_folding_drops_case_and_accents() -> None:
    assert fold("Ñandú PORNÔ") == "nandu porno"


@given(st.text(st.sampled_from("ab013457@9.-$ñ\ud800"), max_size=12))
def test_digits_are_letters_where_they_stand_between_letters_and_nowhere_else(text: str) -> None:
    letters = str.maketrans("013457@", "oieasta")

    found = re.search(r"[a-z][013457]+[a-z]", text)
    assert unleet(text) == (text.translate(letters) if found else None)
