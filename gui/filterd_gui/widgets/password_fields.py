# SPDX-License-Identifier: GPL-3.0-or-later
"""A new password, typed twice, with advice on how well it stands."""

from __future__ import annotations

import getpass

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from filterd_gui.language import _
from filterd_gui.strength import MIN_LENGTH, judge
from filterd_gui.widgets.blocks import label, restyle, row


class PasswordFields(QWidget):
    """Two entries and the advice; *changed* tells whether they hold a usable password."""

    changed = pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again = QLineEdit(), QLineEdit()
        self.meter = QProgressBar()
        self.meter.setRange(0, 4)
        self.meter.setTextVisible(False)
        self.meter.setAccessibleName(_("Strength"))
        self._word, self._advice = label("", wrap=False, tone="plain"), label("", "muted")
        self._show = QCheckBox(_("Show what I type"))
        self._show.toggled.connect(self._echo)
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        for text, entry in ((_("New password"), self.first), (_("The same again"), self.again)):
            name = label(text, "strong")
            name.setBuddy(entry)
            entry.setAccessibleName(text)
            entry.textChanged.connect(self._typed)
            body.addWidget(name)
            body.addWidget(entry)
        for widget in (self.meter, self._advice, self._show):
            body.addWidget(widget)
        body.insertLayout(body.indexOf(self._advice), row(self._word))
        self._echo(shown=False)
        self._typed()

    @property
    def password(self) -> str:
        """The password, where both entries agree and it is long enough, else nothing."""
        text = self.first.text()
        return text if len(text) >= MIN_LENGTH and text == self.again.text() else ""

    def forget(self) -> None:
        """Forget what was typed."""
        self.first.clear()
        self.again.clear()

    def _echo(self, shown: bool) -> None:
        mode = QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password
        self.first.setEchoMode(mode)
        self.again.setEchoMode(mode)

    def _typed(self) -> None:
        strength = judge(self.first.text(), [getpass.getuser(), "filterd"])
        self.meter.setValue(strength.score + bool(self.first.text()) if strength.score < 4 else 4)
        word, tone, advice = strength.word, strength.tone, strength.advice
        if self.again.text() and self.first.text() != self.again.text():
            word, tone, advice = _("the two differ"), "warn", _("Type the same password in both.")
        self._word.setText(word)
        self._word.setVisible(bool(word))
        self._word.setProperty("tone", tone)
        restyle(self._word)
        self.meter.setAccessibleDescription(word)
        self._advice.setText(advice)
        self.changed.emit(bool(self.password))
