# SPDX-License-Identifier: GPL-3.0-or-later
"""Ticked means blocked, for each profile."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.pages.categories import CategoriesPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press, reads


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> CategoriesPage:
    made = CategoriesPage(home)
    qtbot.addWidget(made)
    made.show()
    made.reload()
    qtbot.waitUntil(lambda: len(made.boxes) == 12)
    return made


def test_the_recommended_choice_is_ticked(page: CategoriesPage) -> None:
    ticked = {key for key, box in page.boxes.items() if box.isChecked()}

    assert ("child", "gambling") in ticked
    assert ("adult", "malware") in ticked
    assert ("adult", "gambling") not in ticked
    assert not any(category == "social" for _profile, category in ticked)


def test_each_line_says_what_it_covers_and_which_item_of_the_decree(page: CategoriesPage) -> None:
    told = reads(page)

    assert "Bets, casinos, poker" in told
    assert "decree 2.10 · try: gambling.prueba.home.arpa" in told
    assert page.boxes["child", "gambling"].accessibleName() == "Gambling: Child (to 13)"


def test_a_tick_is_saved_with_the_others(page: CategoriesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    qtbot.keyClick(page.boxes["child", "social"], Qt.Key.Key_Space)

    expected = ["gambling", "malware", "pornography", "social"]
    qtbot.waitUntil(lambda: daemon.settings["profiles"]["child"].get("blocked_categories") == expected)


def test_back_to_the_recommended_choice(page: CategoriesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.settings["profiles"]["child"]["blocked_categories"] = []
    press(page, "Back to the recommended choice: Child (to 13)")

    qtbot.waitUntil(lambda: "blocked_categories" not in daemon.settings["profiles"]["child"])


def test_a_tick_that_was_refused_is_taken_back(page: CategoriesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.token = "another"
    page.link.unlock_wanted.connect(lambda _opened, given_up: given_up())
    qtbot.keyClick(page.boxes["child", "gambling"], Qt.Key.Key_Space)
    assert not page.boxes["child", "gambling"].isChecked()

    qtbot.waitUntil(lambda: page.boxes["child", "gambling"].isChecked())


def test_a_category_can_be_searched(page: CategoriesPage) -> None:
    page.search.setText("casino")

    assert page.boxes["child", "gambling"].isVisible()
    assert not page.boxes["child", "social"].isVisible()
