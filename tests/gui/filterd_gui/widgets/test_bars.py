# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures are said in words too."""

from __future__ import annotations

from PyQt6.QtWidgets import QProgressBar
from pytestqt.qtbot import QtBot

from filterd_gui.widgets.bars import Bar, Bars


def test_bars_carry_name_and_number(qtbot: QtBot) -> None:
    bars = Bars("Blocked")
    qtbot.addWidget(bars)
    bars.show_bars([Bar("Gambling", 1200), Bar("Tobacco", 3)])

    assert bars.accessibleDescription() == "Gambling 1.200, Tobacco 3"
    assert [b.value() for b in bars.findChildren(QProgressBar)] == [1200, 3]


def test_the_same_again_leaves_them_and_nothing_hides_them(qtbot: QtBot) -> None:
    bars = Bars("Blocked")
    qtbot.addWidget(bars)
    bars.show_bars([Bar("Gambling", 1)])
    before = bars.findChildren(QProgressBar)
    bars.show_bars([Bar("Gambling", 1)])
    assert bars.findChildren(QProgressBar) == before
    bars.show_bars([])

    assert bars.isHidden()
