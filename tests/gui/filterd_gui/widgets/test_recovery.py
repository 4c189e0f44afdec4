# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery code is copied, printed, and kept on purpose."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterd_gui.widgets.recovery import RecoveryCard
from tests.gui.fake_daemon import RECOVERY
from tests.gui.hands import press


def test_it_is_shown_copied_printed_and_acknowledged(qtbot: QtBot) -> None:
    card = RecoveryCard()
    qtbot.addWidget(card)
    kept: list[bool] = []
    card.kept.connect(kept.append)
    card.show_code(RECOVERY)
    press(card, "Copy")
    qtbot.keyClick(card.written, Qt.Key.Key_Space)
    clipboard = QApplication.clipboard()

    assert clipboard is not None
    assert clipboard.text() == card.code == RECOVERY
    assert RECOVERY in card.document().toPlainText()
    assert kept == [True]
