# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists show their age and what was refused; a button updates them."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.pages.lists import ListsPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press, reads


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> ListsPage:
    made = ListsPage(home)
    qtbot.addWidget(made)
    home.link.look()
    made.reload()
    qtbot.waitUntil(lambda: len(made.rows.rows) == 3)
    return made


def test_each_list_says_how_it_stands(page: ListsPage) -> None:
    states = [row[4] for row in page.rows.rows]

    assert states[0] == "up to date"
    assert states[1] == "refused; the last good copy is in use · it shrank by 90 % · 12 left out"
    assert states[2] == "not fetched yet"
    assert page.rows.rows[0][1] == "Gambling"
    assert "1.333.754 names" in reads(page)


def test_they_are_updated_by_a_button(page: ListsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    press(page, "Update now")

    qtbot.waitUntil(lambda: bool(daemon.called("POST", "/v1/lists/update")))


def test_a_list_is_subscribed_to(page: ListsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    press(page, "Subscribe")
    page.list_id.setText("mine")
    page.url.setText("https://example.org/l.txt")
    page.category.setCurrentIndex(page.category.findData("gambling"))
    press(page, "Subscribe")

    qtbot.waitUntil(lambda: "lists" in daemon.settings)
    assert daemon.settings["lists"] == {"mine": {"category": "gambling", "url": "https://example.org/l.txt"}}


def test_a_list_is_removed(page: ListsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    said: list[str] = []
    page.said.connect(lambda text, *_: said.append(text))
    press(page, "Remove selected")
    page.table.selectRow(1)
    press(page, "Remove selected")

    qtbot.waitUntil(
        lambda: (
            [["lists", "blp-porn"], None] in [c for b in daemon.called("PATCH", "/v1/settings") for c in b["changes"]]
        )
    )
    assert said[0] == "Choose a line of the table first."
