# SPDX-License-Identifier: GPL-3.0-or-later
"""The week is drawn with mouse and keyboard alike."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from filterd_gui.week import Cell
from filterd_gui.widgets.week_grid import WeekGrid


@pytest.fixture
def grid(qtbot: QtBot) -> WeekGrid:
    made = WeekGrid()
    qtbot.addWidget(made)
    made.resize(900, made.sizeHint().height())
    made.show()
    return made


def at(grid: WeekGrid, cell: Cell) -> QPoint:
    return grid._rectangle(cell).center().toPoint()


def test_the_keyboard_closes_opens_and_carries_on(grid: WeekGrid, qtbot: QtBot) -> None:
    grid._cursor = (1, 10)
    qtbot.keyClick(grid, Qt.Key.Key_Space)
    qtbot.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(grid, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert grid.closed == {(1, 10), (1, 11), (2, 11)}
    qtbot.keyClick(grid, Qt.Key.Key_Return)

    assert grid.closed == {(1, 10), (1, 11)}


def test_the_cursor_stays_in_the_week(grid: WeekGrid, qtbot: QtBot) -> None:
    for key in (Qt.Key.Key_End, Qt.Key.Key_Right, *[Qt.Key.Key_Down] * 9):
        qtbot.keyClick(grid, key)
    assert grid._cursor == (6, 47)
    qtbot.keyClick(grid, Qt.Key.Key_Home)

    assert grid._cursor == (6, 0)


def test_a_drag_closes_a_rectangle_and_another_opens_it(grid: WeekGrid, qtbot: QtBot) -> None:
    for _ in range(2):
        qtbot.mousePress(grid, Qt.MouseButton.LeftButton, pos=at(grid, (0, 4)))
        qtbot.mouseMove(grid, at(grid, (4, 9)))
        qtbot.mouseMove(grid, at(grid, (1, 6)))
        with qtbot.waitSignal(grid.edited):
            qtbot.mouseRelease(grid, Qt.MouseButton.LeftButton, pos=at(grid, (1, 6)))
        if grid.closed:
            assert grid.closed == {(day, cell) for day in (0, 1) for cell in (4, 5, 6)}

    assert grid.closed == frozenset()


def test_a_press_beside_the_week_does_nothing(grid: WeekGrid, qtbot: QtBot) -> None:
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))

    assert grid.closed == frozenset()


def test_where_one_is_is_told_in_words(grid: WeekGrid, qtbot: QtBot) -> None:
    told: list[str] = []
    grid.moved.connect(told.append)
    grid._cursor = (5, 41)
    qtbot.keyClick(grid, Qt.Key.Key_Right)

    assert told == ["Saturday 21:00: open"]
    assert grid.accessibleDescription() == "Saturday 21:00: open"


def test_closed_hours_look_different_without_colour(grid: WeekGrid) -> None:
    grid.show_closed({(0, 0)})
    image = grid.grab().toImage()
    cell = grid._rectangle((0, 0)).toRect().adjusted(2, 2, -2, -2)
    shades = {
        image.pixelColor(x, y).lightness()
        for x in range(cell.left(), cell.right())
        for y in range(cell.top(), cell.bottom())
    }

    assert max(shades) - min(shades) > 100  # the line across it


def test_other_keys_go_on(grid: WeekGrid, qtbot: QtBot) -> None:
    qtbot.keyClick(grid, Qt.Key.Key_A)

    assert grid.closed == frozenset()
