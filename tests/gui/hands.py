# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person's hands do with a page."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QLabel, QPushButton, QWidget


def press(where: QWidget, text: str) -> None:
    """Press the button *text* (or the one that a screen reader calls so) in *where*, as with the keyboard."""
    QTest.keyClick(find_button(where, text), Qt.Key.Key_Space)  # type: ignore[call-overload] # static, unlike its stub


def find_button(where: QWidget, text: str) -> QPushButton:
    found = [
        button
        for button in where.findChildren(QPushButton)
        if text in (button.text(), button.accessibleName()) and not button.isHidden()
    ]
    if not found:
        raise AssertionError(f"no button {text!r}: {[b.accessibleName() for b in where.findChildren(QPushButton)]}")
    return found[0]


def reads(where: QWidget) -> str:
    """Return all that is written in *where*, by lines."""
    return "\n".join(found.text() for found in where.findChildren(QLabel) if found.isVisibleTo(where))
