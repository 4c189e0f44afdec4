# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows are shown, read out, and copied as spreadsheets paste them."""

from __future__ import annotations

from PyQt6.QtCore import QModelIndex, Qt
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterd_gui.widgets.table import Rows, Table


def test_rows_come_and_grow(qtbot: QtBot) -> None:
    rows = Rows(["When", "What"])
    rows.show([("1", "a")])
    rows.append([("2", "b")])
    rows.append([])

    assert (rows.rowCount(), rows.columnCount()) == (2, 2)
    assert rows.data(rows.index(1, 1)) == "b"
    assert rows.data(rows.index(1, 1), Qt.ItemDataRole.DecorationRole) is None
    assert rows.headerData(1, Qt.Orientation.Horizontal) == "What"
    assert rows.rowCount(rows.index(0, 0)) == 0
    assert rows.rowCount(QModelIndex()) == 2


def test_chosen_rows_are_copied(qtbot: QtBot) -> None:
    rows = Rows(["When", "What"])
    table = Table("Events", rows)
    qtbot.addWidget(table)
    rows.show([("1", "a"), ("2", "b")])
    table.selectAll()
    table.copy_chosen()
    clipboard = QApplication.clipboard()

    assert clipboard is not None
    assert clipboard.text() == "1\ta\n2\tb"
    assert table.accessibleName() == "Events"
