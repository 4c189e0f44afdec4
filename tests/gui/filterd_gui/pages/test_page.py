# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the adult may see stands behind a lock."""

from __future__ import annotations

from typing import Any

from pytestqt.qtbot import QtBot

from filterd.control.client import DaemonUnreachable, Refused
from filterd_gui.household import Household
from filterd_gui.pages.page import Page
from tests.gui.hands import press


class Secret(Page):
    NEEDS_SESSION = True
    shown = 0

    def refresh(self) -> None:
        self.shown += 1


def test_without_a_session_the_lock_is_shown_and_opens(house: Household, qtbot: QtBot) -> None:
    page = Secret(house, "Diary")
    qtbot.addWidget(page)
    wanted: list[Any] = []
    house.link.unlock_wanted.connect(lambda opened, _: wanted.append(opened))
    page.reload()
    press(page.currentWidget() or page, "Unlock")

    assert page.is_locked
    assert page.shown == 0
    assert len(wanted) == 1


def test_with_a_session_it_is_shown(home: Household, qtbot: QtBot) -> None:
    page = Secret(home, "Diary")
    qtbot.addWidget(page)
    page.reload()

    assert not page.is_locked
    assert page.shown == 1


def test_a_password_not_given_is_no_news_but_a_failure_is(house: Household, qtbot: QtBot) -> None:
    page = Page(house, "Open")
    qtbot.addWidget(page)
    said: list[str] = []
    page.said.connect(lambda text, *_: said.append(text))
    page.complain(Refused(401, "open a session"))
    page.complain(DaemonUnreachable("gone"))

    assert len(said) == 1
