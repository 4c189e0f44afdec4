# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery code, shown this once: copied, printed, written down."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QTextDocument
from PyQt6.QtPrintSupport import QPrintDialog, QPrinter
from PyQt6.QtWidgets import QApplication, QCheckBox, QVBoxLayout, QWidget

from filterd_gui.language import _
from filterd_gui.widgets.blocks import button, label, row


class RecoveryCard(QWidget):
    """The code; *kept* tells whether the adult says to have it on paper."""

    kept = pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._code = label("", "code", wrap=False)
        self._code.setAccessibleName(_("Recovery code"))
        self._code.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByKeyboard | Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self.written = QCheckBox(_("I wrote it down and keep it where no child finds it"))
        self.written.toggled.connect(self.kept)
        text = _("With this code you set a new password if you forget yours. It is shown only now and works once.")
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        body.addWidget(label(text))
        body.addWidget(self._code)
        body.addLayout(row(button(_("Copy"), self.copy), button(_("Print…"), self._print)))
        body.addWidget(self.written)

    @property
    def code(self) -> str:
        """The code shown."""
        return self._code.text()

    def show_code(self, code: str) -> None:
        """Show *code*."""
        self._code.setText(code)
        self.written.setChecked(False)

    def copy(self) -> None:
        """Copy it."""
        if (clipboard := QApplication.clipboard()) is not None:
            clipboard.setText(self.code)

    def document(self) -> QTextDocument:
        """Return what is printed."""
        page = QTextDocument()
        page.setPlainText(
            f"filterd\n\n{_('Recovery code')}:\n\n{self.code}\n\n{_('Keep it where no child finds it.')}\n"
        )
        return page

    def _print(self) -> None:
        printer = QPrinter()
        if QPrintDialog(printer, self).exec():
            self.document().print(printer)
