# SPDX-License-Identifier: GPL-3.0-or-later
"""A page is known again only if everything is the same, and not for long."""

from __future__ import annotations

from filterd.proxy.clean_pages import CleanPages

RULES = object()


def test_a_page_is_known_again_for_a_minute() -> None:
    now = [0.0]
    pages = CleanPages(monotonic=lambda: now[0])
    pages.add(pages.key(RULES, ("child", "https://a.example/"), b"page"))

    now[0] = 59.0
    assert pages.knows(pages.key(RULES, ("child", "https://a.example/"), b"page"))
    now[0] = 61.0
    assert not pages.knows(pages.key(RULES, ("child", "https://a.example/"), b"page"))


def test_another_body_address_profile_or_set_of_rules_is_another_page() -> None:
    pages = CleanPages()
    pages.add(pages.key(RULES, ("child", "https://a.example/"), b"page"))

    assert not pages.knows(pages.key(RULES, ("child", "https://a.example/"), b"Page"))
    assert not pages.knows(pages.key(RULES, ("child", "https://a.example/x"), b"page"))
    assert not pages.knows(pages.key(RULES, ("childhttps://a.example/",), b"page"))
    assert not pages.knows(pages.key(object(), ("child", "https://a.example/"), b"page"))
    assert not pages.knows(pages.key(RULES, ("child", "https://a.example/"), b"page"))  # it was forgotten


def test_it_does_not_grow_without_end() -> None:
    pages = CleanPages()
    keys = [pages.key(RULES, (str(at),), b"") for at in range(5000)]
    for key in keys:
        pages.add(key)

    assert sum(map(pages.knows, keys)) <= 4096
