# SPDX-License-Identifier: GPL-3.0-or-later
"""What several pages know together: the categories, the settings, and what each profile comes to."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from filterd.control.messages import CategoryInfo, Done, SetSettings, SettingsText
from filterd_gui.daemon_link import DaemonLink, Failed, Failure, nothing
from filterd_gui.language import of_language

PRESETS = ("child", "adolescent", "adult")
# Where each age starts (filterd/policy/profile.py), for what a profile does not say itself.
_PRESET_VALUES: Mapping[str, Mapping[str, Any]] = {
    "child": {"safe_search": True, "youtube": "strict", "inspect": True, "block_unsafe_search": True},
    "adolescent": {"safe_search": True, "youtube": "moderate", "inspect": True, "block_unsafe_search": False},
    "adult": {"safe_search": False, "youtube": "off", "inspect": False, "block_unsafe_search": False},
}

# Tables that the file replaces whole: what is not in it any more is gone.
_WHOLE = ("profiles", "clients", "lists")

type Change = tuple[list[str], Any]


class Household(QObject):
    """Loads them by *link*, and tells when they change."""

    changed = pyqtSignal()

    def __init__(self, link: DaemonLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.link = link
        self.categories: Sequence[CategoryInfo] = ()
        self.settings: Mapping[str, Any] = {}
        self.writable = True

    def load(self) -> None:
        """Ask for both; the settings are the adult's only, so without a session just the categories come."""
        self.link.get("/v1/categories", list[CategoryInfo], self._take_categories, nothing)
        if self.link.is_open:
            self.link.get("/v1/settings", SettingsText, self._take_settings, nothing)

    def change(self, changes: list[Change], done: object, failed: Failed) -> None:
        """Ask for *changes* of settings; call *done* when they are in force and known here."""

        def changed(answer: Done) -> None:
            if callable(done):
                done(answer)
            self.load()

        def refused(problem: Failure) -> None:
            failed(problem)
            self.changed.emit()  # what was ticked too early is shown as it is again

        self.link.send("PATCH", "/v1/settings", SetSettings(changes=changes), Done, changed, refused)

    def forget(self) -> None:
        """Forget what only the adult may see."""
        self.settings = {}

    def category(self, category_id: str | None) -> str:
        """Return the name of the category in the language spoken now."""
        found = next((c for c in self.categories if c.id == category_id), None)
        return of_language(found.names, found.id) if found else (category_id or "")

    def profiles(self) -> list[str]:
        """Return the profiles that there are: the three ages, then the family's own."""
        own = self.settings.get("profiles", {})
        return [*PRESETS, *sorted(name for name in own if name not in PRESETS)]

    def preset_of(self, profile: str) -> str:
        """Return the age that *profile* starts from; of a name of the family's own the strictest."""
        said = self._section(profile).get("preset")
        return str(said) if said in PRESETS else profile if profile in PRESETS else "child"

    def value(self, profile: str, name: str) -> Any:
        """Return what *profile* comes to in the setting *name*."""
        said = self._section(profile).get(name)
        return said if said is not None else _PRESET_VALUES[self.preset_of(profile)].get(name)

    def blocked(self, profile: str) -> frozenset[str]:
        """Return the categories that *profile* blocks."""
        said = self._section(profile).get("blocked_categories")
        return frozenset(said) if said is not None else self.recommended(self.preset_of(profile))

    def recommended(self, age: str) -> frozenset[str]:
        """Return the categories that are blocked for *age* where nobody says otherwise."""
        return frozenset(c.id for c in self.categories if age in c.blocked_for)

    def listed(self, profile: str, name: str) -> list[Any]:
        """Return the list *name* of *profile*: allow, deny, patterns, schedule."""
        return list(self._section(profile).get(name) or ())

    def option(self, section: str, name: str, otherwise: Any = None) -> Any:
        """Return a setting outside the profiles."""
        return self.settings.get(section, {}).get(name, otherwise)

    def _section(self, profile: str) -> Mapping[str, Any]:
        section: Mapping[str, Any] = self.settings.get("profiles", {}).get(profile, {})
        return section

    def _take_categories(self, categories: list[CategoryInfo]) -> None:
        self.categories = sorted(categories, key=lambda c: (c.optional, c.id))
        self.changed.emit()

    def _take_settings(self, answer: SettingsText) -> None:
        self.settings, self.writable = intended(answer), answer.writable
        self.changed.emit()


def intended(answer: SettingsText) -> Mapping[str, Any]:
    """Return the settings as the file has them by now: those in force follow it within two seconds."""
    try:
        file = tomllib.loads(answer.text)
    except tomllib.TOMLDecodeError:  # somebody edits it by hand at this moment
        return answer.settings
    if not file:
        return answer.settings
    settings = dict(answer.settings)
    for name, table in file.items():
        before = settings.get(name)
        if name not in _WHOLE and isinstance(before, Mapping) and isinstance(table, Mapping):
            settings[name] = {**before, **table}
    for name in _WHOLE:
        settings[name] = file.get(name, [] if name == "clients" else {})
    return settings
