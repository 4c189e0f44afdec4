# SPDX-License-Identifier: GPL-3.0-or-later
"""A new password by the old one or the recovery code; the new code is shown before it closes."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from filterd_gui.daemon_link import DaemonLink
from filterd_gui.dialogs.new_password import NewPasswordDialog
from tests.gui.fake_daemon import PASSWORD, RECOVERY, FakeDaemon
from tests.gui.hands import press


def fill(dialog: NewPasswordDialog, old: str, new: str) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    dialog.show()
    dialog.old.setText(old)
    dialog.fields.first.setText(new)
    dialog.fields.again.setText(new)


@pytest.mark.parametrize(("forgotten", "secret"), [(False, PASSWORD), (True, RECOVERY)], ids=["old", "code"])
def test_the_right_secret_sets_it_and_shows_the_new_code(
    link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot, *, forgotten: bool, secret: str
) -> None:
    dialog = NewPasswordDialog(link, forgotten=forgotten)
    qtbot.addWidget(dialog)
    fill(dialog, secret, "otra frase bien larga")
    press(dialog, "Set the new password")
    qtbot.waitUntil(lambda: dialog.recovery.code == RECOVERY[::-1])
    assert daemon.password == "otra frase bien larga"
    assert not dialog.finish.isEnabled()
    dialog.recovery.written.setChecked(True)
    press(dialog, "Done")

    assert dialog.isHidden()
    assert dialog.fields.first.text() == ""


def test_a_wrong_secret_changes_nothing_and_is_told(link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> None:
    dialog = NewPasswordDialog(link)
    qtbot.addWidget(dialog)
    assert not dialog.ok.isEnabled()
    fill(dialog, "wrong", "otra frase bien larga")
    press(dialog, "Set the new password")
    qtbot.waitUntil(lambda: not dialog.problem.isHidden())

    assert dialog.problem.text() == "wrong password"
    assert daemon.password == PASSWORD
    assert dialog.ok.isEnabled()
