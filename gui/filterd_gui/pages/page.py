# SPDX-License-Identifier: GPL-3.0-or-later
"""What all pages share: a scrolled column, a title, and a lock before what only the adult may see."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from filterd.control.client import Refused
from filterd_gui import words
from filterd_gui.daemon_link import Failure
from filterd_gui.household import Household
from filterd_gui.language import _
from filterd_gui.widgets.blocks import Card, button, drawing, label, row


class Page(QStackedWidget):
    """A page. *said* carries a notice: text, tone, and what can be done about it."""

    said = pyqtSignal(str, str, str, object)
    wanted = pyqtSignal(str)  # another page, by its name
    NEEDS_SESSION = False

    def __init__(self, house: Household, title: str, sentence: str = "") -> None:
        super().__init__()
        self.house, self.link = house, house.link
        self.title = title
        self.setAccessibleName(title)
        self.column = QVBoxLayout()
        self.column.setContentsMargins(24, 20, 24, 24)
        self.column.setSpacing(14)
        self.column.addWidget(label(title, "title"))
        if sentence:
            self.column.addWidget(label(sentence, "muted"))
        self.addWidget(_scrolled(self.column))
        self.addWidget(self._lock_screen())

    @property
    def is_locked(self) -> bool:
        """Whether the lock stands before it."""
        return self.currentIndex() == 1

    def reload(self) -> None:
        """Show what there is to show now."""
        locked = self.NEEDS_SESSION and not self.link.is_open
        self.setCurrentIndex(1 if locked else 0)
        if not locked:
            self.refresh()

    def refresh(self) -> None:
        """Ask for what the page shows."""

    def finish(self) -> None:
        """Let the column end after what was put into it."""
        self.column.addStretch(1)

    def say(self, text: str, tone: str = "good", action: str = "", act: object = None) -> None:
        """Tell the reader what came of what was done."""
        self.said.emit(text, tone, action, act)

    def complain(self, problem: Failure) -> None:
        """Tell why something was not done; a password that was not given is no news."""
        if isinstance(problem, Refused) and problem.needs_session:
            return
        self.say(words.failure(problem), "bad")

    def _unlock(self) -> None:
        self.link.unlock_wanted.emit(self.reload, lambda: None)

    def _lock_screen(self) -> QWidget:
        card = Card()
        card.setMaximumWidth(520)
        card.put(drawing("lock", 40))
        card.put(label(self.title, "big"))
        card.put(label(_("Only the responsible adult sees and changes this. Unlock it with your password."), "muted"))
        card.put(row(button(_("Unlock"), self._unlock, "primary")))
        column = QVBoxLayout()
        column.setContentsMargins(24, 20, 24, 24)
        column.addStretch(1)
        column.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)
        return _scrolled(column)


def _scrolled(column: QVBoxLayout) -> QScrollArea:
    inner = QWidget()
    inner.setObjectName("column")
    inner.setLayout(column)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    area.setWidget(inner)
    return area
