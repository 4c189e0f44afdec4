# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of words as a table that a view can show, read out and copy from."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, Qt
from PyQt6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PyQt6.QtWidgets import QApplication, QHeaderView, QTableView

_NOWHERE = QModelIndex()
_WIDEST = 60  # letters
_LOOKED_AT = 100  # rows, to find out how wide a column must be
_GIVES_WAY = 0.3  # of the wide column, before the table scrolls sideways


class Rows(QAbstractTableModel):
    """The rows below *heads*."""

    def __init__(self, heads: Sequence[str]) -> None:
        super().__init__()
        self._heads = list(heads)
        self.rows: list[Sequence[str]] = []

    def show(self, rows: Sequence[Sequence[str]]) -> None:
        """Show *rows* in place of those before."""
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def append(self, rows: Sequence[Sequence[str]]) -> None:
        """Show *rows* below those before."""
        if rows:
            self.beginInsertRows(QModelIndex(), len(self.rows), len(self.rows) + len(rows) - 1)
            self.rows.extend(rows)
            self.endInsertRows()

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self._heads)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a cell's text."""
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.rows[index.row()][index.column()]
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:  # fmt: skip
        """Return a column's head."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._heads[section]
        return None


class Table(QTableView):
    """A view of rows: whole rows are chosen, Ctrl+C copies them."""

    def __init__(self, name: str, rows: Rows, *, wide: int = 1, lines: int = 14) -> None:
        super().__init__()
        self._rows, self._wide = rows, wide
        self.setAccessibleName(name)
        self.setModel(rows)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setMinimumHeight(round(self.fontMetrics().height() * 1.9 * (lines + 1)))
        if (side := self.verticalHeader()) is not None:
            side.hide()
            side.setDefaultSectionSize(round(self.fontMetrics().height() * 1.9))
        if (head := self.horizontalHeader()) is not None:
            head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
            head.setHighlightSections(False)
            head.setResizeContentsPrecision(_LOOKED_AT)
            head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self).activated.connect(self.copy_chosen)

    def fit(self) -> None:
        """Make each column as wide as what it holds, within reason; the wide one takes what is left."""
        self.resizeColumnsToContents()
        widest = self.fontMetrics().averageCharWidth() * _WIDEST
        for place in range(self._rows.columnCount()):
            self.setColumnWidth(place, min(self.columnWidth(place) + 12, widest))
        viewport = self.viewport()
        used = sum(self.columnWidth(place) for place in range(self._rows.columnCount()))
        left = (viewport.width() if viewport else 0) - used
        width = self.columnWidth(self._wide)
        if left > -width * _GIVES_WAY:
            self.setColumnWidth(self._wide, width + left)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the new width."""
        super().resizeEvent(event)
        self.fit()

    def chosen(self) -> list[int]:
        """Return which rows are chosen."""
        selection = self.selectionModel()
        return sorted(index.row() for index in selection.selectedRows()) if selection else []

    def copy_chosen(self) -> None:
        """Copy the chosen rows, as spreadsheets paste them."""
        if (clipboard := QApplication.clipboard()) is not None:
            clipboard.setText("\n".join("\t".join(self._rows.rows[place]) for place in self.chosen()))
