# SPDX-License-Identifier: GPL-3.0-or-later
"""On or off in one glance, what happened, and what needs the adult."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from filterd.control.messages import ActivityTotals, AskedPermission, Done, PermissionState, SetProtection, Status
from filterd_gui import words
from filterd_gui.daemon_link import Standing, nothing
from filterd_gui.formats import moment, number, percent, span, until
from filterd_gui.household import Household
from filterd_gui.language import _, plural
from filterd_gui.pages.page import Page
from filterd_gui.widgets.bars import Bar, Bars
from filterd_gui.widgets.blocks import Card, Row, badge, button, clear, column, drawing, label
from filterd_gui.widgets.flow import Flow

_MOST_SHOWN = 6
_SHIELDS = {"on": ("shield", "good"), "paused": ("shield-pause", "warn"), "off": ("shield-off", "bad")}


class OverviewPage(Page):
    """What an adult sees first."""

    def __init__(self, house: Household) -> None:
        super().__init__(house, _("Overview"))
        self._state = Card()
        self._state_line = QHBoxLayout()
        self._state_buttons = Flow()
        self._state.put(self._state_line)
        self._state.put(self._state_buttons)
        self._remaining = QLabel()
        self._needs = Card(_("What needs you"))
        self._needs_rows = QVBoxLayout()
        self._needs.put(self._needs_rows)
        self._happened = Card(_("What happened"))
        self._figures = label("")
        self._bars = Bars(_("Blocked by category"))
        self._happened.put(self._figures)
        self._happened.put(self._bars)
        self._running = Card(_("Permissions that run"))
        self._running_rows = QVBoxLayout()
        self._running.put(self._running_rows)
        for card in (self._state, self._needs, self._running, self._happened):
            self.column.addWidget(card)
        self.finish()
        self._shown_state: tuple[object, ...] = ()
        self._shown_needs: tuple[object, ...] = ()
        self._asked: list[AskedPermission] = []
        self._today: dict[str, int] | None = None
        self._tick = QTimer(self)
        self._tick.setInterval(1000)
        self._tick.timeout.connect(self._count_down)
        self.link.status_changed.connect(lambda _status: self._show())
        self.link.standing_changed.connect(lambda _standing: self._show())
        self.link.caller_changed.connect(lambda _caller: self._show())
        house.changed.connect(self._name_anew)

    def refresh(self) -> None:
        """Show the state, and for the adult what runs and what is asked."""
        self._show()
        self._running.setVisible(False)
        self._asked, self._today = [], None
        if self.link.is_open:
            midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
            since = {"since": f"{midnight.timestamp():.0f}"}
            self.link.get("/v1/activity/totals", ActivityTotals, self._show_today, nothing, since)
            self.link.get("/v1/permissions", list[PermissionState], self._show_running, nothing)
            self.link.get("/v1/requests", list[AskedPermission], self._show_asked, nothing)

    def protect(self, state: Literal["on", "off", "paused"], minutes: float | None = None) -> None:
        """Ask to turn protection on, off, or to pause it."""
        body = SetProtection(state=state, minutes=minutes)
        self.link.send("POST", "/v1/protection", body, Done, self._protected, self.complain)

    def _protected(self, _done: Done) -> None:
        self.link.look()

    def _name_anew(self) -> None:
        self._show_figures(self.link.status)

    def _show(self) -> None:
        # Each part only where it changed: buttons that are made anew lose the keyboard's focus.
        status, link = self.link.status, self.link
        state: tuple[object, ...] = (status.protection, status.until, link.standing)
        needs: tuple[object, ...] = (tuple(status.problems), link.caller.reset_by, len(self._asked))
        if state != self._shown_state:
            self._shown_state = state
            self._show_state(status)
        if needs != self._shown_needs:
            self._shown_needs = needs
            self._show_needs(status)
        self._show_figures(status)

    def _show_state(self, status: Status) -> None:
        clear(self._state_line)
        clear(self._state_buttons)
        state = status.protection
        shield, tone = _SHIELDS.get(state, _SHIELDS["off"])
        titles = {
            "on": _("Protection is on"),
            "paused": _("Protection is paused"),
            "off": _("Protection is off"),
        }
        if self.link.standing in (Standing.GONE, Standing.UNKNOWN):
            shield, tone, title = "shield-off", "bad", _("Nothing is known of the filter")
            sentence = _("The filter does not answer. This page recovers by itself when it is back.")
        else:
            title = titles.get(state, state)
            sentence = _sentence(status)
        colours = {"good": "#1b8a55", "warn": "#c98a10", "bad": "#cc3a31"}
        self._remaining = label(sentence, "muted")
        self._state_line.addWidget(drawing(shield, 64, colours[tone]))
        self._state_line.addSpacing(8)
        self._state_line.addLayout(column(label(title, "big"), self._remaining), 1)
        self._tick.start() if state == "paused" else self._tick.stop()
        if self.link.standing in (Standing.HERE, Standing.SLOW):
            self._offer(state)

    def _offer(self, state: str) -> None:
        if state != "on":
            again = _("Resume now") if state == "paused" else _("Turn protection on")
            self._state_buttons.addWidget(button(again, lambda: self.protect("on"), "primary"))
        else:
            for minutes, text in ((15, _("Pause 15 minutes")), (60, _("Pause 1 hour"))):
                self._state_buttons.addWidget(button(text, functools.partial(self.protect, "paused", minutes)))
        if state != "off":
            self._state_buttons.addWidget(button(_("Turn off…"), lambda: self.protect("off"), "danger"))

    def _count_down(self) -> None:
        self._remaining.setText(_sentence(self.link.status))

    def _show_needs(self, status: Status) -> None:
        clear(self._needs_rows)
        if self._asked:
            text = plural("{n} request waits for your answer.", "{n} requests wait for your answer.", len(self._asked))
            answer = button(_("Answer"), lambda: self.wanted.emit("requests"), "primary")
            self._needs_rows.addWidget(Row(column(label(text.format(n=len(self._asked)))), answer))
        if self.link.caller.reset_by:
            text = _("An administrator ({who}) set your password anew.").format(who=self.link.caller.reset_by)
            self._needs_rows.addWidget(Row(_flagged(_("Look"), text), button(_("I know"), self._seen)))
        for problem in status.problems:
            self._needs_rows.addWidget(self._problem_row(problem))
        self._needs.setVisible(self._needs_rows.count() > 0)

    def _problem_row(self, problem: str) -> Row:
        left = _flagged(_("Problem"), words.line(problem))
        if problem.startswith("list "):
            return Row(left, button(_("Update the lists"), lambda: self.wanted.emit("lists")))
        return Row(left, button(_("What to do"), lambda: self.wanted.emit("help"), "quiet"))

    def _seen(self) -> None:
        self.link.send("POST", "/v1/password/seen", None, Done, self._protected, self.complain)

    def _show_figures(self, status: Status) -> None:
        text = _("Since {when}: {queries} questions, {blocked} of them blocked ({share}).")
        self._figures.setText(
            text.format(
                when=moment(status.started), queries=number(status.queries), blocked=number(status.blocked),
                share=percent(status.blocked, status.queries),
            )
        )  # fmt: skip
        blocked: Mapping[str, int] = status.blocked_by_category
        if self._today is not None:  # the adult's: the status only counts since the filter began
            blocked = self._today
            today = _("Today: {blocked} blocked.").format(blocked=number(sum(blocked.values())))
            self._figures.setText(f"{today} {self._figures.text()}")
        most = sorted(blocked.items(), key=lambda pair: -pair[1])[:_MOST_SHOWN]
        others = _("own lists and hours")
        self._bars.show_bars([Bar(self.house.category(name) or others, count) for name, count in most])
        self._happened.setVisible(bool(status.started))

    def _show_today(self, answer: ActivityTotals) -> None:
        today: dict[str, int] = {}
        for total in answer.totals:
            if total.action == "block":
                today[total.category] = today.get(total.category, 0) + total.count
        self._today = today
        self._show_figures(self.link.status)

    def _show_asked(self, asked: list[AskedPermission]) -> None:
        self._asked = [one for one in asked if not one.answer]
        self._show()

    def _show_running(self, running: list[PermissionState]) -> None:
        clear(self._running_rows)
        for one in running:
            who = one.address or words.profile_name(one.profile)
            text = _("{host} for {profile}").format(host=one.host, profile=who)
            left = _("until {when}, {left} left").format(when=moment(one.until), left=span(one.left_s))
            end = button(
                _("End now"),
                functools.partial(self._end, one.id),
                says=_("End the permission of {host}").format(host=one.host),
            )
            self._running_rows.addWidget(Row(column(label(text, "strong"), label(left, "muted"), gap=2), end))
        self._running.setVisible(bool(running))

    def _end(self, permission: str) -> None:
        self.link.send(
            "DELETE", f"/v1/permissions/{permission}", None, Done, lambda _done: self.refresh(), self.complain
        )


def _flagged(flag: str, text: str) -> QHBoxLayout:
    line = QHBoxLayout()
    line.addWidget(badge(flag, "warn"))
    line.addWidget(label(text), 1)
    return line


def _sentence(status: Status) -> str:
    if status.protection == "paused":
        return _("Everything is open for {left} more, until {when}.").format(
            left=span(until(status.until)), when=moment(status.until)
        )
    if status.protection == "off":
        return _("Everything is open until you turn it on again.")
    return _("Harmful content is blocked for each person as you chose.")
