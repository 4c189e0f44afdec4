# SPDX-License-Identifier: GPL-3.0-or-later
"""What children ask for, and the adult's answers."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PyQt6.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout

from filterd.control.messages import AnswerRequest, AskedPermission, Done
from filterd_gui import words
from filterd_gui.formats import moment
from filterd_gui.household import Household
from filterd_gui.language import N_, _
from filterd_gui.pages.page import Page
from filterd_gui.widgets.blocks import Card, Row, badge, button, clear, column, label, row
from filterd_gui.widgets.flow import Flow

type Answer = Literal["once", "15-minutes", "1-hour", "until-tomorrow", "always", "no", "never"]

ANSWERS: dict[Answer, str] = {
    "once": N_("Just once"),
    "15-minutes": N_("15 minutes"),
    "1-hour": N_("1 hour"),
    "until-tomorrow": N_("Until tomorrow"),
    "always": N_("Always"),
    "no": N_("Not this time"),
    "never": N_("Never"),
}
_CLOSING = ("no", "never")
_MOST_ANSWERED_SHOWN = 50


class RequestsPage(Page):
    """Open requests first, each with its answers; what was answered below."""

    NEEDS_SESSION = True

    def __init__(self, house: Household) -> None:
        super().__init__(
            house, _("Requests"),
            _("Who meets a blocked page can ask for it. Nothing opens for good unless you choose “Always”."),
        )  # fmt: skip
        self._open = QVBoxLayout()
        self._open.setSpacing(14)
        self._nothing = Card()
        self._nothing.put(label(_("No request waits for an answer."), "heading"))
        self._answered = Card(_("Answered"))
        self._answered_rows = QVBoxLayout()
        self._answered.put(self._answered_rows)
        self._reports: Sequence[AskedPermission] = ()
        self._export = button(_("Save the reports of wrong blocks…"), self._choose_file)
        self.column.addWidget(self._nothing)
        self.column.addLayout(self._open)
        self.column.addWidget(self._answered)
        self.column.addLayout(row(self._export))
        self.finish()
        self._known: Sequence[AskedPermission] | None = None

    def refresh(self) -> None:
        """Ask what was asked for."""
        self.link.get("/v1/requests", list[AskedPermission], self.show_requests, self.complain)

    def show_requests(self, requests: list[AskedPermission]) -> None:
        """Show *requests*; what is shown already stays as it is, with the keyboard's focus on it."""
        if requests == self._known:
            return
        self._known = requests
        clear(self._open)
        clear(self._answered_rows)
        waiting = [one for one in requests if not one.answer]
        answered = [one for one in requests if one.answer][:_MOST_ANSWERED_SHOWN]
        self._reports = [one for one in requests if one.wrong]
        for one in waiting:
            self._open.addWidget(self._card(one))
        for one in answered:
            self._answered_rows.addWidget(self._answered_row(one))
        self._nothing.setVisible(not waiting)
        self._answered.setVisible(bool(answered))
        self._export.setVisible(bool(self._reports))

    def _card(self, one: AskedPermission) -> Card:
        card = Card()
        who = _("{profile} asks, {when}").format(profile=words.profile_name(one.profile), when=moment(one.when))
        kind = badge(_("Reports a wrong block"), "warn") if one.wrong else badge(_("Asks for permission"))
        card.put(Flow(label(one.host, "big", wrap=False), kind))
        card.put(label(who, "muted"))
        why = _("Blocked as: {category}").format(category=self.house.category(one.category) or one.rule or "–")
        card.put(label(why, "muted"))
        if one.comment:
            card.put(label(f"“{one.comment}”"))
        closed = QCheckBox(_("Also in closed hours"))
        closed.setAccessibleName(_("Also in closed hours: {host}").format(host=one.host))
        buttons = Flow()
        for answer, text in ANSWERS.items():
            kind_of_button = "danger" if answer in _CLOSING else "primary" if answer == "15-minutes" else ""
            pressed = functools.partial(self._answer, one, answer, closed)
            made = button(_(text), pressed, kind_of_button, says=f"{_(text)}: {one.host}")
            buttons.addWidget(made)
        card.put(buttons)
        card.put(closed)
        return card

    def _answer(self, one: AskedPermission, answer: Answer, in_closed_hours: QCheckBox) -> None:
        def answered(done: Done) -> None:
            self.say((done.note and words.line(done.note)) or _("Answered: {host}").format(host=one.host))
            self.refresh()

        body = AnswerRequest(answer=answer, for_closed_hours=in_closed_hours.isChecked())
        self.link.send("POST", f"/v1/requests/{one.id}/answer", body, Done, answered, self.complain)

    def _answered_row(self, one: AskedPermission) -> Row:
        answer = next((_(text) for code, text in ANSWERS.items() if code == one.answer), one.answer)
        told = f"{words.profile_name(one.profile)} · {moment(one.answered)}"
        forget = button(
            _("Forget"),
            lambda: self._forget(one.id),
            "quiet",
            says=_("Forget the request of {host}").format(host=one.host),
        )
        tone = "bad" if one.answer in _CLOSING else "good"
        return Row(column(label(one.host, "strong"), label(told, "muted"), gap=2), badge(answer, tone), forget)

    def _forget(self, request: str) -> None:
        self.link.send("DELETE", f"/v1/requests/{request}", None, Done, lambda _done: self.refresh(), self.complain)

    def _choose_file(self) -> None:
        name, _kind = QFileDialog.getSaveFileName(self, _("Save the reports"), "filterd-reportes.csv", "CSV (*.csv)")
        if name:
            self.save_reports(Path(name))

    def save_reports(self, path: Path) -> None:
        """Write the reports of wrong blocks to *path*: for whoever keeps the lists, if the adult sends them."""
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["when", "host", "category", "rule", "list"])
        table.writerows([one.when, one.host, one.category, one.rule, one.list] for one in self._reports)
        try:
            path.write_text(text.getvalue(), encoding="utf-8")
        except OSError as error:
            self.say(_("{file} cannot be written: {why}").format(file=path, why=error.strerror), "bad")
            return
        self.say(_("Saved: {file}").format(file=path))
