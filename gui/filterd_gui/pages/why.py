# SPDX-License-Identifier: GPL-3.0-or-later
"""Why is this blocked? One box, one answer, and what can be done about it."""

from __future__ import annotations

import functools
from typing import Any

from PyQt6.QtWidgets import QLineEdit

from filterd.control.messages import AddException, Effects, Judged, PermissionState, Permit
from filterd_gui import words
from filterd_gui.formats import moment
from filterd_gui.household import Household
from filterd_gui.language import N_, _
from filterd_gui.pages.page import Page
from filterd_gui.widgets.blocks import Card, badge, button, clear, column, label, row
from filterd_gui.widgets.flow import Flow
from filterd_gui.widgets.profile_box import ProfileBox

_SPANS = {15: N_("Open it 15 minutes"), 60: N_("Open it 1 hour"), 0: N_("Open it until tomorrow")}


class WhyPage(Page):
    """Asks the daemon for its verdict; anybody may for the own profile, the adult for all."""

    def __init__(self, house: Household) -> None:
        super().__init__(
            house,
            _("Why is this blocked?"),
            _("Write a domain or a whole address; the filter answers as it decides now."),
        )
        self.name = QLineEdit()
        self.name.setPlaceholderText("www.example.org/pagina")
        self.name.setAccessibleName(_("Domain or address"))
        self.name.returnPressed.connect(self.ask)
        self.profile = ProfileBox(house, _("my own profile"))
        ask = button(_("Ask"), self.ask, "primary")
        line = row(self.name, self.profile, ask, stretch=False)
        line.setStretch(0, 1)
        card = Card()
        card.put(line)
        self.column.addWidget(card)
        self.answer = Card()
        self._rows = column()
        self.answer.put(self._rows)
        self.answer.hide()
        self.column.addWidget(self.answer)
        self.finish()

    def refresh(self) -> None:
        """Put the keyboard where one writes."""
        self.name.setFocus()

    def ask_about(self, name: str) -> None:
        """Ask about *name*."""
        self.name.setText(name)
        self.ask()

    def ask(self) -> None:
        """Ask about what is written."""
        if name := self.name.text().strip():
            query = {"name": name, **({"profile": self.profile.profile} if self.profile.profile else {})}
            self.link.get("/v1/check", Judged, self._show, self._refused, query)

    def _refused(self, problem: Any) -> None:
        if getattr(problem, "needs_session", False):
            self.link.unlock_wanted.emit(self.ask, lambda: None)
        else:
            self.complain(problem)

    def _show(self, judged: Judged) -> None:
        clear(self._rows)
        verdict = judged.verdict
        self.answer.show()
        if verdict.get("error"):
            self._rows.addWidget(
                label(_("This is no domain or address: {text}").format(text=verdict.get("input")), "heading")
            )
            return
        word, tone = words.action(str(verdict.get("action")))
        head = row(label(str(verdict.get("host")), "big", wrap=False), badge(word, tone))
        self._rows.addLayout(head)
        self._rows.addWidget(label(words.cause(verdict, self.house.category(verdict.get("category")))))
        for text in self._details(verdict):
            self._rows.addWidget(label(text, "muted"))
        self._rows.addLayout(self._actions(verdict))

    def _details(self, verdict: dict[str, Any]) -> list[str]:
        told = [_("Profile: {profile}").format(profile=words.profile_name(str(verdict.get("profile") or "–")))]
        if verdict.get("rule"):
            told.append(_("Rule: {rule}").format(rule=verdict["rule"]))
        if verdict.get("list"):
            told.append(_("List: {list}").format(list=verdict["list"]))
        if verdict.get("decree"):
            told.append(_("Decree 8098/2022, article 2, items {items}").format(items=", ".join(verdict["decree"])))
        if verdict.get("host_rewritten"):
            told.append(_("Led to: {host}").format(host=verdict["host_rewritten"]))
        return told

    def _actions(self, verdict: dict[str, Any]) -> Flow:
        host, profile = str(verdict["host"]), str(verdict.get("profile") or "")
        if verdict.get("action") != "block":
            return Flow(button(_("Block it always (black list)"), lambda: self._add(host, profile, "deny")))
        return Flow(
            *(
                button(_(text), functools.partial(self._open, host, profile, minutes))
                for minutes, text in _SPANS.items()
            ),
            button(_("Open it always (white list)"), lambda: self._add(host, profile, "allow")),
        )

    def _open(self, host: str, profile: str, minutes: int) -> None:
        def opened(permission: PermissionState) -> None:
            self.say(_("{host} is open until {when}.").format(host=host, when=moment(permission.until)))
            self.ask()

        body = Permit(host=host, profile=profile, minutes=minutes or None, until_tomorrow=not minutes)
        self.link.send("POST", "/v1/permissions", body, PermissionState, opened, self.complain)

    def _add(self, host: str, profile: str, to: Any) -> None:
        def added(effects: Effects) -> None:
            note = effects.effects[0].note
            self.say(
                words.line(note) if note else _("Added: {domains}").format(domains=host), "warn" if note else "good"
            )
            self.ask()

        self.link.send(
            "POST",
            "/v1/exceptions",
            AddException(domains=[host], to=to, profile=profile),
            Effects,
            added,
            self.complain,
        )
