# SPDX-License-Identifier: GPL-3.0-or-later
"""An element is cut out only where its end is certain."""

from __future__ import annotations

from filterd.proxy.page_elements import Cut, Outline

INSTEAD = [Cut(1, 2)]


def test_an_element_ends_at_its_end_tag() -> None:
    outline = Outline()
    outline.open("a", "<a>", 10, results=False)
    outline.remove(INSTEAD, "note")

    assert outline.close("a", 20, 24) == [Cut(10, 24, "note")]


def test_an_element_that_another_ends_gives_only_what_stands_for_it() -> None:
    outline = Outline()
    outline.open("div", "<div>", 0, results=False)
    outline.open("a", "<a>", 10, results=False)
    outline.remove(INSTEAD, "note")

    assert outline.close("div", 20, 26) == INSTEAD


def test_an_element_that_never_ends_gives_only_what_stands_for_it() -> None:
    outline = Outline()
    outline.open("video", "<video>", 10, results=False)
    outline.remove(INSTEAD, "note")

    assert outline.end() == INSTEAD
    assert outline.end() == []


def test_a_very_long_element_is_not_a_link() -> None:
    outline = Outline()
    outline.open("a", "<a>", 10, results=False)
    outline.remove(INSTEAD, "note")

    assert outline.close("a", 90_000, 90_004) == INSTEAD


def test_an_end_tag_of_nothing_changes_nothing() -> None:
    outline = Outline()

    assert outline.close("a", 0, 4) == []
    assert outline.close("li", 4, 9) == []


def test_a_result_goes_with_its_link() -> None:
    outline = Outline()
    outline.open("div", '<div class="result">', 0, results=True)
    outline.open("a", "<a>", 20, results=True)
    outline.remove(INSTEAD, "note")

    assert outline.close("a", 30, 34) == [Cut(20, 34, "note")]
    assert outline.close("div", 40, 46) == [Cut(0, 46, "note")]


def test_a_result_that_leads_elsewhere_too_stays() -> None:
    outline = Outline()
    outline.open("div", '<div class="result">', 0, results=True)
    outline.open("a", "<a>", 20, results=True)
    outline.remove(INSTEAD, "note")
    outline.close("a", 30, 34)
    outline.note_other()

    assert outline.close("div", 40, 46) == []


def test_an_item_ends_where_the_next_begins_but_not_inside_a_list_of_its_own() -> None:
    outline = Outline()
    outline.open("ul", "<ul>", 0, results=True)
    outline.open("li", "<li>", 4, results=True)
    outline.open("a", "<a>", 8, results=True)
    outline.remove([], "note")
    outline.close("a", 10, 14)
    outline.open("ul", "<ul>", 14, results=True)

    assert outline.open("li", "<li>", 18, results=True) == []
    outline.close("ul", 22, 27)
    assert outline.open("li", "<li>", 27, results=True) == [Cut(4, 27, "note")]
