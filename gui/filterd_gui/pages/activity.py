# SPDX-License-Identifier: GPL-3.0-or-later
"""What was blocked, when and why: figures, search, file, and a button that forgets it all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QMessageBox

from filterd.control.messages import Activity, ActivityEvent, ActivityTotal, ActivityTotals, Done, Purge
from filterd_gui import words
from filterd_gui.formats import local, moment, number
from filterd_gui.household import Household
from filterd_gui.language import N_, _, plural
from filterd_gui.pages.page import Page
from filterd_gui.widgets.bars import Bar, Bars
from filterd_gui.widgets.blocks import Card, button, label
from filterd_gui.widgets.flow import Flow
from filterd_gui.widgets.hours_chart import HoursChart
from filterd_gui.widgets.profile_box import ProfileBox
from filterd_gui.widgets.table import Rows, Table

PAGE = 200
_TYPING_PAUSE_MS = 300
_DAYS = {1: N_("Today"), 7: N_("7 days"), 30: N_("30 days")}
_ACTIONS = {"": N_("All"), "block": N_("Blocked"), "allow": N_("Open"), "rewrite": N_("Safe search")}
_BARS = 8


class ActivityPage(Page):
    """Charts above, the list below."""

    NEEDS_SESSION = True

    def __init__(self, house: Household) -> None:
        super().__init__(
            house, _("Activity"), _("Only on this computer, domains only. How much is kept is set per profile.")
        )
        self.text, self.days, self.action, self.category = QLineEdit(), QComboBox(), QComboBox(), QComboBox()
        self.profile = ProfileBox(house, _("Everybody"))
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.refresh)
        self._make_filters()
        self._summary = label("", "muted")
        self.chart = HoursChart(_("Blocked by hour"))
        self.bars = Bars(_("Blocked by category"))
        charts = Card(_("Blocked"))
        for widget in (self._summary, self.chart, self.bars):
            charts.put(widget)
        self.rows = Rows([_("When"), _("Domain"), _("Profile"), _("Result"), _("Category"), _("Why"), _("Times")])
        self.table = Table(_("Activity"), self.rows)
        self.more = button(_("Show more"), self._load_more)
        self._problem = label("", tone="warn")
        self._events: list[ActivityEvent] = []
        found = Card(_("What was recorded"))
        found.put(self._problem)
        found.put(self.table)
        found.put(
            Flow(
                self.more, button(_("Why is this so?"), self._ask_why), button(_("Save as CSV…"), self._choose_file),
                button(_("Forget everything…"), self._ask_purge, "danger"),
            )
        )  # fmt: skip
        self.column.addWidget(self.text)
        self.column.addLayout(Flow(self.days, self.profile, self.action, self.category))
        self.column.addWidget(charts)
        self.column.addWidget(found)
        self.finish()
        house.changed.connect(self._fill_categories)

    def refresh(self) -> None:
        """Ask anew what the filters let through."""
        self._fill_categories()
        self.link.get("/v1/activity", Activity, self._show_first, self.complain, self._query())
        since = {"since": f"{self._since().timestamp():.0f}"}
        self.link.get("/v1/activity/totals", ActivityTotals, self._show_totals, self.complain, since)

    def save_csv(self, path: Path) -> None:
        """Write everything that the filters let through to *path*."""

        def write(raw: bytes) -> None:
            try:
                path.write_bytes(raw)
            except OSError as error:
                self.say(_("{file} cannot be written: {why}").format(file=path, why=error.strerror), "bad")
                return
            self.say(_("Saved: {file}").format(file=path))

        query = {name: value for name, value in self._query().items() if name != "limit"}
        self.link.fetch(f"/v1/activity.csv?{urlencode(query)}", write, self.complain)

    def purge(self) -> None:
        """Forget all that was recorded."""

        def forgotten(_done: Done) -> None:
            self.say(_("All recorded activity was deleted."))
            self.refresh()

        self.link.send("POST", "/v1/activity/purge", Purge(), Done, forgotten, self.complain)

    def _make_filters(self) -> None:
        self.text.setPlaceholderText(_("Search a domain"))
        self.text.setAccessibleName(_("Search a domain"))
        self.text.setClearButtonEnabled(True)
        self.text.textChanged.connect(lambda _text: self._pause.start())
        for box, choices, name in ((self.days, _DAYS, _("Period")), (self.action, _ACTIONS, _("What happened"))):
            for value, text in choices.items():
                box.addItem(_(text), value)
            box.setAccessibleName(name)
        self.action.setCurrentIndex(1)
        self.category.setAccessibleName(_("Category"))
        self.category.addItem(_("All categories"), "")
        for box in (self.days, self.action, self.category, self.profile):
            box.activated.connect(lambda _place: self.refresh())

    def _fill_categories(self) -> None:
        if self.category.count() != len(self.house.categories) + 1:
            self.category.clear()
            self.category.addItem(_("All categories"), "")
            for one in self.house.categories:
                self.category.addItem(self.house.category(one.id), one.id)

    def _since(self) -> datetime:
        midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=int(self.days.currentData()) - 1)

    def _query(self) -> dict[str, str]:
        query = {
            "text": self.text.text().strip(),
            "profile": self.profile.profile,
            "action": str(self.action.currentData() or ""),
            "category": str(self.category.currentData() or ""),
            "since": f"{self._since().timestamp():.0f}",
            "limit": str(PAGE),
        }
        return {name: value for name, value in query.items() if value}

    def _load_more(self) -> None:
        query = {**self._query(), "before_id": str(self._events[-1].id)}
        self.link.get("/v1/activity", Activity, self._show_more, self.complain, query)

    def _show_first(self, answer: Activity) -> None:
        self._events = []
        self.rows.show([])
        self._show_more(answer)
        self.table.fit()

    def _show_more(self, answer: Activity) -> None:
        self._events += answer.events
        self.rows.append([self._row(event) for event in answer.events])
        self.more.setVisible(len(answer.events) == PAGE)
        self._problem.setText(words.line(answer.problem))
        self._problem.setVisible(bool(answer.problem))

    def _row(self, event: ActivityEvent) -> Sequence[str]:
        return (
            moment(local(event.at)), event.host, words.profile_name(event.profile), words.action(event.action)[0],
            self.house.category(event.category), words.cause_name(event.cause), number(event.count),
        )  # fmt: skip

    def _show_totals(self, answer: ActivityTotals) -> None:
        profile = self.profile.profile
        totals = [t for t in answer.totals if t.action == "block" and profile in ("", t.profile)]
        by_category: dict[str, int] = {}
        for total in totals:
            by_category[total.category] = by_category.get(total.category, 0) + total.count
        names, counts = self._columns(totals)
        self.chart.show_columns(names, counts)
        most = sorted(by_category.items(), key=lambda pair: -pair[1])[:_BARS]
        self.bars.show_bars([Bar(self.house.category(name) or _("own lists and hours"), count) for name, count in most])
        blocked = sum(counts)
        self._summary.setText(plural("{n} time blocked", "{n} times blocked", blocked).format(n=number(blocked)))

    def _columns(self, totals: Sequence[ActivityTotal]) -> tuple[list[str], list[int]]:
        days = int(self.days.currentData())
        by_hour: dict[int, int] = {}
        for total in totals:
            by_hour[total.hour] = by_hour.get(total.hour, 0) + total.count
        sums: dict[str, int] = {}
        for hour, count in by_hour.items():
            name = f"{local(hour):%H}" if days == 1 else f"{local(hour):%d/%m}"
            sums[name] = sums.get(name, 0) + count
        first = self._since()
        names = (
            [f"{hour:02}" for hour in range(24)]
            if days == 1
            else [f"{first + timedelta(days=d):%d/%m}" for d in range(days)]
        )
        return names, [sums.get(name, 0) for name in names]

    def _ask_why(self) -> None:
        chosen = self.table.chosen()
        if chosen:
            self.wanted.emit(f"why:{self._events[chosen[0]].host}")
        else:
            self.say(_("Choose a line of the table first."), "warn")

    def _choose_file(self) -> None:
        name, _kind = QFileDialog.getSaveFileName(self, _("Save the activity"), "filterd-actividad.csv", "CSV (*.csv)")
        if name:
            self.save_csv(Path(name))

    def _ask_purge(self) -> None:
        sure = QMessageBox.question(
            self, _("Forget everything"), _("Delete all recorded activity? It cannot be undone.")
        )
        if sure is QMessageBox.StandardButton.Yes:
            self.purge()
