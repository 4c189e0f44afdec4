# SPDX-License-Identifier: GPL-3.0-or-later
"""The syntax of ``patterns.txt``: the words by which hosts and URLs of a category are known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from filterd.policy.hosttext import END, fold

BOUNDARY = "|"
MAX_WEIGHT = 5.0
MAX_LENGTH = 60

Where = Literal["host", "url"]

_url_letters = re.compile(r"[^\s|$*]+").fullmatch
_host_letters = re.compile(r"[^\s|$*/?=&:@]+").fullmatch


@dataclass(frozen=True, slots=True)
class Keyword:
    """A text that speaks for a category where it stands in a host or URL, or against it if *weight* is negative.

    *starts* and *ends* ask for a word's boundary there: no letter on the other side. *closes* asks for the host's end.
    """

    text: str
    weight: float = 1.0
    starts: bool = False
    ends: bool = False
    closes: bool = False

    def __str__(self) -> str:
        """Return the keyword as it is written."""
        return BOUNDARY * self.starts + self.text + BOUNDARY * self.ends + END * self.closes


@dataclass(frozen=True, slots=True)
class PatternFile:
    """What one ``patterns.txt`` says. An exception cancels every keyword whose occurrence it covers."""

    host: tuple[Keyword, ...] = ()
    url: tuple[Keyword, ...] = ()
    host_exceptions: tuple[str, ...] = ()
    url_exceptions: tuple[str, ...] = ()


class PatternError(ValueError):
    """A line of a pattern file that cannot be read."""


def parse_patterns(text: str, name: str = "patterns.txt") -> PatternFile:
    """Return what *text*, the content of the pattern file *name*, says.

    A line is ``host WORD… [WEIGHT]``, ``url WORD… [WEIGHT]``, ``host-except WORD…`` or ``url-except WORD…``; ``#``
    begins a comment; the weight (1 where none is given) is each word's. ``|`` at an end of a word asks for a word's
    boundary, ``$`` for the end of the host.

    Raises:
        PatternError: naming *name*, the line and the way out.
    """
    read = _Reading()
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        try:
            if words:
                read.line(words[0], words[1:])
        except PatternError as error:
            raise PatternError(f"{name}: line {number}: {error}") from error
    return PatternFile(
        tuple(read.keywords["host"].values()),
        tuple(read.keywords["url"].values()),
        tuple(read.exceptions["host"]),
        tuple(read.exceptions["url"]),
    )


class _Reading:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self.keywords: dict[Where, dict[str, Keyword]] = {"host": {}, "url": {}}
        self.exceptions: dict[Where, dict[str, None]] = {"host": {}, "url": {}}

    def line(self, verb: str, words: list[str]) -> None:
        match verb:
            case "host" | "url":
                _take_keywords(self.keywords[verb], verb, words)
            case "host-except":
                self.exceptions["host"].update((_exception("host", word), None) for word in words)
            case "url-except":
                self.exceptions["url"].update((_exception("url", word), None) for word in words)
            case _:
                raise PatternError(f"{verb!r} is none of host, url, host-except, url-except")


def _take_keywords(into: dict[str, Keyword], where: Where, words: list[str]) -> None:
    if not words:
        raise PatternError(f"{where!r} needs a word after it")
    weight = _weight(words[-1])
    if weight is not None:
        words = words[:-1]
    if not words:
        raise PatternError(f"{where!r} needs a word before the weight")
    for word in words:
        keyword = parse_keyword(where, word, 1.0 if weight is None else weight)
        if str(keyword) in into:
            raise PatternError(f"{word!r} stands here a second time: take one away")
        into[str(keyword)] = keyword


def parse_keyword(where: Where, word: str, weight: float = 1.0) -> Keyword:
    """Return the keyword that *word* writes.

    Raises:
        PatternError: *word* is too short or holds a character that cannot stand in a host or URL.
    """
    bare = fold(word)
    closes = bare.endswith(END)
    bare = bare.removesuffix(END)
    starts, ends = bare.startswith(BOUNDARY), bare.endswith(BOUNDARY)
    bare = bare[starts : len(bare) - ends]
    if closes and where == "url":
        raise PatternError(f"{word!r}: '$' is for hosts; end a URL's word with '/' or '|'")
    _check_letters(where, word, bare)
    return Keyword(bare, weight, starts, ends, closes)


def _exception(where: Where, word: str) -> str:
    bare = fold(word)
    _check_letters(where, word, bare)
    return bare


def _check_letters(where: Where, word: str, bare: str) -> None:
    letters = _host_letters if where == "host" else _url_letters
    if not letters(bare):
        raise PatternError(f"{word!r} cannot stand in a {where}: write letters, with '|' at the ends only")
    if len(bare) < 2:
        raise PatternError(f"{word!r} is too short: it would match nearly everything")
    if len(bare) > MAX_LENGTH:
        raise PatternError(f"{word!r} is longer than {MAX_LENGTH} letters: put a domain into domains.txt")


def _weight(word: str) -> float | None:
    """Return the weight that *word* is, ``None`` if it is no number."""
    try:
        weight = float(word)
    except ValueError:
        return None
    if not 0 < abs(weight) <= MAX_WEIGHT:
        raise PatternError(f"the weight {word} is not between -{MAX_WEIGHT:g} and {MAX_WEIGHT:g}, without 0")
    return weight
