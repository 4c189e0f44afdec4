# SPDX-License-Identifier: GPL-3.0-or-later
"""Text as phrases are looked for in it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.page_words import BREAK, normalise_text

WORD = st.text(alphabet="abcdefghijklmnopqrstuvwxyzñ", min_size=2, max_size=8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Casino   ONLINE\n gratis", "casino online gratis"),
        ("año ANO", "año ano"),
        ("n\u0303andu A\u0301rbol", "ñandu arbol"),
        ("hag̃uarã tetãyguára ỹ ẽ", "haguara tetayguara y e"),
        ("mba'e mba’e mbaʼe mba‘e mba`e mba´e mbae", " ".join(["mbae"] * 7)),
        ("violação coração", "violacao coracao"),
        ("ca\u00adsi\u200bno", "casino"),
        ("саsinо рorn РОRN", "casino porn porn"),
        ("Ｃａｓｉｎｏ 𝐜𝐚𝐬𝐢𝐧𝐨 🅲asino", "casino casino casino"),
        ("c4s1n0 p0rn b00bs $exo sex0", "casino porn boobs sexo sexo"),
        ("tod@s", "todas"),
        ("c-a-s-i-n-o", "casino"),
        ("dijo hola. casino", "dijo hola . casino"),
        (f"uno{BREAK}dos", "uno . dos"),
        ("", ""),
    ],
)
def test_what_a_reader_takes_for_one_word_is_one_word(text: str, words: str) -> None:
    assert normalise_text(text).strip() == words


@pytest.mark.parametrize("text", ["bet365", "1ra", "mp3", "covid19", "win10", "24hs", "g20", "4x4", "100", "2026"])
def test_figures_that_stand_for_no_letters_stay(text: str) -> None:
    assert normalise_text(text) == f" {text} "


@pytest.mark.parametrize("text", ["секс", "казино", "赌场", "كازينو"])
def test_a_word_of_another_script_keeps_together_and_is_no_word_of_ours(text: str) -> None:
    word = normalise_text(text).strip()

    assert " " not in word
    assert not word.isalpha()


def test_a_spelled_word_is_found_though_an_and_stands_before_it() -> None:
    assert " casino " in normalise_text("juego y c a s i n o aquí")


@given(st.lists(WORD, min_size=1))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    assert normalise_text(" ".join(words)) == f" {' '.join(words)} "


@given(st.text())
def test_whatever_comes_is_words_with_one_space_around(text: str) -> None:
    words = normalise_text(text)

    assert words[0] == words[-1] == " "
    assert words.strip().split(" ") == words.split() or not words.strip()
    assert set(words) <= set("abcdefghijklmnopqrstuvwxyzñ0123456789 .~")


@given(st.text(alphabet="aàáãñnoó 'ẽg̃.-0@$x", max_size=30))
def test_what_is_normalised_changes_no_more(text: str) -> None:
    once = normalise_text(text).replace(".", " ")
    again = normalise_text(once)

    assert normalise_text(again) == again


@pytest.mark.parametrize("text", ["a " * 500_000, "\u0301" * 500_000, "4a" * 500_000, "я" * 500_000, "a.b-" * 250_000])
def test_a_long_text_takes_time_in_proportion(text: str) -> None:
    began = time.process_time()

    normalise_text(text)

    assert time.process_time() - began < 3
