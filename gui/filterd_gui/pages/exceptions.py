# SPDX-License-Identifier: GPL-3.0-or-later
"""The white and the black list, and the patterns, of a profile."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QLineEdit, QListWidget, QPlainTextEdit, QVBoxLayout

from filterd.control.messages import AddException, Done, Effect, Effects
from filterd_gui import words
from filterd_gui.formats import number
from filterd_gui.household import Household
from filterd_gui.language import _, plural
from filterd_gui.pages.page import Page
from filterd_gui.widgets.blocks import Card, Row, badge, button, clear, column, label, row
from filterd_gui.widgets.profile_box import ProfileBox

type ListName = Literal["allow", "deny"]

_BETWEEN = re.compile(r"[\s,;]+")
_MOST_EFFECTS_SHOWN = 100


def domains_of(text: str) -> list[str]:
    """Return the domains in *text* as people paste them: by lines, spaces or commas, also whole addresses."""
    return list(dict.fromkeys(_host(word) for word in _BETWEEN.split(text) if _host(word)))


def _host(word: str) -> str:
    without_scheme = word.rpartition("://")[2].rpartition("@")[2]
    return re.split(r"[/?#]", without_scheme, maxsplit=1)[0].partition(":")[0].strip(".\"'<>()").lower()


class ListCard(Card):
    """One of the two lists: what is on it, and room to paste more."""

    def __init__(
        self, heading: str, sentence: str, add: Callable[[list[str]], None], remove: Callable[[list[str]], None]
    ) -> None:
        super().__init__(heading, sentence)
        self.paste = QPlainTextEdit()
        self.paste.setAccessibleName(_("Domains for: {list}").format(list=heading))
        self.paste.setPlaceholderText(_("example.org – one or many, by lines or commas"))
        self.paste.setTabChangesFocus(True)
        self.paste.setFixedHeight(self.paste.fontMetrics().lineSpacing() * 4)
        self._add = add
        self.add_button = button(_("Add"), self._pressed, "primary", says=_("Add to: {list}").format(list=heading))
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("Search the list"))
        self.search.setAccessibleName(_("Search: {list}").format(list=heading))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.entries = QListWidget()
        self.entries.setAccessibleName(heading)
        self.entries.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.entries.setMinimumHeight(self.entries.fontMetrics().lineSpacing() * 9)
        self.count = label("", "muted")
        self.remove_button = button(
            _("Remove selected"), lambda: remove([item.text() for item in self.entries.selectedItems()]),
            says=_("Remove what is selected from: {list}").format(list=heading),
        )  # fmt: skip
        self.remove_button.setEnabled(False)
        self.entries.itemSelectionChanged.connect(
            lambda: self.remove_button.setEnabled(bool(self.entries.selectedItems()))
        )
        self.put(self.paste)
        self.put(row(self.add_button))
        self.put(self.search)
        self.put(self.entries)
        self.put(row(self.remove_button, self.count))

    def show_entries(self, domains: list[str]) -> None:
        """Show *domains*."""
        self.entries.clear()
        self.entries.addItems(sorted(domains))
        self.count.setText(plural("{n} domain", "{n} domains", len(domains)).format(n=number(len(domains))))
        self._filter(self.search.text())

    def _filter(self, text: str) -> None:
        for place in range(self.entries.count()):
            if (item := self.entries.item(place)) is not None:
                item.setHidden(text.lower() not in item.text())

    def _pressed(self) -> None:
        if domains := domains_of(self.paste.toPlainText()):
            self._add(domains)
        else:
            self.paste.setFocus()


class ExceptionsPage(Page):
    """White list, black list, patterns; each change can be undone."""

    NEEDS_SESSION = True

    def __init__(self, house: Household) -> None:
        super().__init__(
            house, _("Exceptions"),
            _("What you list here wins over all other lists, for this profile and everything below each domain."),
        )  # fmt: skip
        self.profile = ProfileBox(house)
        self.profile.currentIndexChanged.connect(lambda _index: self._show(again=True))
        self.column.addLayout(row(label(_("Profile"), wrap=False), self.profile))
        self.allow = ListCard(
            _("White list – always open"), _("Open although a list would block it."),
            lambda domains: self._add("allow", domains), lambda domains: self._remove("allow", domains),
        )  # fmt: skip
        self.deny = ListCard(
            _("Black list – always blocked"), _("Blocked although no list names it."),
            lambda domains: self._add("deny", domains), lambda domains: self._remove("deny", domains),
        )  # fmt: skip
        both = QGridLayout()
        both.setSpacing(14)
        both.addWidget(self.allow, 0, 0)
        both.addWidget(self.deny, 0, 1)
        self._effects = Card(_("What became of them"))
        self._effect_rows = QVBoxLayout()
        self._effects.put(self._effect_rows)
        self._effects.hide()
        self.column.addWidget(self._effects)
        self.column.addLayout(both)
        self.column.addWidget(self._patterns_card())
        self.finish()
        house.changed.connect(lambda: self._show())

    def refresh(self) -> None:
        """Load the lists."""
        self.house.load()

    def _show(self, *, again: bool = False) -> None:
        profile = self.profile.profile
        self.allow.show_entries(self.house.listed(profile, "allow"))
        self.deny.show_entries(self.house.listed(profile, "deny"))
        document = self.patterns.document()
        if again or document is None or not document.isModified():  # what is being typed stays
            self.patterns.setPlainText("\n".join(self.house.listed(profile, "patterns")))

    def _add(self, to: ListName, domains: list[str], *, undoes: bool = False) -> None:
        profile = self.profile.profile

        def added(effects: Effects) -> None:
            (self.allow if to == "allow" else self.deny).paste.clear()
            self._show_effects(effects.effects)
            self._tell(
                _("Added: {domains}"), domains, None if undoes else lambda: self._remove(to, domains, undoes=True)
            )

        body = AddException(domains=domains, to=to, profile=profile)
        self.link.send("POST", "/v1/exceptions", body, Effects, added, self.complain)

    def _remove(self, to: ListName, domains: list[str], *, undoes: bool = False) -> None:
        profile = self.profile.profile

        def removed(_done: Done) -> None:
            self._effects.hide()
            self._tell(
                _("Removed: {domains}"), domains, None if undoes else lambda: self._add(to, domains, undoes=True)
            )

        body = AddException(domains=domains, to=to, profile=profile)
        self.link.send("POST", "/v1/exceptions/remove", body, Done, removed, self.complain)

    def _tell(self, text: str, domains: list[str], undo: Callable[[], None] | None) -> None:
        shown = ", ".join(domains[:3]) + (" …" if len(domains) > 3 else "")
        self.say(text.format(domains=shown), "good", _("Undo") if undo else "", undo)
        self.house.load()

    def _show_effects(self, effects: list[Effect]) -> None:
        clear(self._effect_rows)
        noted = [effect for effect in effects if effect.note]
        for effect in noted[:_MOST_EFFECTS_SHOWN]:
            word, tone = words.action(effect.verdict)
            note = label(words.line(effect.note), "muted")
            self._effect_rows.addWidget(Row(column(label(effect.domain, "strong"), note, gap=2), badge(word, tone)))
        self._effects.setVisible(bool(noted))

    def _patterns_card(self) -> Card:
        card = Card(
            _("Patterns – always blocked"),
            _("One a line: host:*casino* blocks names that contain “casino”, url:*/bet/* blocks addresses with /bet/."),
        )
        self.patterns = QPlainTextEdit()
        self.patterns.setAccessibleName(_("Patterns"))
        self.patterns.setTabChangesFocus(True)
        self.patterns.setFixedHeight(self.patterns.fontMetrics().lineSpacing() * 5)
        self.patterns.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.patterns.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        card.put(self.patterns)
        card.put(row(button(_("Save patterns"), self._save_patterns)))
        return card

    def _save_patterns(self) -> None:
        lines = [line.strip() for line in self.patterns.toPlainText().splitlines() if line.strip()]
        path = ["profiles", self.profile.profile, "patterns"]
        self.house.change([(path, lines)], self._patterns_saved, self.complain)

    def _patterns_saved(self, _done: Done) -> None:
        if (document := self.patterns.document()) is not None:
            document.setModified(False)
        self.say(_("Patterns saved."))
