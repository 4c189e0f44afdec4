# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts and URLs say by their letters: keywords and learned n-grams, found in one pass (Aho-Corasick)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import ahocorasick

from filterd.policy.hosttext import END, fold, host_text, unleet
from filterd.policy.hostweights import UNIT, HostWeights, parse_weights
from filterd.policy.model import Hit
from filterd.policy.patterns import Keyword, PatternFile, parse_patterns
from filterd.policy.userpatterns import UserPattern, UserPatterns, parse_user_pattern

__all__ = ["LEARNED", "Matcher", "TextFinder", "UserPattern", "UserPatterns", "parse_user_pattern", "url_text"]

LEARNED = "~"  # stands before a piece of evidence that no keyword names: the letters that the learned weights point at
MAX_URL = 4096  # what is looked at of a URL; longer ones are made of data, not of words
_EVIDENCE = 5
_ROUNDING = 1e-6

Contributions = dict[str, list[tuple[str, float]]]


class Matcher:
    """Scores hosts and URLs for every category; implements model.Patterns.

    A category's score is the sum of its keywords' weights and, for hosts, of what the learned n-grams add.
    """

    def __init__(self, pattern_texts: Mapping[str, str], weights: str | HostWeights = "") -> None:
        """Compile *pattern_texts* (category → content of its ``patterns.txt``) and *weights* (host-weights.tsv).

        Raises:
            PatternError, WeightsError: naming file, line and the way out.
        """
        files = {
            category: parse_patterns(text, f"categories/{category}/patterns.txt")
            for category, text in pattern_texts.items()
        }
        learned = parse_weights(weights) if isinstance(weights, str) else weights
        self._hosts = _HostScorer(files, learned)
        self._urls = _KeywordFinder((c, f.url, f.url_exceptions) for c, f in files.items())

    def find_host(self, host: str, /) -> Sequence[Hit]:
        """Return the categories that *host* matches (score ≥ 1.0), strongest first."""
        return self._hosts.find(host)

    def find_url(self, url: str, /) -> Sequence[Hit]:
        """Return the categories that the path and query of *url* match (score ≥ 1.0), strongest first."""
        text = url_text(url)
        return _hits(self._urls.find(text)) if len(text) > 2 else ()


def url_text(url: str) -> str:
    """Return the text that URL keywords are looked for in: path and query of *url*, decoded, in lower case.

    The path begins and ends with a slash and the query with ``?`` and ``&``, so that ``/word/`` is a whole segment
    and ``=word&`` a whole value.
    """
    tail = url.partition("://")[2].partition("/")[2][:MAX_URL].partition("#")[0]
    path, mark, query = fold(unquote_plus(tail)).partition("?")
    return f"/{path.strip('/')}/" + (f"?{query}&" if mark else "")


class TextFinder:
    """Finds texts as they stand, all in one pass: no boundaries, no folding."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Compile *texts*."""
        self._automaton = _automaton({text: at for at, text in enumerate(texts)})

    def find(self, text: str) -> Iterator[int]:
        """Return for every occurrence in *text*, overlapping ones too, which text it is, counted from 0."""
        return map(_value, _iterate(self._automaton, text))


class _Occurrence(NamedTuple):
    """A keyword of a category, as the automaton holds it; *keyword* ``None``: an exception."""

    category: str
    keyword: Keyword | None
    length: int


class _KeywordFinder:
    """Finds the keywords of all categories in a text, minding boundaries and exceptions."""

    def __init__(self, parts: Iterable[tuple[str, Sequence[Keyword], Sequence[str]]]) -> None:
        """Take (category, keywords, exceptions)."""
        entries: dict[str, list[_Occurrence]] = {}
        for category, keywords, exceptions in parts:
            for keyword in keywords:
                text = keyword.text + END * keyword.closes
                entries.setdefault(text, []).append(_Occurrence(category, keyword, len(text)))
            for exception in exceptions:
                entries.setdefault(exception, []).append(_Occurrence(category, None, len(exception)))
        self.texts = tuple(text for text, found in entries.items() if any(entry.keyword for entry in found))
        self._automaton = _automaton(entries)

    def find(self, text: str) -> Contributions:
        """Return what stands in *text*, by category; a keyword counts once, however often it stands there."""
        found: list[tuple[int, int, _Occurrence]] = []
        excepted: dict[str, list[tuple[int, int]]] = {}
        for last, entries in _iterate(self._automaton, text):
            for entry in entries:
                start, end = last + 1 - entry.length, last + 1
                if entry.keyword is None:
                    excepted.setdefault(entry.category, []).append((start, end))
                elif _at_boundaries(text, start, end, entry.keyword):
                    found.append((start, end, entry))
        if not found:
            return {}
        seen: dict[tuple[str, str], tuple[str, float]] = {}
        for start, end, (category, keyword, _) in found:
            if keyword and not _covered(start, end, excepted.get(category, ())):
                seen[category, str(keyword)] = (str(keyword), keyword.weight)
        contributions: Contributions = {}
        for (category, _), evidence in seen.items():
            contributions.setdefault(category, []).append(evidence)
        return contributions

    def exceptions(self, text: str, category: str) -> list[tuple[int, int]]:
        """Return where exceptions of *category* stand in *text*."""
        return [
            (last + 1 - entry.length, last + 1)
            for last, entries in _iterate(self._automaton, text)
            for entry in entries
            if entry.keyword is None and entry.category == category
        ]


class _HostScorer:
    """Scores a host: one pass over n-grams and keywords together, a second look only where that one found something.

    Each text of the automaton carries one integer, cut into fields of _FIELD bits: the text's length, a weight for
    every learned category, a count of keywords. Adding the integers of all hits adds every field at once, in C.
    """

    _FIELD = 24

    def __init__(self, files: Mapping[str, PatternFile], learned: HostWeights) -> None:
        self._keywords = _KeywordFinder((c, f.host, f.host_exceptions) for c, f in files.items())
        self._learned = tuple(enumerate(learned.categories, start=1))  # field, category
        top = self._FIELD * (len(self._learned) + 1)
        packed = {gram: self._pack((len(gram), *values)) for gram, values in learned.grams}
        for text in self._keywords.texts:
            packed[text] = packed.get(text, len(text)) + (1 << top)
        self._automaton = _automaton(packed)
        # Added to a sum, these lift every field that reaches UNIT to its highest bit; one "and" then sees them all,
        # and the keywords' count with them.
        lift = (1 << (self._FIELD - 1)) - UNIT
        fields = range(self._FIELD, top, self._FIELD)
        self._lift = sum(lift << at for at in fields)
        self._seen = sum(1 << (at + self._FIELD - 1) for at in fields) | (((1 << self._FIELD) - 1) << top)

    def find(self, host: str) -> Sequence[Hit]:
        """Return the categories that *host* matches."""
        text = host_text(host)
        total = sum(map(_value, _iterate(self._automaton, text))) if text else 0
        plain = unleet(text)
        something = (total + self._lift) & self._seen
        if plain is None and not something:
            return ()
        contributions = self._keywords.find(text) if something else {}
        if plain is not None:
            for category, more in self._keywords.find(plain).items():
                known = contributions.setdefault(category, [])
                known += [piece for piece in more if piece not in known]
        if not contributions and not something:
            return ()  # digits that could be letters, and that spell nothing: as in most names that machines make
        for field, category in self._learned:
            keywords = _sum(contributions.get(category, ()))
            # A sure word needs no more: what was learned may speak against words that leave a doubt, not against it,
            # for the harmful names learned from are in few languages. And where all n-grams together are too little,
            # they need no names (exceptions only take from them).
            if keywords < 1.0 <= keywords + self._unpack(total, field) / UNIT + _ROUNDING:
                contributions.setdefault(category, []).append(self._learned_evidence(field, category, text))
            elif keywords < 1.0:
                contributions.pop(category, None)
        return _hits(contributions)

    def _learned_evidence(self, field: int, category: str, text: str) -> tuple[str, float]:
        """Return what the n-grams of *text* add to *category*, named by the letters that say most."""
        excepted = self._keywords.exceptions(text, category)
        changes = [0.0] * (len(text) + 1)  # of the weight that a letter carries, against the letter before it
        total = 0
        for last, packed in _iterate(self._automaton, text):
            weight = self._unpack(packed, field)
            length = packed & 0xFF
            start, end = last + 1 - length, last + 1
            if not weight or (weight > 0 and _covered(start, end, excepted)):
                continue
            total += weight
            changes[start] += weight / length
            changes[end] -= weight / length
        return LEARNED + _strongest_run(text, list(accumulate(changes))), total / UNIT

    def _pack(self, values: Sequence[int]) -> int:
        return sum(value << (at * self._FIELD) for at, value in enumerate(values))

    def _unpack(self, packed: int, at: int) -> int:
        """Return the field *at*, above the first; what a negative one below has borrowed, rounding gives back."""
        below = at * self._FIELD
        half = 1 << (self._FIELD - 1)
        shifted = (packed + (1 << (below - 1))) >> below
        return (shifted + half) % (2 * half) - half


def _hits(contributions: Contributions) -> list[Hit]:
    hits = []
    for category, evidence in contributions.items():
        score = _sum(evidence)
        if score >= 1.0:
            strongest = sorted(evidence, key=lambda piece: -piece[1])[:_EVIDENCE]
            hits.append(Hit(category, score, tuple(strongest)))
    return sorted(hits, key=lambda hit: (-hit.score, hit.category))


def _sum(evidence: Sequence[tuple[str, float]]) -> float:
    return round(sum(weight for _, weight in evidence), 6)  # 0.4 + 0.6 is a match, whatever binary fractions say


def _at_boundaries(text: str, start: int, end: int, keyword: Keyword) -> bool:
    if keyword.starts and start > 0 and text[start - 1].isalpha():
        return False
    return not (keyword.ends and end < len(text) and text[end].isalpha())


def _covered(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(first <= start and end <= last for first, last in spans)


def _strongest_run(text: str, letters: Sequence[float]) -> str:
    """Return the stretch of *text* whose *letters* sum up to most (Kadane's algorithm)."""
    best, best_span, current, begin = 0.0, (0, 0), 0.0, 0
    for at, weight in enumerate(letters[: len(text)]):
        if current <= 0:
            current, begin = 0.0, at
        current += weight
        if current > best:
            best, best_span = current, (begin, at + 1)
    return text[slice(*best_span)].strip(f".{END}")


def _automaton[T](entries: Mapping[str, T]) -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for text, value in entries.items():
        automaton.add_word(text, value)
    automaton.make_automaton()
    return automaton


def _iterate(automaton: ahocorasick.Automaton, text: str) -> Iterator[tuple[int, Any]]:
    """Return the hits of *automaton* in *text*: last letter's place, value. An empty automaton has none."""
    return automaton.iter(text) if len(automaton) else iter(())


_value = itemgetter(1)
