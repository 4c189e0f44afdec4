# SPDX-License-Identifier: GPL-3.0-or-later
"""A week of half hours, drawn with the mouse or the keyboard."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QApplication, QSizePolicy, QWidget

from filterd_gui.language import N_, _
from filterd_gui.theme import Colours, colours_of
from filterd_gui.week import CELLS_PER_DAY, DAYS, Cell, hour_of

DAY_NAMES = (
    N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"),
)  # fmt: skip
_HOURS_NAMED = range(0, CELLS_PER_DAY + 1, 6)  # every third hour


class WeekGrid(QWidget):
    """Days below each other, hours from left to right; closed ones are dark and hatched.

    Arrows move, Space closes or opens the half hour, arrows with Shift carry that on; a drag with the mouse does the same.
    """

    edited = pyqtSignal()
    moved = pyqtSignal(str)  # where the keyboard stands, in words

    def __init__(self) -> None:
        super().__init__()
        self._closed: set[Cell] = set()
        self._cursor: Cell = (0, 42)
        self._painting: bool | None = None  # what the mouse makes of the cells that it passes
        self._drag_from: Cell = (0, 0)
        self._before: frozenset[Cell] = frozenset()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_("Closed hours of the week"))
        self._tell()

    @property
    def closed(self) -> frozenset[Cell]:
        """The half hours that are closed."""
        return frozenset(self._closed)

    def show_closed(self, cells: Iterable[Cell]) -> None:
        """Show *cells* as closed."""
        self._closed = set(cells)
        self._tell()
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for all days and the line of hours."""
        return QSize(520, round(self._line() * 8.2))

    def minimumSizeHint(self) -> QSize:
        """Return the same: a week that is cut cannot be drawn on."""
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move, close, open."""
        if event is None:
            return
        step = _STEPS.get(Qt.Key(event.key()))
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._set({self._cursor}, closed=self._cursor not in self._closed)
        elif step is not None:
            state = self._cursor in self._closed
            day, half_hour = self._cursor[0] + step[0], self._cursor[1] + step[1]
            self._cursor = (min(max(day, 0), len(DAYS) - 1), min(max(half_hour, 0), CELLS_PER_DAY - 1))
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._set({self._cursor}, closed=state)
        else:
            super().keyPressEvent(event)
            return
        self._tell()
        self.update()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin to close or open, whichever changes the half hour pressed."""
        cell = self._cell_at(event.position()) if event else None
        if cell is not None:
            self._painting, self._drag_from, self._before = cell not in self._closed, cell, self.closed
            self._drag_to(cell)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Carry it on over the rectangle from where it began."""
        cell = self._cell_at(event.position()) if event and self._painting is not None else None
        if cell is not None:
            self._drag_to(cell)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: ARG002 (Qt's signature)
        """End it."""
        if self._painting is not None:
            self._painting = None
            self.edited.emit()

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Show where the keyboard stands."""
        super().focusInEvent(event)
        self._tell()
        self.update()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Hide it again."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002 (Qt's signature)
        """Draw the week."""
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        colours = colours_of(app)
        painter = QPainter(self)
        self._paint_names(painter, colours)
        for day in range(len(DAYS)):
            for half_hour in range(CELLS_PER_DAY):
                self._paint_cell(painter, colours, (day, half_hour))
        self._paint_lines(painter, colours)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.text), 3))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._rectangle(self._cursor))
        painter.end()

    def _paint_names(self, painter: QPainter, colours: Colours) -> None:
        painter.setPen(QColor(colours.muted))
        line = self._line()
        for day, name in enumerate(DAY_NAMES):
            at = QRectF(0, line * (day + 1), self._margin() - 8, line)
            painter.drawText(at, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, _(name))
        for half_hour in _HOURS_NAMED:
            x = self._margin() + half_hour * self._width()
            shown = "24" if half_hour == CELLS_PER_DAY else str(half_hour // 2)
            painter.drawText(QRectF(x - 20, 0, 40, line), Qt.AlignmentFlag.AlignCenter, shown)

    def _paint_cell(self, painter: QPainter, colours: Colours, cell: Cell) -> None:
        at = self._rectangle(cell)
        if cell not in self._closed:
            painter.fillRect(at, QColor(colours.sunken))
            return
        painter.fillRect(at, QColor(colours.accent))
        painter.setPen(QPen(QColor(colours.on_accent), 1))
        painter.drawLine(at.bottomLeft() + QPointF(1, -2), at.topRight() + QPointF(-1, 2))

    def _paint_lines(self, painter: QPainter, colours: Colours) -> None:
        painter.setPen(QPen(QColor(colours.surface), 1))
        line, margin = self._line(), self._margin()
        for half_hour in range(0, CELLS_PER_DAY + 1, 2):
            x = margin + half_hour * self._width()
            painter.drawLine(QPointF(x, line), QPointF(x, line * 8))
        for day in range(len(DAYS) + 1):
            painter.drawLine(QPointF(margin, line * (day + 1)), QPointF(self.width() - 22, line * (day + 1)))

    def _set(self, cells: set[Cell], *, closed: bool) -> None:
        before = self.closed
        self._closed = self._closed | cells if closed else self._closed - cells
        if self.closed != before:
            self.edited.emit()

    def _drag_to(self, cell: Cell) -> None:
        (day, half_hour), (first_day, first) = cell, self._drag_from
        days = range(min(day, first_day), max(day, first_day) + 1)
        half_hours = range(min(half_hour, first), max(half_hour, first) + 1)
        covered = {(d, h) for d in days for h in half_hours}
        self._closed = set(self._before | covered if self._painting else self._before - covered)
        self._cursor = cell
        self._tell()
        self.update()

    def _tell(self) -> None:
        day, half_hour = self._cursor
        state = _("closed") if self._cursor in self._closed else _("open")
        told = f"{_(DAY_NAMES[day])} {hour_of(half_hour)}: {state}"
        self.setAccessibleDescription(told)
        self.moved.emit(told)

    def _cell_at(self, point: QPointF) -> Cell | None:
        day = int(point.y() // self._line()) - 1
        half_hour = int((point.x() - self._margin()) // self._width())
        inside = 0 <= day < len(DAYS) and 0 <= half_hour < CELLS_PER_DAY
        return (day, half_hour) if inside else None

    def _rectangle(self, cell: Cell) -> QRectF:
        day, half_hour = cell
        width, line = self._width(), self._line()
        return QRectF(self._margin() + half_hour * width, line * (day + 1), width, line)

    def _line(self) -> float:
        return self.fontMetrics().height() * 1.6

    def _margin(self) -> float:
        return max(self.fontMetrics().horizontalAdvance(_(name)) for name in DAY_NAMES) + 14

    def _width(self) -> float:
        return max(4.0, (self.width() - self._margin() - 22) / CELLS_PER_DAY)


_STEPS = {
    Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Home: (0, -CELLS_PER_DAY), Qt.Key.Key_End: (0, CELLS_PER_DAY),
}  # fmt: skip
