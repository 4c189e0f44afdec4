# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts come in the language that is spoken now."""

from __future__ import annotations

import pytest

from filterd_gui.language import LANGUAGES, _, of_language, plural, speak, spoken


@pytest.mark.parametrize(("language", "text"), [("es", "Actividad"), ("gn", "Tembiapo"), ("en", "Activity")])
def test_a_text_follows_the_language(language: str, text: str) -> None:
    speak(language)

    assert _("Activity") == text


def test_an_unknown_language_is_spanish() -> None:
    speak("fr")

    assert spoken() == "es"


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_and_many_differ_where_the_language_has_it(language: str) -> None:
    speak(language)

    assert plural("{n} domain", "{n} domains", 2).format(n=2) == {"es": "2 dominios", "gn": "2 dominio"}.get(
        language, "2 domains"
    )


def test_a_text_by_language_falls_back_to_spanish() -> None:
    speak("gn")

    assert of_language({"es": "juegos", "en": "games"}) == "juegos"
    assert of_language({}, "games") == "games"
