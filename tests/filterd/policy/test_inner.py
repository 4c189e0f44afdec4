# SPDX-License-Identifier: GPL-3.0-or-later
"""Translators, caches and archives are seen through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.domains import InvalidHost, Target, split_target
from filterd.policy.inner import inner_target


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("https://www-example-com.translate.goog/a?_x_tr_sl=en", "http://www.example.com/a?_x_tr_sl=en"),
        ("https://my--site-com-py.translate.goog/", "my-site.com.py"),
        ("https://web.archive.org/web/20200101000000/https://example.com/x", "https://example.com/x"),
        ("https://web.archive.org/web/2020im_/http:/example.com/x", "http://example.com/x"),
        ("https://translate.google.com/translate?sl=auto&u=https://example.com/x", "https://example.com/x"),
        ("https://translate.google.com.py/translate?u=example.com", "example.com"),
        ("https://webcache.googleusercontent.com/search?q=cache:abcdefghijkl:example.com/x", "http://example.com/x"),
        ("https://www.google.com/imgres?imgurl=https://example.com/p.jpg", "https://example.com/p.jpg"),
        ("https://example-com.cdn.ampproject.org/c/s/example.com/x", "http://example.com/x"),
    ],
)
def test_the_inner_address_is_found(outer: str, inner: str) -> None:
    target = split_target(outer)

    assert inner_target(target.host, target.url) == split_target(inner)


def test_a_translated_host_is_seen_by_its_name_alone() -> None:
    assert inner_target("www-example-com.translate.goog", None) == Target("www.example.com")


@pytest.mark.parametrize("outer", ["https://example.com/?u=http://other.example/", "https://www.google.com/search?q=example.com",
                                   "https://web.archive.org/", "https://translate.google.com/?u=hola"])  # fmt: skip
def test_other_addresses_hold_none(outer: str) -> None:
    target = split_target(outer)

    assert inner_target(target.host, target.url) is None


@given(st.sampled_from(["https://web.archive.org/web/1/", "https://translate.google.com/?u=", "https://x.translate.goog/"]),
       st.text(max_size=60))  # fmt: skip
def test_no_address_makes_it_fail(front: str, rest: str) -> None:
    try:
        target = split_target(front + rest)
    except InvalidHost:
        return

    assert inner_target(target.host, target.url) is None or inner_target(target.host, target.url) != target
