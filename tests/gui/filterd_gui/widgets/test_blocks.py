# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks show plain text, can be pressed, and put themselves away."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from filterd_gui.widgets.blocks import Card, NoticeBar, Row, badge, boxed, button, clear, column, drawing, label, row
from tests.gui.hands import press, reads


def test_text_is_never_markup(qtbot: QtBot) -> None:
    made = label("<b>hola</b>")
    qtbot.addWidget(made)

    assert made.textFormat() is Qt.TextFormat.PlainText


def test_a_button_is_pressed_by_keyboard_and_says_more_to_a_screen_reader(qtbot: QtBot) -> None:
    pressed: list[int] = []
    made = button("End && go", lambda: pressed.append(1), says="End the permission of x.example")
    qtbot.addWidget(made)
    qtbot.keyClick(made, Qt.Key.Key_Space)

    assert pressed == [1]
    assert made.accessibleName() == "End the permission of x.example"


def test_a_layout_is_emptied_with_what_is_in_it(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    layout = QVBoxLayout(host)
    layout.addLayout(row(label("a"), label("b")))
    layout.addWidget(Row(column(label("c")), badge("d")))
    layout.addWidget(boxed(column(label("e"))))
    clear(layout)

    assert layout.count() == 0
    assert reads(host) == ""


def test_a_card_names_itself(qtbot: QtBot) -> None:
    card = Card("Heading", "Sentence")
    qtbot.addWidget(card)
    card.put(drawing("lock", 20))

    assert card.accessibleName() == "Heading"
    assert "Sentence" in reads(card)


def test_a_notice_can_be_acted_on_once_and_closed(qtbot: QtBot) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    acted: list[int] = []
    bar.say("Added", "good", "Undo", lambda: acted.append(1))
    assert bar.text == bar.accessibleName() == "Added"
    press(bar, "Undo")
    assert bar.isHidden()
    bar.say("Again")
    press(bar, "Close")

    assert acted == [1]
    assert bar.isHidden()
