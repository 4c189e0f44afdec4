# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures as horizontal bars, each with its name and number in words: nothing is said by colour or length alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QProgressBar, QWidget

from filterd_gui.formats import number
from filterd_gui.widgets.blocks import clear, label


@dataclass(frozen=True, slots=True)
class Bar:
    """One of them."""

    name: str
    count: int


class Bars(QWidget):
    """Bars below each other; the longest fills the width."""

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.setAccessibleName(heading)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 4, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._grid.setHorizontalSpacing(12)
        self._bars: Sequence[Bar] = ()

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show *bars*."""
        if list(bars) == list(self._bars) and self._grid.count():
            return
        self._bars = list(bars)
        clear(self._grid)
        for place, bar in enumerate(bars):
            length = QProgressBar()
            length.setRange(0, max(1, *(b.count for b in bars)))
            length.setValue(bar.count)
            length.setTextVisible(False)
            length.setAccessibleName(f"{bar.name}: {number(bar.count)}")
            self._grid.addWidget(label(bar.name, wrap=False), place, 0)
            self._grid.addWidget(length, place, 1)
            self._grid.addWidget(label(number(bar.count), "muted", wrap=False), place, 2, Qt.AlignmentFlag.AlignRight)
        self.setAccessibleDescription(", ".join(f"{bar.name} {number(bar.count)}" for bar in bars))
        self.setVisible(bool(bars))
