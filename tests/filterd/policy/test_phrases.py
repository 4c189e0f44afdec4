# SPDX-License-Identifier: GPL-3.0-or-later
"""The syntax of phrases.tsv."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.page_words import normalise_text
from filterd.policy.phrases import PhraseError, parse_phrase, parse_phrases

WORDS = st.lists(st.text(alphabet="abcñ", min_size=3, max_size=6), min_size=1, max_size=4).map(" ".join)


def test_a_file_is_read_line_by_line() -> None:
    found = parse_phrases("# words\n\ncasino online\tes\t2.5\nlínea de ayuda\tes\t-1\nbet365\t*\t3\napuest*\tes\t1\n")

    assert [(p.text, p.language, p.weight, p.words) for p in found] == [
        ("casino online", "es", 2.5, " casino online "),
        ("línea de ayuda", "es", -1.0, " linea de ayuda "),
        ("bet365", "*", 3.0, " bet365 "),
        ("apuest*", "es", 1.0, " apuest"),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("casino es 1", "1 columns"),
        ("casino\tes", "2 columns"),
        ("casino\tes\t1\tx", "4 columns"),
        ("casino\tfr\t1", "unknown language 'fr'"),
        ("casino\tes\tmuch", "'much' is no number"),
        ("casino\tes\tnan", "not between"),
        ("casino\tes\t0", "not between"),
        ("casino\tes\t11", "not between"),
        ("...\tes\t1", "no phrase"),
        ("casino. bono\tes\t1", "no stops"),
        ("a\tes\t1", "2 to 80 letters"),
        ("ap*\tes\t1", "too few letters"),
        ("ap*sta\tes\t1", "at the end only"),
        ("uno dos tres uno dos tres uno dos tres\tes\t1", "at most 8 words"),
        ("Ruléta\tes\t1", "reads like 'ruleta' above"),
    ],
)
def test_a_wrong_line_is_named_with_the_way_out(line: str, complaint: str) -> None:
    with pytest.raises(PhraseError, match=r"^x\.tsv: line 2: ") as raised:
        parse_phrases(f"ruleta\tes\t1\n{line}\n", "x.tsv")

    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


@given(WORDS, WORDS, WORDS)
def test_a_phrase_is_found_where_it_stands_as_whole_words(before: str, phrase: str, after: str) -> None:
    assert parse_phrase(phrase).words in normalise_text(f"{before} {phrase} {after}")
    assert parse_phrase(phrase).words not in normalise_text(f"x{phrase}x")


@given(WORDS, st.text(alphabet="abcñ", max_size=4))
def test_an_inflected_phrase_is_found_with_any_ending(phrase: str, ending: str) -> None:
    assert parse_phrase(f"{phrase}*").words in normalise_text(phrase + ending)
