# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed hours of a profile: a week to draw on, and the same in words."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtWidgets import QWidget

from filterd.control.messages import Done
from filterd_gui.daemon_link import Failed
from filterd_gui.household import Household
from filterd_gui.language import N_, _
from filterd_gui.week import DAYS, cells_of, slots_of
from filterd_gui.widgets.blocks import Card, button, label
from filterd_gui.widgets.flow import Flow
from filterd_gui.widgets.week_grid import DAY_NAMES, WeekGrid

_SCHOOL_NIGHTS = [
    {"days": "sun-thu", "from": "21:00", "to": "06:00"},
    {"days": "fri,sat", "from": "22:30", "to": "07:00"},
]
_HELP = N_(
    "Draw with the mouse, or with the keyboard: arrows move, Space closes or opens, Shift with arrows carries on."
)


class ScheduleCard(Card):
    """Closed hours, drawn; nothing is in force until it is saved."""

    def __init__(self, house: Household, say: Callable[[str], None], complain: Failed) -> None:
        super().__init__(_("Closed hours"), _(_HELP))
        self._house, self._say, self._complain = house, say, complain
        self._profile = ""
        self.grid = WeekGrid()
        self.grid.edited.connect(self._edited)
        self._where = label("", "muted")
        self.grid.moved.connect(self._where.setText)
        self.summary = label("")
        self.save = button(_("Save hours"), self._save, "primary")
        self._undo = button(_("Discard"), lambda: self.show_profile(self._profile, again=True))
        nights = button(_("School nights"), lambda: self._propose(cells_of(_SCHOOL_NIGHTS)))
        none = button(_("All open"), lambda: self._propose(frozenset()))
        for widget in (self.grid, self._where, self.summary):
            self.put(widget)
        buttons: list[QWidget] = [self.save, self._undo, nights, none]
        self.put(Flow(*buttons))
        self._dirty = False

    def show_profile(self, profile: str, *, again: bool = False) -> None:
        """Show the hours of *profile*; what is being drawn for it stays, unless *again*."""
        if self._dirty and profile == self._profile and not again:
            return
        self._profile = profile
        self.grid.show_closed(cells_of(self._house.listed(profile, "schedule")))
        self._mark(dirty=False)

    def _propose(self, cells: frozenset[tuple[int, int]]) -> None:
        self.grid.show_closed(cells)
        self._edited()

    def _edited(self) -> None:
        self._mark(dirty=True)

    def _mark(self, *, dirty: bool) -> None:
        self._dirty = dirty
        self.save.setEnabled(dirty)
        self._undo.setEnabled(dirty)
        told = [f"{say_days(slot['days'])} {slot['from']}–{slot['to']}" for slot in slots_of(self.grid.closed)]
        hours = len(self.grid.closed) / 2
        text = _("Closed: {slots} ({hours} hours a week)").format(slots="; ".join(told), hours=f"{hours:g}")
        self.summary.setText(text if told else _("No closed hours: open day and night."))

    def _save(self) -> None:
        def saved(_done: Done) -> None:
            self._mark(dirty=False)
            self._say(_("Hours saved."))

        path = ["profiles", self._profile, "schedule"]
        self._house.change([(path, slots_of(self.grid.closed))], saved, self._complain)


def say_days(text: str) -> str:
    """Return days as the configuration writes them in the reader's language."""
    if text == "all":
        return _("every day")
    parts = []
    for part in text.split(","):
        names = [_(DAY_NAMES[DAYS.index(day)]) for day in part.split("-")]
        parts.append("–".join(names))
    return ", ".join(parts)
