# SPDX-License-Identifier: GPL-3.0-or-later
"""Who changed what and when, and whether that log is whole."""

from __future__ import annotations

from PyQt6.QtWidgets import QVBoxLayout

from filterd.control.messages import AuditEntry, AuditReport
from filterd_gui import words
from filterd_gui.formats import moment, number
from filterd_gui.household import Household
from filterd_gui.language import _
from filterd_gui.pages.page import Page
from filterd_gui.widgets.blocks import Card, badge, clear, label, row
from filterd_gui.widgets.table import Rows, Table

_SHOWN = 500


class AuditPage(Page):
    """The log, newest first."""

    NEEDS_SESSION = True

    def __init__(self, house: Household) -> None:
        super().__init__(
            house,
            _("Change log"),
            _("Every change and every wrong password is written down. Nobody can take a line out without it showing."),
        )
        self.whole = QVBoxLayout()
        self.rows = Rows(["№", _("When"), _("What"), _("Who"), _("Details")])
        self.table = Table(_("Change log"), self.rows, wide=4)
        card = Card()
        card.put(self.whole)
        card.put(self.table)
        self.column.addWidget(card)
        self.finish()

    def refresh(self) -> None:
        """Ask for the latest."""
        self.link.get("/v1/audit", AuditReport, self._show, self.complain, {"limit": str(_SHOWN)})

    def _show(self, report: AuditReport) -> None:
        clear(self.whole)
        if report.problems:
            for problem in report.problems:
                self.whole.addLayout(row(badge(_("Problem"), "bad"), label(problem, wrap=False)))
        else:
            text = _("The log is whole: {n} entries.").format(n=number(report.total))
            self.whole.addLayout(row(badge(_("Whole"), "good"), label(text, wrap=False)))
        self.rows.show([_row(entry) for entry in report.entries])
        self.table.fit()


def _row(entry: AuditEntry) -> tuple[str, ...]:
    detail = " · ".join(f"{name}: {value}" for name, value in entry.detail.items())
    return number(entry.number), moment(entry.when), words.event(entry.what), entry.who, detail
