# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the adult's password is asked."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent
from PyQt6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from filterd.control.client import Refused
from filterd_gui import words
from filterd_gui.daemon_link import DaemonLink, Failure
from filterd_gui.formats import span
from filterd_gui.language import _
from filterd_gui.widgets.blocks import button, drawing, label, restyle, row


class PasswordDialog(QDialog):
    """Opens the session; *opened* runs once it is open, *given_up* where it was closed without."""

    forgotten = pyqtSignal()

    def __init__(
        self, link: DaemonLink, opened: Callable[[], None], given_up: Callable[[], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._link, self._opened, self._given_up = link, opened, given_up
        self._by_code = False
        self._wait_s = 0.0
        self.setWindowTitle(_("Responsible adult"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(430)
        self.entry = QLineEdit()
        self.entry.returnPressed.connect(self.try_it)
        self.problem = label("", tone="bad")
        self.problem.hide()
        self._name = label("", "strong")
        self._name.setBuddy(self.entry)
        self.ok = button(_("Unlock"), self.try_it, "primary")
        self.ok.setDefault(True)
        self._switch = button("", self._switch_kind, "quiet")
        self._switch.setVisible(link.caller.one_time_codes)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._second_passed)
        self._lay_out()
        self._name_entry()
        if link.caller.wait_s > 1:
            self._wait(link.caller.wait_s, _("There were wrong tries."))

    def try_it(self) -> None:
        """Try what was typed."""
        typed = self.entry.text()
        if not typed or not self.ok.isEnabled():
            return
        self.ok.setEnabled(False)
        self.problem.hide()
        by_code = self._by_code
        self._link.open_session(
            password="" if by_code else typed, code=typed.replace(" ", "") if by_code else "", done=self._in,
            failed=self._not_in,
        )  # fmt: skip

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Forget what was typed."""
        self.entry.clear()
        super().closeEvent(event)

    def reject(self) -> None:
        """Give up."""
        self.entry.clear()
        super().reject()
        self._given_up()

    def _in(self) -> None:
        self.entry.clear()
        self.accept()
        self._opened()

    def _not_in(self, failure: Failure) -> None:
        self.entry.selectAll()
        self.entry.setFocus()
        self._tell(words.failure(failure))
        if isinstance(failure, Refused) and failure.wait_s > 1:
            self._wait(failure.wait_s, words.line(failure.message))
        else:
            self.ok.setEnabled(True)

    def _wait(self, wait_s: float, why: str) -> None:
        self._wait_s, self._why = wait_s, why
        self.ok.setEnabled(False)
        self._clock.start()
        self._second_passed(passed=0)

    def _second_passed(self, passed: float = 1) -> None:
        self._wait_s -= passed
        if self._wait_s <= 0:
            self._clock.stop()
            self.problem.hide()
            self.ok.setEnabled(True)
        else:
            self._tell(_("{why} You can try again in {time}.").format(why=self._why, time=span(self._wait_s)))

    def _tell(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setAccessibleName(text)
        restyle(self.problem)
        self.problem.show()

    def _switch_kind(self) -> None:
        self._by_code = not self._by_code
        self.entry.clear()
        self._name_entry()

    def _name_entry(self) -> None:
        name = _("One-time code of your phone") if self._by_code else _("Your password")
        self._name.setText(name)
        self.entry.setAccessibleName(name)
        self.entry.setEchoMode(QLineEdit.EchoMode.Normal if self._by_code else QLineEdit.EchoMode.Password)
        self._switch.setText(_("Use the password") if self._by_code else _("Use a one-time code"))

    def _forgot(self) -> None:
        self.reject()
        self.forgotten.emit()

    def _lay_out(self) -> None:
        body = QVBoxLayout(self)
        body.setContentsMargins(22, 20, 22, 18)
        body.setSpacing(10)
        body.addLayout(row(drawing("lock", 30), label(_("Only for the responsible adult"), "heading", wrap=False)))
        body.addWidget(label(_("This opens or shows what is protected. Mind who is looking."), "muted"))
        for widget in (self._name, self.entry, self.problem):
            body.addWidget(widget)
        body.addLayout(row(self._switch, button(_("I forgot it"), self._forgot, "quiet")))
        body.addSpacing(6)
        ends = row(gap=8)
        ends.addWidget(button(_("Cancel"), self.reject))
        ends.addWidget(self.ok)
        body.addLayout(ends)
        self.entry.setFocus()
