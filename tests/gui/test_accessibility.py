# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be used is reached by keyboard and has a name for a screen reader, at any size of letters."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QScrollArea,
    QSpinBox,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.language import LANGUAGES, speak
from filterd_gui.theme import wear
from filterd_gui.widgets.week_grid import WeekGrid
from filterd_gui.window import Window

USED = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QListWidget, QTableView, QSpinBox, WeekGrid)
PAGES = [
    "overview", "requests", "profiles", "categories", "exceptions", "why", "activity", "lists", "audit", "settings",
    "help",
]  # fmt: skip


def usable(where: QWidget) -> list[QWidget]:
    found = [widget for kind in USED for widget in where.findChildren(kind) if widget.isVisibleTo(where)]
    # What Qt puts inside its own widgets: the entry of a spin box, the cross that clears an entry.
    return [widget for widget in found if not widget.objectName().startswith("qt_") and not is_inner(widget)]


def is_inner(widget: QWidget) -> bool:
    parent = widget.parent()
    return isinstance(parent, QSpinBox | QTableView | QComboBox | QLineEdit)


def name_of(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text


@pytest.fixture
def window(home: Household, qtbot: QtBot) -> Window:
    made = Window(home)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.mark.parametrize("page", PAGES)
def test_everything_has_a_name_and_takes_the_keyboard(window: Window, qtbot: QtBot, page: str) -> None:
    window.open_page(page)
    qtbot.wait(150)

    found = usable(window)
    assert found
    assert [type(widget).__name__ for widget in found if not name_of(widget)] == []
    without = [name_of(w) for w in found if not w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isEnabled()]
    assert without == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_at_two_hundred_per_cent_pages_scroll_and_nothing_is_cut(
    home: Household, qapp: QApplication, qtbot: QtBot, language: str
) -> None:
    speak(language)
    wear(qapp, dark=False, scale=200)
    window = Window(home)
    qtbot.addWidget(window)
    window.show()
    window.resize(1100, 760)
    for name in window.pages:
        window.open_page(name)
        qtbot.wait(50)
        area = window.page.widget(0)
        assert isinstance(area, QScrollArea)
        inner = area.widget()
        assert inner is not None
        for widget in usable(inner):
            assert widget.width() >= widget.minimumSizeHint().width(), (name, name_of(widget))


def test_tab_walks_through_a_page_and_comes_back(window: Window, qtbot: QtBot) -> None:
    window.open_page("exceptions")
    window.activateWindow()
    window.nav.setFocus()
    seen: list[QWidget] = []
    for _ in range(60):
        qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused in seen:
            break
        seen.append(focused)

    assert window.nav in seen
    assert len(seen) >= 10
