# SPDX-License-Identifier: GPL-3.0-or-later
"""The notation in which people write candidates for phrases: ``es +2: {comprá,pedí} {vino,whisky}; barra libre``.

A line is a language, a sign with the weight that its writer gives by hand, and phrases with ``;`` between. Braces stand
for each of the texts in them, an empty one too; several braces for all combinations. ``*`` at a phrase's end: the last
word may go on. Lines with ``-`` hold what argues against. See docs/phrases.md.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from filterd.policy.phrases import LANGUAGES, Phrase, PhraseError, parse_phrase

_HEAD = re.compile(r"(?P<language>\S+) (?P<weight>[+-]\d+(?:\.\d+)?): +(?P<phrases>.+)")
_SHORT = re.compile(r"((?:^|[\s'’])\w{1,2})\*$")
_BRACES = re.compile(r"\{([^{}]*)\}")


def read_candidates(path: Path) -> tuple[Phrase, ...]:
    """Return the candidates that the file at *path* holds.

    Raises:
        PhraseError: naming file, line and the way out.
    """
    return parse_candidates(path.read_text(encoding="utf-8"), path.name)


def parse_candidates(text: str, name: str = "candidates") -> tuple[Phrase, ...]:
    """Return the candidates in *text*; the same words in two languages are one phrase of all languages.

    Raises:
        PhraseError: naming *name*, line and the way out.
    """
    found: dict[str, Phrase] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            for phrase in _parse_line(line):
                found[phrase.words] = _merged(found[phrase.words], phrase) if phrase.words in found else phrase
        except PhraseError as error:
            raise PhraseError(f"{name}: line {number}: {error}") from error
    return tuple(phrase for phrase in found.values() if not _covered(phrase, found))


def expand(text: str) -> Iterator[str]:
    """Return every text that *text* stands for once its braces are filled, single spaces between words."""
    parts = _BRACES.split(text)  # outside, inside, outside, …
    choices = [part.split(",") if at % 2 else [part] for at, part in enumerate(parts)]
    for chosen in itertools.product(*choices):
        filled = " ".join("".join(chosen).split()).replace(" *", "*")
        # One star serves all texts of a brace; where it would let a word of one or two letters go on, it means nothing.
        yield _SHORT.sub(r"\1", filled)


def _parse_line(line: str) -> Iterable[Phrase]:
    head = _HEAD.fullmatch(line.strip())
    if head is None:
        raise PhraseError("write language, sign and weight, a colon, and phrases with ';' between: es +2: barra libre")
    if head["language"] not in LANGUAGES:
        raise PhraseError(f"unknown language {head['language']!r}: choose among {', '.join(LANGUAGES)}")
    for group in head["phrases"].split(";"):
        if not group.strip():
            continue
        if "{" in (rest := _BRACES.sub("", group)) or "}" in rest:
            raise PhraseError(f"{group.strip()!r}: a brace is not closed, or stands inside another")
        for text in expand(group):
            yield parse_phrase(text, head["language"], float(head["weight"]))


def _covered(phrase: Phrase, found: Mapping[str, Phrase]) -> bool:
    """Return whether *found* has a phrase that may go on and does so to *phrase*: it would count twice."""
    if not phrase.words.endswith(" "):
        return False
    words = phrase.words.rstrip()
    ends = range(words.rindex(" ") + 4, len(words) + 1)
    return any((stem := found.get(words[:end])) and stem.weight * phrase.weight > 0 for end in ends)


def _merged(above: Phrase, phrase: Phrase) -> Phrase:
    if above.weight * phrase.weight < 0:
        raise PhraseError(f"{phrase.text!r} speaks against, and {above.text!r} above for the category: take one away")
    language = above.language if above.language == phrase.language else "*"
    return Phrase(above.text, language, max(above.weight, phrase.weight, key=abs), above.words)
