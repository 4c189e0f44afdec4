# SPDX-License-Identifier: GPL-3.0-or-later
"""The tray shows the state and pauses through the password as everywhere."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import QObject
from pytestqt.qtbot import QtBot

from filterd_gui.daemon_link import DaemonLink, Standing
from filterd_gui.tray import Tray
from tests.gui.fake_daemon import FakeDaemon


@pytest.fixture
def tray(unlocked: DaemonLink, qtbot: QtBot) -> Tray:
    made = Tray(unlocked, QObject(unlocked))
    unlocked.look()
    qtbot.waitUntil(lambda: unlocked.standing is Standing.HERE)
    return made


def test_it_says_how_the_filter_stands(tray: Tray, daemon: FakeDaemon, link: DaemonLink, qtbot: QtBot) -> None:
    assert tray.icon.toolTip() == "filterd: Protection is on"
    tray._protect("paused", 15)
    qtbot.waitUntil(lambda: tray.icon.toolTip() == "filterd: Paused, 15 min left")
    tray._protect("off", None)
    qtbot.waitUntil(lambda: tray.icon.toolTip() == "filterd: Protection is off")
    daemon.stop()
    link.look()

    qtbot.waitUntil(lambda: tray.icon.toolTip() == "filterd: The filter does not answer")


def test_the_menu_offers_what_can_be_done_now(tray: Tray, daemon: FakeDaemon, qtbot: QtBot) -> None:
    def offered() -> list[str]:
        return [action.text() for action in tray.menu.actions() if action.isVisible() and action.text()]

    assert offered() == ["Open the panel", "Pause 15 minutes", "Pause 1 hour", "Quit"]
    tray.menu.actions()[2].trigger()
    qtbot.waitUntil(lambda: offered() == ["Open the panel", "Resume now", "Quit"])

    assert daemon.called("POST", "/v1/protection") == [{"state": "paused", "minutes": 15}]


def test_requests_are_told_where_there_is_no_tray(tray: Tray, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("filterd_gui.tray.shutil.which", lambda _name: "/usr/bin/notify-send")
    monkeypatch.setattr(
        "filterd_gui.tray.QProcess.startDetached", lambda _program, arguments: started.append(arguments)
    )  # fmt: skip
    tray.icon.hide()
    for waiting in (0, 2, 1, 1, 2):
        tray.tell_requests(waiting)

    assert [arguments[-1] for arguments in started] == ["2 requests wait for your answer."] * 2
