# SPDX-License-Identifier: GPL-3.0-or-later
"""The window leads to every page, tells how the filter stands, and locks."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from filterd.control.messages import AskedPermission
from filterd_gui.daemon_link import Standing
from filterd_gui.household import Household
from filterd_gui.pages.why import WhyPage
from filterd_gui.window import Window
from tests.gui.fake_daemon import FakeDaemon


@pytest.fixture
def window(home: Household, qtbot: QtBot) -> Window:
    made = Window(home)
    qtbot.addWidget(made)
    made.show()
    made.resize(1200, 800)
    home.link.look()
    qtbot.waitUntil(lambda: home.link.standing is Standing.HERE)
    return made


def test_every_page_is_reached_by_arrows(window: Window, qtbot: QtBot) -> None:
    seen = []
    for _ in window.pages:
        seen.append(window.page.title)
        assert not window.page.is_locked
        qtbot.keyClick(window.nav, Qt.Key.Key_Down)

    assert len(set(seen)) == 11


def test_a_daemon_that_goes_is_told_and_one_that_comes_back_is_shown(
    window: Window, daemon: FakeDaemon, qtbot: QtBot
) -> None:  # fmt: skip
    daemon.stop()
    window.link.look()
    qtbot.waitUntil(lambda: "does not answer" in window.standing_bar.text and window.standing_bar.isVisible())
    daemon.start()

    qtbot.waitUntil(lambda: not window.standing_bar.isVisible())


@pytest.mark.parametrize("standing", [Standing.SLOW, Standing.NEWER])
def test_slow_and_newer_are_told_too(window: Window, standing: Standing) -> None:
    window.link._stand(standing)

    assert window.standing_bar.isVisible()


def test_requests_are_counted_at_the_page(window: Window, daemon: FakeDaemon, qtbot: QtBot) -> None:
    def title() -> str:
        item = window.nav.item(1)
        return item.text() if item else ""

    qtbot.waitUntil(lambda: title() == "Requests (2)")
    window.open_page("requests")
    daemon.requests.append(AskedPermission(id="r9", when="", profile="child", host="x.example"))
    with qtbot.waitSignal(window.requests_waiting) as waiting:
        window._look_for_requests()

    assert waiting.args == [3]
    assert title() == "Requests (3)"


def test_locking_puts_everything_away(window: Window, qtbot: QtBot) -> None:
    window.open_page("activity")
    window._toggle_lock()

    assert window.page.is_locked
    assert not window.house.settings
    assert window._lock.text() == "Unlock"


def test_unlocking_asks(window: Window, qtbot: QtBot) -> None:
    window._toggle_lock()
    with qtbot.waitSignal(window.link.unlock_wanted):
        qtbot.keyClick(window._lock, Qt.Key.Key_Space)


def test_closing_ends_the_session(window: Window) -> None:
    window.close()

    assert not window.link.is_open


def test_a_narrow_window_shows_drawings_with_names_for_who_listens(window: Window) -> None:
    window.resize(600, 700)
    item = window.nav.item(2)

    assert item is not None
    assert item.text() == ""
    assert item.data(Qt.ItemDataRole.AccessibleTextRole) == item.toolTip() == "People and profiles"
    assert window.findChildren(QPushButton)


def test_a_page_can_ask_for_another_with_a_question(window: Window, qtbot: QtBot) -> None:
    window.pages["activity"].wanted.emit("why:www.apuestas.example")
    page = window.pages["why"]

    assert isinstance(page, WhyPage)
    assert page.name.text() == "www.apuestas.example"
    assert window.page is page


def test_notices_are_shown_and_gone_with_the_next_page(window: Window) -> None:
    window.page.say("Added", "good", "Undo", lambda: None)
    assert window.notice_bar.isVisible()
    window.open_page("help")

    assert not window.notice_bar.isVisible()


def test_the_language_is_chosen_at_run_time(window: Window, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.language_chosen) as chosen:
        window._languages.activated.emit(1)

    assert chosen.args == ["gn"]
