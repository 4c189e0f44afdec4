# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page is, by its phrases: counts become a probability for each category."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from filterd.policy.matcher import TextFinder
from filterd.policy.model import AgeBand, Evidence, PageScore, PageView
from filterd.policy.page_words import STOP, normalise_text
from filterd.policy.phrases import Phrase

_EVIDENCE = 8
_MAX_LOGIT = 30.0
_STOP = f" {STOP}"


class ModelError(ValueError):
    """A file of the page model that cannot be read."""


@dataclass(frozen=True, slots=True)
class CategoryModel:
    """How the phrases of one category become a probability: the logistic of (bias + sum) / temperature."""

    bias: float = -4.0
    temperature: float = 1.0
    thresholds: Mapping[AgeBand, float] = field(
        default_factory=lambda: {AgeBand.CHILD: 0.5, AgeBand.ADOLESCENT: 0.6, AgeBand.ADULT: 0.8}
    )

    def probability(self, total: float) -> float:
        """Return the probability that *total*, the sum of what the phrases add, stands for."""
        logit = (self.bias + total) / self.temperature
        return 1.0 / (1.0 + math.exp(-max(-_MAX_LOGIT, min(_MAX_LOGIT, logit))))


@dataclass(frozen=True, slots=True)
class PageModel:
    """How phrases are counted, and each category's own figures; what is not there has the defaults."""

    title: float = 3.0  # an occurrence in the title counts as so many in the text
    headings: float = 2.0
    description: float = 1.0
    cap: float = 3.0  # of a phrase's damped count: log2(1 + 7) is 3
    length_words: float = 500.0  # a text of so many words begins to count as long …
    length_power: float = 0.3  # … and what its phrases add is divided by (1 + words / length_words) to this power,
    length_most: float = 2.5  # but by no more than this: a harmful page is not made harmless by what follows
    categories: Mapping[str, CategoryModel] = field(default_factory=dict)

    def damped(self, count: float) -> float:
        """Return what *count* occurrences of a phrase are worth: one 1, three 2, and never more than the cap."""
        return min(math.log2(1.0 + count), self.cap)

    def share(self, words: int) -> float:
        """Return by what the phrases of a text of *words* words are multiplied."""
        return 1.0 / min(math.pow(1.0 + words / self.length_words, self.length_power), self.length_most)


class Count(NamedTuple):
    """How often *phrase* of *category* stands in a page: in all, and as the model counts it (titles count more)."""

    category: str
    phrase: Phrase
    times: int
    weighed: float


class PageScorer:
    """Scores pages for every category in one pass; implements model.Scorer."""

    def __init__(self, phrases: Mapping[str, Iterable[Phrase]], model: PageModel | None = None) -> None:
        """Compile *phrases*, by category."""
        self.model = model or PageModel()
        entries: dict[str, list[tuple[str, Phrase]]] = {}
        for category, those in phrases.items():
            for phrase in those:
                entries.setdefault(phrase.words, []).append((category, phrase))
        self._entries = tuple(entries.values())
        self._finder = TextFinder(entries)

    def score(self, page: PageView, /) -> Sequence[PageScore]:
        """Return what *page* is, the most probable category first; categories that nothing speaks for are left out."""
        counts, words = self.count(page)
        share = self.model.share(words)
        found: dict[str, list[Evidence]] = {}
        for category, phrase, times, weighed in counts:
            worth = phrase.weight * self.model.damped(weighed) * share
            found.setdefault(category, []).append(Evidence(phrase.text, times, worth))
        scores = [
            self._score(category, evidence)
            for category, evidence in found.items()
            if any(piece.contribution > 0 for piece in evidence)
        ]
        return sorted(scores, key=lambda score: (-score.probability, score.category))

    def threshold(self, category: str, band: AgeBand, /) -> float:
        """Return the probability from which a page counts as *category* for people of *band*."""
        return self._category(category).thresholds[band]

    def count(self, page: PageView) -> tuple[list[Count], int]:
        """Return the phrases that stand in *page*, and how many words its text has."""
        text = normalise_text(page.text)
        totals: Counter[int] = Counter(self._finder.find(text))
        weighed: dict[int, float] = dict(totals)
        for part, worth, further in self._parts(page):
            for at in self._finder.find(normalise_text(part)):
                weighed[at] = weighed.get(at, 0.0) + worth
                totals[at] += further
        counts = [
            Count(category, phrase, max(1, totals[at]), worth)
            for at, worth in weighed.items()
            for category, phrase in self._entries[at]
        ]
        return counts, max(0, text.count(" ") - 1 - text.count(_STOP))

    def _parts(self, page: PageView) -> Iterable[tuple[str, float, bool]]:
        """Return the parts beside the text, what an occurrence there adds, and whether it is a further one."""
        model = self.model
        parts = (
            (page.title, model.title, True),
            (page.headings, model.headings - 1, False),  # they stand in the text too, and were counted there
            (page.description, model.description, True),
        )
        return [part for part in parts if part[0]]

    def _score(self, category: str, evidence: list[Evidence]) -> PageScore:
        probability = self._category(category).probability(math.fsum(piece.contribution for piece in evidence))
        strongest = sorted(evidence, key=lambda piece: (-abs(piece.contribution), piece.phrase))[:_EVIDENCE]
        return PageScore(category, probability, tuple(strongest))

    def _category(self, category: str) -> CategoryModel:
        return self.model.categories.get(category) or _UNTAUGHT


_UNTAUGHT = CategoryModel()


def read_model(values: Mapping[str, Any], name: str = "phrases.toml") -> PageModel:
    """Return the model that *values*, the content of the file *name* (TOML, read), says.

    ``[model]`` holds the fields of PageModel but the categories; ``[categories.ID]`` has ``bias``, ``temperature`` and
    ``thresholds = { child = …, adolescent = …, adult = … }``, and texts that only say where it comes from. What is not
    there has the default.

    Raises:
        ModelError: naming *name*, the key and the way out.
    """
    counting = dict(_table(values, "model", name))
    known = {field for field in PageModel.__slots__ if field != "categories"}
    for key, value in counting.items():
        if key not in known:
            raise ModelError(f"{name}: [model] {key}: unknown; known are {', '.join(sorted(known))}")
        counting[key] = _number(value, f"{name}: [model] {key}", above=0.0)
    given = _table(values, "categories", name)
    categories = {id_: _read_category(_table(given, id_, name), f"{name}: [categories.{id_}]") for id_ in given}
    return PageModel(**counting, categories=categories)


def _read_category(entry: Mapping[str, Any], place: str) -> CategoryModel:
    for key, value in entry.items():
        if key not in {"bias", "temperature", "thresholds"} and isinstance(value, int | float):
            raise ModelError(f"{place} {key}: unknown; known are bias, temperature, thresholds")
    start = CategoryModel()
    thresholds = dict(start.thresholds)
    for band, value in _table(entry, "thresholds", place).items():
        if band not in AgeBand:
            raise ModelError(f"{place} thresholds: unknown age band {band!r}; known are {', '.join(AgeBand)}")
        thresholds[AgeBand(band)] = _number(value, f"{place} thresholds.{band}", above=0.0, most=1.0)
    return CategoryModel(
        bias=_number(entry.get("bias", start.bias), f"{place} bias"),
        temperature=_number(entry.get("temperature", start.temperature), f"{place} temperature", above=0.0),
        thresholds=thresholds,
    )


def _table(values: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    found = values.get(key, {})
    if not isinstance(found, Mapping):
        raise ModelError(f"{place}: {key} is no table: learn the file anew (categories/learning)")
    return found


def _number(value: object, place: str, *, above: float = -math.inf, most: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most or value == math.inf:
        limits = (f" above {above:g}" if above > -math.inf else "") + (f" up to {most:g}" if most < math.inf else "")
        raise ModelError(f"{place}: {value!r} is no number{limits}: learn the file anew (categories/learning)")
    return float(value)
