# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of every page: headings, cards, buttons, badges, notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from filterd_gui.icons import pixmap
from filterd_gui.language import _
from filterd_gui.theme import colours_of


def label(text: str, name: str = "", *, wrap: bool = True, tone: str = "") -> QLabel:
    """Return *text* as plain text, never as markup: some of it was written by a child. *name* is its style."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    made.setObjectName(name)
    if tone:
        made.setProperty("tone", tone)
    return made


def badge(text: str, tone: str = "plain") -> QLabel:
    """Return a word on a coloured ground; the word alone says all, the colour only helps the eye."""
    made = label(text, wrap=False, tone=tone)
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return made


def button(text: str, pressed: Callable[[], None], kind: str = "", *, says: str = "") -> QPushButton:
    """Return a button; *kind* is primary, danger or quiet, *says* what a screen reader says where *text* is short."""
    made = QPushButton(text.replace("&", "&&"))
    made.setProperty("kind", kind)
    made.setAccessibleName(says or text)
    made.setAutoDefault(False)
    if says:
        made.setToolTip(says)
    made.clicked.connect(lambda: pressed())
    return made


def column(*widgets: QWidget, gap: int = 8) -> QVBoxLayout:
    """Return *widgets* below each other."""
    made = QVBoxLayout()
    return _filled(made, widgets, gap)


def row(*widgets: QWidget, gap: int = 8, stretch: bool = True) -> QHBoxLayout:
    """Return *widgets* beside each other, from the left where *stretch*."""
    made = QHBoxLayout()
    _filled(made, widgets, gap)
    if stretch:
        made.addStretch(1)
    return made


def _filled[L: QBoxLayout](layout: L, widgets: Sequence[QWidget], gap: int) -> L:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(gap)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def boxed(layout: QLayout) -> QWidget:
    """Return *layout* as a widget."""
    made = QWidget()
    made.setLayout(layout)
    return made


def clear(layout: QLayout) -> None:
    """Take everything out of *layout*."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
        elif (inner := item.layout()) is not None:
            clear(inner)


def restyle(widget: QWidget) -> None:
    """Make the stylesheet look again at the properties of *widget*."""
    style: QStyle | None = widget.style()
    if style is not None:
        style.unpolish(widget)
        style.polish(widget)


def drawing(name: str, size: int, colour: str = "") -> QLabel:
    """Return the drawing *name*; it stands beside words and says nothing of its own."""
    app = QApplication.instance()
    made = QLabel()
    if isinstance(app, QApplication):
        made.setPixmap(pixmap(name, colour or colours_of(app).muted, size, made.devicePixelRatioF()))
    return made


class Card(QFrame):
    """A box with a heading, and a sentence below it where there is something to explain."""

    def __init__(self, heading: str = "", sentence: str = "") -> None:
        super().__init__()
        self.setObjectName("card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(18, 16, 18, 16)
        self.body.setSpacing(10)
        if heading:
            self.body.addWidget(label(heading, "heading"))
            self.setAccessibleName(heading)
        if sentence:
            self.body.addWidget(label(sentence, "muted"))

    def put(self, what: QWidget | QLayout) -> None:
        """Add *what* at the end."""
        if isinstance(what, QWidget):
            self.body.addWidget(what)
        else:
            self.body.addLayout(what)


class Row(QFrame):
    """A line of a list: something to read at the left, something to press at the right."""

    def __init__(self, left: QLayout, *right: QWidget) -> None:
        super().__init__()
        self.setObjectName("row")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 6, 0, 8)
        line.setSpacing(10)
        line.addLayout(left, 1)
        for widget in right:
            line.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)


class NoticeBar(QFrame):
    """One line that tells what came of the last thing done; it can be put away."""

    closed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("bar")
        self._text = label("")
        self._action = button("", self._act, "quiet")
        self._act_on: Callable[[], None] = self.hide
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 6, 8, 6)
        line.addWidget(self._text, 1)
        line.addWidget(self._action)
        line.addWidget(button(_("Close"), self.hide, "quiet"))
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def say(self, text: str, tone: str = "good", action: str = "", act: Callable[[], None] | None = None) -> None:
        """Show *text*; *action* is what can be done about it."""
        self._text.setText(text)
        self.setAccessibleName(text)
        self.setProperty("tone", tone)
        restyle(self)
        self._action.setVisible(bool(action))
        self._action.setText(action)
        self._action.setAccessibleName(action)
        self._act_on = act or self.hide
        self.show()

    def _act(self) -> None:
        self.hide()
        self._act_on()
