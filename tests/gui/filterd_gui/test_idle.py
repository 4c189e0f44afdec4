# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody at the keyboard, no session."""

from __future__ import annotations

from PyQt6.QtCore import QObject, QTimer
from PyQt6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from filterd_gui.daemon_link import DaemonLink
from filterd_gui.idle import IdleWatch
from tests.gui.fake_daemon import PASSWORD


def test_the_session_ends_after_the_idle_minutes(link: DaemonLink, qapp: QApplication, qtbot: QtBot) -> None:
    watch = IdleWatch(QObject(link), link)
    with qtbot.waitSignal(link.session_changed):
        link.open_session(password=PASSWORD, done=lambda: None, failed=print)
    timer = watch.findChild(QTimer)
    assert timer is not None
    assert timer.interval() == 600_000
    timer.start(1)

    qtbot.waitUntil(lambda: not link.is_open)


class Recorder(QTimer):
    """A timer that runs and counts how often it was begun anew."""

    begun = 0

    def isActive(self) -> bool:
        return True

    def start(self, *_: object) -> None:
        self.begun += 1


def test_typing_begins_the_wait_anew(unlocked: DaemonLink, qapp: QApplication, qtbot: QtBot) -> None:
    watch = IdleWatch(qapp, unlocked)
    watch._timer = timer = Recorder()
    entry = QLineEdit()
    qtbot.addWidget(entry)
    qtbot.keyClicks(entry, "a")
    begun = timer.begun
    qtbot.mouseMove(entry)
    qapp.removeEventFilter(watch)

    assert begun > 0
    assert timer.begun == begun
