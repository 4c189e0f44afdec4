# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that speak for a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.lists.suffixes import load_public_suffixes
from filterd.lists.words import NO_WORDS, parse_words
from tests.filterd.lists.support import CATEGORIES

SUFFIXES = load_public_suffixes()
WORDS = parse_words(
    ["# comment", "[speaks-for]", "universidad", "^salud", "sexed$", "[speaks-against]", "sex", "porn", "^cam$"]
)
SHIPPED = parse_words((CATEGORIES / "never-block" / "words.txt").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    "name",
    ["universidadpedagogica.com", "www.universidad-nacional.edu.co", "salud180.com", "positive-sexed.org", "sexed.pl"],
)
def test_a_name_that_speaks_for_itself(name: str) -> None:
    assert WORDS.may_speak_for(name)
    assert WORDS.speak_for(name, SUFFIXES)


@pytest.mark.parametrize(
    "name",
    [
        "sexuniversidad.com",  # a word against it beside the word for it
        "universidad.porn",  # in the top-level domain too
        "universidad.cam",
        "ensalud.com",  # not at the beginning
        "sexedup.com",  # not at the end
        "universidad.blogspot.com",  # anybody may call a blog so
        "universidad.example.com",  # nor is it what was registered
        "example.com",
    ],
)
def test_a_name_that_does_not(name: str) -> None:
    assert not WORDS.speak_for(name, SUFFIXES)


def test_a_word_against_a_name_is_found_anywhere() -> None:
    assert WORDS.speak_against("a.sexy.example")
    assert not WORDS.speak_against("camera.example")


def test_no_words_speak_for_nobody() -> None:
    assert not NO_WORDS.may_speak_for("universidad.example")
    assert not parse_words([]).may_speak_for("universidad.example")


@pytest.mark.parametrize("lines", [["universidad"], ["[speaks-for]", "two words"], ["[speaks-up]"]])
def test_a_line_that_is_no_word_is_named(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=rf"words\.txt: line {len(lines)}"):
        parse_words(lines)


@given(st.from_regex(r"[a-z-]{1,12}", fullmatch=True), st.sampled_from(["universidad", "salud", "sexed"]))
def test_the_hint_misses_nothing(around: str, word: str) -> None:
    for name in (f"{around}{word}.com", f"{word}{around}.com", f"{word}.com"):
        if WORDS.speak_for(name, SUFFIXES):
            assert WORDS.may_speak_for(name)


@pytest.mark.parametrize(
    "name",
    [
        "sexualaufklaerung.de",
        "plannedparenthood.org",
        "adultsocialcare.com",
        "educacionsexualintegral.com.ar",
        "hablemosdesexo.com",
        "ministeriodesalud.com",
        "hospitalitaliano.com.py",
        "asexuality.org",
    ],
)
def test_the_shipped_words_speak_for_those_who_teach_and_heal(name: str) -> None:
    assert SHIPPED.speak_for(name, SUFFIXES)


@pytest.mark.parametrize(
    "name",
    [
        "fakehospital.com",
        "sexuniversidad.com",
        "universidadedoprazer.com",
        "naughtychurch.com",
        "hospitalxxx.com",
        "colegialas.com",
        "saludsexualshop.com",
        "casinohospital.com",
        "adultschool.xxx",
        "safesexdolls.com",
    ],
)
def test_the_shipped_words_do_not_open_what_dresses_up_in_them(name: str) -> None:
    assert not SHIPPED.speak_for(name, SUFFIXES)
