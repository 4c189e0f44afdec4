# SPDX-License-Identifier: GPL-3.0-or-later
"""One place asks for the password, tells how long to wait, and forgets what was typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from filterd_gui.daemon_link import DaemonLink
from filterd_gui.dialogs.password import PasswordDialog
from tests.gui.fake_daemon import CODE, PASSWORD, FakeDaemon
from tests.gui.hands import press


@dataclass
class Asked:
    dialog: PasswordDialog
    opened: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)


@pytest.fixture
def asked(link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> Iterator[Asked]:
    daemon.totp = True
    link.look()
    qtbot.waitUntil(lambda: link.caller.one_time_codes)
    opened: list[int] = []
    given_up: list[int] = []
    dialog = PasswordDialog(link, lambda: opened.append(1), lambda: given_up.append(1))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    dialog.show()
    yield Asked(dialog, opened, given_up)
    dialog.close()


def test_the_right_password_opens(asked: Asked, link: DaemonLink, qtbot: QtBot) -> None:
    qtbot.keyClicks(asked.dialog.entry, PASSWORD)
    assert asked.dialog.entry.echoMode() is QLineEdit.EchoMode.Password
    qtbot.keyClick(asked.dialog.entry, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: asked.opened == [1])

    assert link.is_open
    assert asked.dialog.entry.text() == ""


def test_a_wrong_one_costs_a_wait_that_is_shown(asked: Asked, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.password_waits = [90.0]
    qtbot.keyClicks(asked.dialog.entry, "1234")
    press(asked.dialog, "Unlock")
    qtbot.waitUntil(lambda: not asked.dialog.problem.isHidden())
    assert asked.dialog.problem.text() == "wrong password You can try again in 2 min."
    assert not asked.dialog.ok.isEnabled()
    asked.dialog._second_passed(passed=90)

    assert asked.dialog.ok.isEnabled()
    assert asked.dialog.problem.isHidden()


def test_a_wrong_one_without_a_wait_can_be_mended_at_once(asked: Asked, qtbot: QtBot) -> None:
    qtbot.keyClicks(asked.dialog.entry, "1234")
    press(asked.dialog, "Unlock")
    qtbot.waitUntil(lambda: not asked.dialog.problem.isHidden())

    assert asked.dialog.ok.isEnabled()


def test_a_code_of_the_phone_opens_too(asked: Asked, qtbot: QtBot) -> None:
    press(asked.dialog, "Use a one-time code")
    qtbot.keyClicks(asked.dialog.entry, f"{CODE[:3]} {CODE[3:]}")
    press(asked.dialog, "Unlock")

    qtbot.waitUntil(lambda: asked.opened == [1])


def test_giving_up_is_told_and_forgets(asked: Asked) -> None:
    asked.dialog.entry.setText("half")
    press(asked.dialog, "Cancel")

    assert asked.given_up == [1]
    assert asked.dialog.entry.text() == ""


def test_a_forgotten_password_leads_on(asked: Asked, qtbot: QtBot) -> None:
    with qtbot.waitSignal(asked.dialog.forgotten):
        press(asked.dialog, "I forgot it")

    assert asked.given_up == [1]


def test_earlier_wrong_tries_are_told_at_once(link: DaemonLink, qtbot: QtBot) -> None:
    link.caller = type(link.caller)(uid=1000, wait_s=30.0, password_set=True)
    dialog = PasswordDialog(link, lambda: None, lambda: None)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)

    assert not dialog.ok.isEnabled()
    assert "30 s" in dialog.problem.text()
