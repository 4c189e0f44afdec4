# SPDX-License-Identifier: GPL-3.0-or-later
"""Which profile a page is about."""

from __future__ import annotations

from PyQt6.QtWidgets import QComboBox

from filterd_gui import words
from filterd_gui.household import Household
from filterd_gui.language import _


class ProfileBox(QComboBox):
    """The profiles, by the names that people know them by; with *everybody*, a first entry for all of them."""

    def __init__(self, house: Household, everybody: str = "") -> None:
        super().__init__()
        self._house, self._everybody = house, everybody
        self.setAccessibleName(_("Profile"))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.fill()
        house.changed.connect(self.fill)

    @property
    def profile(self) -> str:
        """The one chosen; empty: everybody."""
        return str(self.currentData() or "")

    def choose(self, profile: str) -> None:
        """Choose *profile* where it is there."""
        place = self.findData(profile)
        if place >= 0:
            self.setCurrentIndex(place)

    def fill(self) -> None:
        """Offer the profiles that there are now, and keep the one chosen."""
        chosen = self.currentData()
        names = [("", self._everybody)] if self._everybody else []
        names += [(profile, words.profile_name(profile)) for profile in self._house.profiles()]
        if [(self.itemData(i), self.itemText(i)) for i in range(self.count())] == names:
            return
        self.blockSignals(True)
        self.clear()
        for profile, name in names:
            self.addItem(name, profile)
        default = str(self._house.option("policy", "default_profile", "child"))
        self.choose(chosen if chosen is not None else "" if self._everybody else default)
        self.blockSignals(False)
