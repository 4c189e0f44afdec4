# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text of the panel stands in every language, with the same places to fill."""

from __future__ import annotations

import io
import string
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from filterd_gui.language import LANGUAGES, LOCALE_FOLDER

PANEL = LOCALE_FOLDER.parent
KEYWORDS = {"_": None, "N_": None, "plural": (1, 2)}
TRANSLATED = [language for language in LANGUAGES if language != "en"]  # English is what the sources are written in

type Message = str | tuple[str, ...]


def texts() -> set[Message]:
    """Return every text in the sources."""
    found: set[Message] = set()
    for _file, _line, message, _comments, _context in extract_from_dir(PANEL, [("**.py", "python")], keywords=KEYWORDS):
        found.add(message)
    return found


def catalogue(language: str) -> Catalog:
    path = LOCALE_FOLDER / language / "LC_MESSAGES" / "filterd_gui.po"
    with path.open("rb") as file:
        return read_po(file)


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_nothing_else_is_kept(language: str) -> None:
    there = {message.id for message in catalogue(language) if message.id and not message.fuzzy}

    assert sorted(map(str, texts() - there)) == []
    assert sorted(map(str, there - texts())) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_same_places_to_fill(language: str) -> None:
    for message in catalogue(language):
        if not message.id:
            continue
        original = message.id if isinstance(message.id, str) else message.id[-1]
        for translation in [message.string] if isinstance(message.string, str) else message.string or [""]:
            assert translation
            assert places(translation) == places(original), message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalogue_is_the_one_that_can_be_read(language: str) -> None:
    """`pybabel compile -d gui/filterd_gui/locale -D filterd_gui` makes it so."""
    fresh = io.BytesIO()
    write_mo(fresh, catalogue(language))
    compiled: Path = LOCALE_FOLDER / language / "LC_MESSAGES" / "filterd_gui.mo"

    assert compiled.read_bytes() == fresh.getvalue()


def test_guarani_says_that_it_awaits_a_native_reader() -> None:
    head = (LOCALE_FOLDER / "gn" / "LC_MESSAGES" / "filterd_gui.po").read_text(encoding="utf-8")[:400]

    assert "AWAITING REVIEW BY A NATIVE READER" in head
