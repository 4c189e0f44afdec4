# SPDX-License-Identifier: GPL-3.0-or-later
"""What this person likes of the panel itself: language, look, size of letters. Nothing of it is a secret."""

from __future__ import annotations

import locale
from pathlib import Path

from PyQt6.QtCore import QSettings

from filterd_gui.language import DEFAULT, LANGUAGES
from filterd_gui.theme import SCALES

LOOKS = ("system", "light", "dark")


class Preferences:
    """Kept in *file*, or where the desktop keeps such things."""

    def __init__(self, file: Path | None = None) -> None:
        form = QSettings.Format.IniFormat
        self._kept = (
            QSettings(str(file), form) if file else QSettings(form, QSettings.Scope.UserScope, "filterd", "panel")
        )

    def sync(self) -> None:
        """Write them now."""
        self._kept.sync()

    @property
    def language(self) -> str:
        """The language chosen, else the desktop's where we speak it, else Spanish."""
        chosen = str(self._kept.value("language", ""))
        return chosen if chosen in LANGUAGES else _desktop_language()

    @language.setter
    def language(self, language: str) -> None:
        self._kept.setValue("language", language)

    @property
    def look(self) -> str:
        """Light, dark, or as the system."""
        chosen = str(self._kept.value("look", ""))
        return chosen if chosen in LOOKS else "system"

    @look.setter
    def look(self, look: str) -> None:
        self._kept.setValue("look", look)

    @property
    def scale(self) -> int:
        """The size of letters in per cent."""
        chosen = str(self._kept.value("scale", ""))
        return int(chosen) if chosen.isdigit() and int(chosen) in SCALES else SCALES[0]

    @scale.setter
    def scale(self, scale: int) -> None:
        self._kept.setValue("scale", scale)


def _desktop_language() -> str:
    code = (locale.getlocale()[0] or "")[:2]
    return code if code in LANGUAGES else DEFAULT
