# SPDX-License-Identifier: GPL-3.0-or-later
"""The lists that are subscribed to: their age, what was refused, and a button that updates them."""

from __future__ import annotations

from PyQt6.QtWidgets import QComboBox, QFormLayout, QLineEdit

from filterd.control.messages import Done, ListStatus, Status
from filterd_gui import words
from filterd_gui.formats import moment, number
from filterd_gui.household import Household
from filterd_gui.language import N_, _
from filterd_gui.pages.page import Page
from filterd_gui.widgets.blocks import Card, button, label, row
from filterd_gui.widgets.table import Rows, Table

_STATES = {
    "ok": N_("up to date"), "refused": N_("refused; the last good copy is in use"), "stale": N_("old"),
    "never fetched": N_("not fetched yet"),
}  # fmt: skip


class ListsPage(Page):
    """A table of the subscriptions; adding and removing one asks the password."""

    def __init__(self, house: Household) -> None:
        super().__init__(
            house,
            _("Lists"),
            _("Public lists of domains by category. What looks wrong in them is left out and shown here."),
        )
        self.rows = Rows([_("List"), _("Category"), _("Domains"), _("Fetched"), _("State")])
        self.table = Table(_("Lists"), self.rows, wide=4, lines=9)
        self.update_button = button(_("Update now"), self.update_lists, "primary")
        self.remove_button = button(_("Remove selected"), self._remove)
        self._database = label("", "muted")
        card = Card()
        card.put(self._database)
        card.put(self.table)
        card.put(row(self.update_button, self.remove_button))
        self.column.addWidget(card)
        self.column.addWidget(self._add_card())
        self.finish()
        self._lists: list[ListStatus] = []
        self.link.status_changed.connect(self._show)
        house.changed.connect(self._fill_categories)

    def refresh(self) -> None:
        """Show what the status says."""
        self._fill_categories()
        self._show(self.link.status)
        self.table.fit()

    def update_lists(self) -> None:
        """Fetch all lists now."""
        told = _("The lists are being fetched. This page shows each as it arrives.")
        self.link.send("POST", "/v1/lists/update", None, Done, lambda _done: self.say(told), self.complain)

    def _show(self, status: Status) -> None:
        known = self._lists
        self._lists = status.lists
        text = _("In force: {names} names, compiled {when}.")
        self._database.setText(text.format(names=number(status.database.names), when=moment(status.database.built)))
        if known != status.lists or len(self.rows.rows) != len(status.lists):
            self.rows.show([self._row(one) for one in status.lists])

    def _row(self, one: ListStatus) -> tuple[str, ...]:
        state = _(_STATES.get(one.state, one.state))
        left_out = sum(one.dropped.values())
        told = [state, *([words.line(one.refused)] if one.refused else [])]
        told += [_("{n} left out").format(n=number(left_out))] if left_out else []
        category = self.house.category(one.category)
        return one.id, category, number(one.entries), moment(one.fetched), " · ".join(told)

    def _add_card(self) -> Card:
        card = Card(
            _("Subscribe to another list"),
            _("It is checked before it is used: too big a change or a web page in place of a list is refused."),
        )
        self.list_id, self.url, self.category = QLineEdit(), QLineEdit(), QComboBox()
        self.list_id.setPlaceholderText("mi-lista")
        self.url.setPlaceholderText("https://example.org/list.txt")
        form = QFormLayout()
        for text, entry in ((_("Short name"), self.list_id), (_("Address"), self.url), (_("Category"), self.category)):
            entry.setAccessibleName(text)
            form.addRow(text, entry)
        card.put(form)
        card.put(row(button(_("Subscribe"), self._add)))
        return card

    def _fill_categories(self) -> None:
        if self.category.count() != len(self.house.categories):
            self.category.clear()
            for one in self.house.categories:
                self.category.addItem(self.house.category(one.id), one.id)
        self._lists = []
        self._show(self.link.status)

    def _add(self) -> None:
        name, url = self.list_id.text().strip(), self.url.text().strip()
        if not name or not url or self.category.currentData() is None:
            self.say(_("Give the list a short name, an address and a category."), "warn")
            return
        entry = {"category": self.category.currentData(), "url": url}
        told = _("Subscribed. “Update now” fetches it.")
        self.house.change([(["lists", name], entry)], lambda _done: self.say(told), self.complain)

    def _remove(self) -> None:
        chosen = [self._lists[place].id for place in self.table.chosen()]
        if not chosen:
            self.say(_("Choose a line of the table first."), "warn")
            return
        told = _("Removed: {domains}").format(domains=", ".join(chosen))
        self.house.change([(["lists", name], None) for name in chosen], lambda _done: self.say(told), self.complain)
