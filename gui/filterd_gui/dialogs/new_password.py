# SPDX-License-Identifier: GPL-3.0-or-later
"""A new password: by the old one, or by the recovery code where that is forgotten."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDialog, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from filterd.control.messages import ChangePassword, RecoveryCode
from filterd_gui import words
from filterd_gui.daemon_link import DaemonLink, Failure
from filterd_gui.language import _
from filterd_gui.widgets.blocks import boxed, button, column, label, restyle, row
from filterd_gui.widgets.password_fields import PasswordFields
from filterd_gui.widgets.recovery import RecoveryCard


class NewPasswordDialog(QDialog):
    """Asks for the old secret and the new password, then shows the new recovery code."""

    def __init__(self, link: DaemonLink, parent: QWidget | None = None, *, forgotten: bool = False) -> None:
        super().__init__(parent)
        self._link, self._forgotten = link, forgotten
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("New password"))
        self.setMinimumWidth(460)
        self.old = QLineEdit()
        name = _("Recovery code") if forgotten else _("Password until now")
        self.old.setAccessibleName(name)
        self.old.setEchoMode(QLineEdit.EchoMode.Normal if forgotten else QLineEdit.EchoMode.Password)
        self.old.textChanged.connect(lambda _text: self._enable())
        self.fields = PasswordFields()
        self.fields.changed.connect(lambda _usable: self._enable())
        self.problem = label("", tone="bad")
        self.problem.hide()
        self.ok = button(_("Set the new password"), self._set, "primary")
        self.recovery = RecoveryCard()
        self.finish = button(_("Done"), self.accept, "primary")
        self.finish.setEnabled(False)
        self.recovery.kept.connect(self.finish.setEnabled)
        ask = column(label(name, "strong"), self.old, self.fields, self.problem)
        ask.addLayout(row(button(_("Cancel"), self.reject), self.ok))
        told = column(label(_("Your new recovery code"), "heading"), self.recovery)
        told.addLayout(row(self.finish))
        told.addStretch(1)
        self._stack = QStackedWidget()
        self._stack.addWidget(boxed(ask))
        self._stack.addWidget(boxed(told))
        body = QVBoxLayout(self)
        body.setContentsMargins(22, 20, 22, 18)
        body.addWidget(self._stack)
        self._enable()

    def _enable(self) -> None:
        self.ok.setEnabled(bool(self.old.text() and self.fields.password))

    def _set(self) -> None:
        old = self.old.text()
        given = {"recovery_code": old} if self._forgotten else {"old": old}
        self.ok.setEnabled(False)
        body = ChangePassword(new=self.fields.password, **given)
        self._link.send("PUT", "/v1/password", body, RecoveryCode, self._is_set, self._refused)

    def _is_set(self, answer: RecoveryCode) -> None:
        self.old.clear()
        self.fields.forget()
        self.recovery.show_code(answer.recovery_code)
        self._stack.setCurrentIndex(1)

    def _refused(self, failure: Failure) -> None:
        self.problem.setText(words.failure(failure))
        restyle(self.problem)
        self.problem.show()
        self._enable()
