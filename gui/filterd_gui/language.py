# SPDX-License-Identifier: GPL-3.0-or-later
"""The language that the panel speaks, changed while it runs."""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from pathlib import Path

LANGUAGES: Mapping[str, str] = {"es": "Español", "gn": "Avañe'ẽ", "en": "English"}
DEFAULT = "es"
DOMAIN = "filterd_gui"
LOCALE_FOLDER = Path(__file__).parent / "locale"


class _Speaker:
    """What is spoken now: as `gettext.install` has it, one for the process, so that texts need no argument for it."""

    def __init__(self) -> None:
        self.language = "en"
        self.texts: gettext.NullTranslations = gettext.NullTranslations()


_speaker = _Speaker()


def speak(language: str) -> None:
    """Speak *language* from now on; English is what the sources are written in, and stands in for what is missing."""
    folder = str(LOCALE_FOLDER)
    _speaker.language = language if language in LANGUAGES else DEFAULT
    _speaker.texts = gettext.translation(DOMAIN, folder, [_speaker.language], fallback=True)


def spoken() -> str:
    """Return the language spoken now."""
    return _speaker.language


def _(text: str) -> str:
    """Return *text* in the language spoken now."""
    return _speaker.texts.gettext(text)


def N_(text: str) -> str:
    """Return *text* as it is: marked here, put into a language where it is shown."""
    return text


def plural(one: str, many: str, n: int) -> str:
    """Return *one* or *many* for *n*, in the language spoken now."""
    return _speaker.texts.ngettext(one, many, n)


def of_language(texts: Mapping[str, str], otherwise: str = "") -> str:
    """Return the text of the language spoken now from *texts* by language, else the Spanish one, else *otherwise*."""
    return texts.get(_speaker.language) or texts.get(DEFAULT) or otherwise
