# SPDX-License-Identifier: GPL-3.0-or-later
"""A chart is told in words to who cannot see it."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from filterd_gui.widgets.hours_chart import HoursChart


def test_columns_are_drawn_and_told(qtbot: QtBot) -> None:
    chart = HoursChart("Blocked by hour")
    qtbot.addWidget(chart)
    chart.show_columns(["07", "08"], [3, 1500])

    assert chart.accessibleDescription() == "07: 3, 08: 1.500"
    assert not chart.grab().isNull()
    chart.show_columns(["07"], [0])
    assert chart.accessibleDescription() == "nothing"
