# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not fit goes on in the next line."""

from __future__ import annotations

from PyQt6.QtCore import QRect
from PyQt6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from filterd_gui.widgets.flow import Flow


def fixed(width: int) -> QPushButton:
    made = QPushButton()
    made.setFixedSize(width, 20)
    return made


def test_lines_break_where_the_width_ends(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    flow = Flow(fixed(100), fixed(100), fixed(100))
    host.setLayout(flow)

    assert flow.heightForWidth(316) == 20
    assert flow.heightForWidth(310) == 48
    assert flow.heightForWidth(50) == 76
    assert flow.sizeHint().width() == 316
    assert flow.minimumSize().width() == 100


def test_hidden_widgets_take_no_room_and_items_can_be_taken(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    flow = Flow(fixed(100), fixed(100))
    host.setLayout(flow)
    host.show()
    first = flow.itemAt(0)
    assert first is not None
    widget = first.widget()
    assert widget is not None
    widget.hide()
    flow.setGeometry(QRect(0, 0, 150, 100))
    second = flow.itemAt(1)
    assert second is not None

    assert second.geometry() == QRect(0, 0, 100, 20)
    assert flow.takeAt(0) is first
    assert flow.takeAt(5) is None
    assert flow.count() == 1
