# SPDX-License-Identifier: GPL-3.0-or-later
"""How many were blocked by hour or by day, as columns."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCharts import QBarCategoryAxis, QBarSeries, QBarSet, QChart, QChartView, QValueAxis
from PyQt6.QtCore import QMargins, Qt
from PyQt6.QtGui import QColor, QFont, QPainter, QPen
from PyQt6.QtWidgets import QApplication

from filterd_gui.formats import number
from filterd_gui.language import _
from filterd_gui.theme import colours_of

# Qt leaves a label out that is wider than its column.
_SMALL, _UPRIGHT, _SHORT = 0.7, 12, 2


class HoursChart(QChartView):
    """Columns, each with its name below; a screen reader is told them as words."""

    def __init__(self, heading: str) -> None:
        super().__init__()
        self._heading = heading
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setFrameShape(QChartView.Shape.NoFrame)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * 11)
        self.setAccessibleName(heading)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_columns(self, names: Sequence[str], counts: Sequence[int]) -> None:
        """Show *counts* with their *names*."""
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        colours = colours_of(app)
        bars = QBarSet(self._heading)
        bars.append([float(count) for count in counts])
        bars.setColor(QColor(colours.accent))
        bars.setBorderColor(QColor(colours.accent))
        series = QBarSeries()
        series.append(bars)
        series.setBarWidth(0.7)
        chart = QChart()
        chart.addSeries(series)
        chart.setBackgroundBrush(QColor(colours.surface))
        chart.setBackgroundRoundness(0)
        self.setBackgroundBrush(QColor(colours.surface))
        chart.setMargins(QMargins(0, 0, 0, 0))
        if (legend := chart.legend()) is not None:
            legend.hide()
        below, left = QBarCategoryAxis(), QValueAxis()
        below.append(list(names))
        top = max([*counts, 4])
        left.setRange(0, -(-top // 4) * 4)
        left.setTickCount(5)
        left.setLabelFormat("%d")
        for axis, side in ((below, Qt.AlignmentFlag.AlignBottom), (left, Qt.AlignmentFlag.AlignLeft)):
            axis.setLabelsColor(QColor(colours.muted))
            axis.setGridLineColor(QColor(colours.border))
            axis.setLinePen(QPen(QColor(colours.border)))
            chart.addAxis(axis, side)
            series.attachAxis(axis)
        below.setGridLineVisible(False)
        small = QFont(self.font())
        small.setPointSizeF(self.font().pointSizeF() * _SMALL)
        below.setLabelsFont(small)
        below.setLabelsAngle(-90 if len(names) > _UPRIGHT and len(names[0]) > _SHORT else 0)
        before = self.chart()
        self.setChart(chart)
        if before is not None:
            before.deleteLater()
        told = ", ".join(f"{name}: {number(count)}" for name, count in zip(names, counts, strict=True) if count)
        self.setAccessibleDescription(told or _("nothing"))
