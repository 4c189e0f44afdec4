# SPDX-License-Identifier: GPL-3.0-or-later
"""The syntax of ``phrases.tsv``: the words by which pages of a category are known, and those that argue against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from filterd.policy.page_words import STOP, normalise_text

INFLECTED = "*"  # at a phrase's end: the last word may go on (apuest* is apuesta, apuestas, apostadores no)
LANGUAGES = ("es", "gn", "pt", "en", "*")  # "*": the same in all (names, loanwords)
MAX_WEIGHT = 10.0
MAX_WORDS = 8
MAX_LENGTH = 80


class PhraseError(ValueError):
    """A line of a phrase file that cannot be read."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that speaks for a category with *weight*, or against it where that is negative.

    *text* is as it was written; *words* as page_words.normalise_text gives them, a space before and, unless the last
    word may go on, behind: found literally in a normalised text, it stands there as whole words.
    """

    text: str
    language: str
    weight: float
    words: str


def parse_phrases(text: str, name: str = "phrases.tsv") -> tuple[Phrase, ...]:
    """Return the phrases in *text*, the content of the phrase file *name*.

    A line is phrase, language (es, gn, pt, en or ``*``) and weight, a tab between them; ``#`` begins a comment line.

    Raises:
        PhraseError: naming *name*, the line and the way out.
    """
    found: dict[str, Phrase] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            phrase = _parse_line(line, found)
        except PhraseError as error:
            raise PhraseError(f"{name}: line {number}: {error}") from error
        found[phrase.words] = phrase
    return tuple(found.values())


def parse_phrase(text: str, language: str = "*", weight: float = 1.0) -> Phrase:
    """Return the phrase that *text* writes.

    Raises:
        PhraseError: *text* holds no words, too many, or a sentence's end inside.
    """
    bare = text.strip()
    goes_on = bare.endswith(INFLECTED)
    words = normalise_text(bare.removesuffix(INFLECTED))
    count = words.split()
    if INFLECTED in bare.removesuffix(INFLECTED):
        raise PhraseError(f"{text!r}: '*' may stand at the end only")
    if not count or STOP in count:
        raise PhraseError(f"{text!r} is no phrase: write words with spaces between, no stops, colons or brackets")
    if len(words) < 4 or len(words) > MAX_LENGTH or len(count) > MAX_WORDS:
        raise PhraseError(f"{text!r}: a phrase has 2 to {MAX_LENGTH} letters and at most {MAX_WORDS} words")
    if goes_on and len(count[-1]) < 3:
        raise PhraseError(f"{text!r}: too few letters before '*': it would match nearly everything")
    return Phrase(bare, language, weight, words[:-1] if goes_on else words)


def _parse_line(line: str, above: Mapping[str, Phrase]) -> Phrase:
    cells = line.split("\t")
    if len(cells) != 3:
        raise PhraseError(f"{len(cells)} columns: write phrase, language and weight with a tab between them")
    text, language, weight = (cell.strip() for cell in cells)
    if language not in LANGUAGES:
        raise PhraseError(f"unknown language {language!r}: choose among {', '.join(LANGUAGES)}")
    phrase = parse_phrase(text, language, _weight(weight))
    if phrase.words in above:
        raise PhraseError(f"{text!r} reads like {above[phrase.words].text!r} above: take one away")
    return phrase


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError as error:
        raise PhraseError(f"the weight {text!r} is no number") from error
    if not 0 < abs(weight) <= MAX_WEIGHT:
        raise PhraseError(f"the weight {text} is not between -{MAX_WEIGHT:g} and {MAX_WEIGHT:g}, without 0")
    return weight
