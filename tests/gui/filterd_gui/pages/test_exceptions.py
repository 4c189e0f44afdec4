# SPDX-License-Identifier: GPL-3.0-or-later
"""White and black list: paste many, undo, and a word where an entry does nothing."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from filterd.control.messages import Effect
from filterd_gui.household import Household
from filterd_gui.pages.exceptions import ExceptionsPage, domains_of
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press, reads


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> ExceptionsPage:
    made = ExceptionsPage(home)
    qtbot.addWidget(made)
    made.reload()
    qtbot.waitUntil(lambda: made.allow.entries.count() == 2)
    return made


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("a.example\nb.example", ["a.example", "b.example"]),
        ("a.example, b.example;c.example", ["a.example", "b.example", "c.example"]),
        ("https://User@A.example:8080/x?y#z", ["a.example"]),
        ('"a.example."  a.example', ["a.example"]),
        (" \n ", []),
    ],
)
def test_domains_are_taken_as_people_paste_them(text: str, domains: list[str]) -> None:
    assert domains_of(text) == domains


def test_many_are_added_at_once_and_undone(page: ExceptionsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    undo: list[object] = []
    page.said.connect(lambda _text, _tone, _action, act: undo.append(act))
    page.deny.paste.setPlainText("uno.example\ndos.example")
    press(page.deny, "Add")
    qtbot.waitUntil(lambda: page.deny.entries.count() == 3)
    assert daemon.called("POST", "/v1/exceptions")[0] == {
        "domains": ["uno.example", "dos.example"], "to": "deny", "profile": "child",
    }  # fmt: skip
    assert not page.deny.paste.toPlainText()
    assert callable(undo[0])
    undo[0]()

    qtbot.waitUntil(lambda: page.deny.entries.count() == 1)
    assert daemon.settings["profiles"]["child"]["deny"] == ["juegos.example"]


def test_an_entry_without_effect_says_why(page: ExceptionsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.effects["x.example"] = Effect(domain="x.example", verdict="allow", note="it was open already")
    page.allow.paste.setPlainText("x.example")
    press(page.allow, "Add")

    qtbot.waitUntil(lambda: "it was open already" in reads(page))


def test_what_is_selected_is_removed_and_can_come_back(page: ExceptionsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    undo: list[object] = []
    page.said.connect(lambda _text, _tone, _action, act: undo.append(act))
    page.allow.entries.setCurrentRow(0)
    press(page.allow, "Remove selected")
    qtbot.waitUntil(lambda: page.allow.entries.count() == 1)
    assert callable(undo[0])
    undo[0]()

    qtbot.waitUntil(lambda: page.allow.entries.count() == 2)


def test_the_list_can_be_searched(page: ExceptionsPage) -> None:
    page.allow.search.setText("wiki")
    hidden = [page.allow.entries.item(place).isHidden() for place in range(2)]  # type: ignore[union-attr] # there are two

    assert hidden == [False, True]


def test_another_profile_has_its_own_lists(page: ExceptionsPage) -> None:
    page.profile.choose("adult")

    assert page.allow.entries.count() == 0
    assert page.patterns.toPlainText() == ""


def test_patterns_are_saved_by_lines_and_not_lost_while_typing(
    page: ExceptionsPage, daemon: FakeDaemon, qtbot: QtBot
) -> None:  # fmt: skip
    qtbot.keyClicks(page.patterns, "url:*/bet/*")
    qtbot.keyClick(page.patterns, Qt.Key.Key_Return)
    page.house.changed.emit()
    press(page, "Save patterns")

    qtbot.waitUntil(
        lambda: daemon.settings["profiles"]["child"]["patterns"] == ["url:*/bet/*", "host:*casino*"]
    )  # fmt: skip


def test_nothing_pasted_asks_nothing(page: ExceptionsPage, daemon: FakeDaemon) -> None:
    press(page.allow, "Add")

    assert not daemon.called("POST", "/v1/exceptions")
