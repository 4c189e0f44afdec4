# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles there are, by the names that people know."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.widgets.profile_box import ProfileBox


def test_it_begins_at_the_default_profile_and_keeps_the_choice(home: Household, qtbot: QtBot) -> None:
    box = ProfileBox(home)
    qtbot.addWidget(box)
    assert box.profile == "child"
    box.choose("adult")
    box.choose("nobody")
    home.settings = {"profiles": {"abuela": {}}}
    home.changed.emit()

    assert box.profile == "adult"
    assert box.count() == 4


def test_everybody_comes_first(home: Household, qtbot: QtBot) -> None:
    box = ProfileBox(home, "Everybody")
    qtbot.addWidget(box)

    assert box.profile == ""
    assert box.itemText(0) == "Everybody"
