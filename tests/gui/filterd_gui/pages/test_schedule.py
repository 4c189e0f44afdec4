# SPDX-License-Identifier: GPL-3.0-or-later
"""Hours are drawn, told in words, and saved on purpose."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.language import speak
from filterd_gui.pages.schedule import ScheduleCard, say_days
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press


@pytest.fixture
def card(home: Household, qtbot: QtBot) -> ScheduleCard:
    made = ScheduleCard(home, lambda _text: None, print)
    qtbot.addWidget(made)
    made.show_profile("child")
    return made


def test_the_hours_in_force_are_drawn_and_told(card: ScheduleCard) -> None:
    assert (6, 42) in card.grid.closed
    assert "21:00–06:00" in card.summary.text()
    assert not card.save.isEnabled()


def test_drawn_hours_are_saved(card: ScheduleCard, daemon: FakeDaemon, qtbot: QtBot) -> None:
    press(card, "All open")
    card.grid._cursor = (0, 0)
    qtbot.keyClick(card.grid, Qt.Key.Key_Space)
    press(card, "Save hours")

    expected = [{"days": "mon", "from": "00:00", "to": "00:30"}]
    qtbot.waitUntil(lambda: daemon.settings["profiles"]["child"]["schedule"] == expected)
    qtbot.waitUntil(lambda: not card.save.isEnabled())


def test_what_is_being_drawn_survives_news_and_can_be_discarded(card: ScheduleCard) -> None:
    before = card.grid.closed
    press(card, "All open")
    card.show_profile("child")
    assert card.grid.closed == frozenset()
    assert card.summary.text() == "No closed hours: open day and night."
    press(card, "Discard")

    assert card.grid.closed == before


def test_school_nights_are_one_press_away(card: ScheduleCard) -> None:
    press(card, "School nights")

    assert (4, 42) not in card.grid.closed  # Friday at 21:00
    assert (4, 45) in card.grid.closed


def test_days_are_said_in_the_readers_language() -> None:
    speak("es")

    assert say_days("mon-fri") == "Lunes–Viernes"
    assert say_days("sat,sun") == "Sábado, Domingo"
    assert say_days("all") == "todos los días"
