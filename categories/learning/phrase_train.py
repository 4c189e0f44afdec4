# SPDX-License-Identifier: GPL-3.0-or-later
"""How the phrases of one category are learned, and from which probability a page counts for whom."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from categories.learning import phrase_model
from categories.learning.phrase_data import ORDINARY, Page, overlap
from categories.learning.phrase_model import Array
from filterd.policy.model import AgeBand
from filterd.policy.phrases import Phrase
from filterd.policy.scorer import PageModel, PageScorer

Flags = npt.NDArray[np.bool_]

SHARED = "shared"  # candidates/shared.txt: what sells or argues against in every category
FOLDS = 4
STRANGERS = 8
KNOWN = 0.65  # of the phrases in a page that we would know had a stranger written it
WRONG_ON_HARMLESS = 0.001  # of one category, so that all together stay below half a percent

_OWN, _ORDINARY, _OTHERS, _PUBLIC = 1.0, 0.5, 0.3, 0.2  # how much a page of each kind counts
# Between these the child's threshold is looked for. The lower bound is high because strangers' pages are taken
# for harmful more often than our own unseen ones foretell (docs/accuracy.md): a wrong block is as much a failure.
_LEAST, _MOST = 0.9, 0.97
_ADOLESCENT, _ADULT = 0.25, 0.6  # of the way that is left to 1


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned for *category*; *unseen* is, for each own page, its probability by a model without it."""

    category: str
    phrases: tuple[Phrase, ...]
    bias: float
    thresholds: Mapping[AgeBand, float]
    own: tuple[Page, ...]
    unseen: tuple[float, ...]
    strangers_found: float  # of harmful pages whose phrases are known in part
    strangers_wrong: float


class Corpus:
    """All pages with what each candidate is worth in them, counted once for all categories."""

    def __init__(self, candidates: Mapping[str, Sequence[Phrase]], pages: Iterable[Page]) -> None:
        """Count *candidates* (by category, and SHARED) in *pages*."""
        self.candidates = candidates
        self.pages = tuple(pages)
        model = PageModel()
        scorer = PageScorer(candidates, model)
        self.public = [at for at, page in enumerate(self.pages) if not page.view.title]  # short texts, no pages of ours
        self._worth: list[dict[str, float]] = []
        for page in self.pages:
            counts, words = scorer.count(page.view)
            share = model.share(words)
            self._worth.append({count.phrase.words: model.damped(count.weighed) * share for count in counts})

    def phrases(self, category: str) -> tuple[Phrase, ...]:
        """Return the candidates of *category*, last, after the shared ones that it has not itself."""
        own = {phrase.words for phrase in self.candidates[category]}
        shared = (phrase for phrase in self.candidates.get(SHARED, ()) if phrase.words not in own)
        return (*shared, *self.candidates[category])

    def matrix(self, phrases: Sequence[Phrase], rows: Sequence[int]) -> Array:
        """Return what each of *phrases* (columns) is worth in each of the pages *rows*."""
        columns = {phrase.words: at for at, phrase in enumerate(phrases)}
        worth = np.zeros((len(rows), len(phrases)))
        for at, row in enumerate(rows):
            for words, value in self._worth[row].items():
                if (column := columns.get(words)) is not None:
                    worth[at, column] = value
        return worth


def learn(corpus: Corpus, category: str) -> Learned:
    """Return what *corpus* teaches about *category*."""
    phrases = corpus.phrases(category)
    prior = np.array([phrase.weight for phrase in phrases])
    public = corpus.matrix(phrases, corpus.public)
    speaking = prior > 0
    speaking[: len(phrases) - len(corpus.candidates[category])] = False
    # A public text without a word of the category's own has nothing to teach, and most are such.
    taught = [at for at, worth in zip(corpus.public, public, strict=True) if worth[speaking].any()]
    rows = taught + [at for at, page in enumerate(corpus.pages) if page.view.title and _teaches(page, category)]
    pages = [corpus.pages[at] for at in rows]
    examples = _Rows(
        corpus.matrix(phrases, rows),
        np.array([page.category == category and page.harmful for page in pages], dtype=float),
        np.array([_importance(page, category) for page in pages]),
    )
    fitted = phrase_model.fit(*examples, prior)

    own = np.array([page.category == category and bool(page.view.title) for page in pages])
    unseen, strangers = _unseen(examples, prior, own, [page.id for page in pages])
    guilty = examples.harmful[own] == 1
    harmless = np.array([not corpus.pages[at].harmful for at in corpus.public], dtype=bool)
    child = _threshold(
        strangers[:, guilty].ravel(),
        strangers[:, ~guilty].ravel(),
        fitted.probabilities(examples.worth[own][~guilty]),
        fitted.probabilities(public[harmless]),
    )
    return Learned(
        category,
        tuple(_weighed(phrases, fitted.weights)),
        round(fitted.bias, 2),
        {
            AgeBand.CHILD: child,
            AgeBand.ADOLESCENT: round(child + (1 - child) * _ADOLESCENT, 2),
            AgeBand.ADULT: round(child + (1 - child) * _ADULT, 2),
        },
        tuple(page for page, mine in zip(pages, own, strict=True) if mine),
        tuple(unseen),
        float((strangers[:, guilty] >= child).mean()),
        float((strangers[:, ~guilty] >= child).mean()),
    )


class _Rows(NamedTuple):
    worth: Array
    harmful: Array
    importance: Array


def _unseen(rows: _Rows, prior: Array, own: Flags, ids: Sequence[str]) -> tuple[Array, Array]:
    """Return the probability of each *own* page by a model that did not see it, as it is and as strangers' pages.

    Whoever wrote the pages knew the candidates. Of a stranger's page they know fewer words: so each is judged several
    times more, a part of the phrases, chosen by lot, taken away.
    """
    folds = np.array([zlib.crc32(one.encode()) % FOLDS for one in ids])
    lot = np.random.default_rng(FOLDS)
    unseen = np.zeros(len(ids))
    strangers = np.zeros((STRANGERS, len(ids)))
    for fold in range(FOLDS):
        out = own & (folds == fold)
        model = phrase_model.fit(rows.worth[~out], rows.harmful[~out], rows.importance[~out], prior)
        unseen[out] = model.probabilities(rows.worth[out])
        for turn in range(STRANGERS):
            known = lot.random((int(out.sum()), len(prior))) < KNOWN
            strangers[turn, out] = model.probabilities(rows.worth[out] * known)
    return unseen[own], strangers[:, own]


def _teaches(page: Page, category: str) -> bool:
    """Return whether it is sure what *page* is in the sense of *category*."""
    return page.category == category or not page.harmful or not overlap(page.category, category)


def _importance(page: Page, category: str) -> float:
    if not page.view.title:
        return _PUBLIC
    if page.category == category:
        return _OWN
    return _ORDINARY if page.category == ORDINARY else _OTHERS


def _threshold(found: Array, traps: Array, taught_traps: Array, harmless: Array) -> float:
    """Return the child's threshold: blocking no taught trap and few harmless texts, it does best on unseen pages.

    *found* and *traps* are own pages judged by models that did not see them; a wrong block counts as three missed.
    """
    least = _LEAST
    if len(taught_traps):
        least = max(least, float(taught_traps.max()) + 0.01)
    if len(harmless):
        least = max(least, float(np.quantile(harmless, 1 - WRONG_ON_HARMLESS)) + 0.01)
    steps = np.arange(min(least, _MOST), _MOST + 0.001, 0.01)
    costs = [3.0 * np.count_nonzero(traps >= step) + np.count_nonzero(found < step) for step in steps]
    best = np.flatnonzero(np.array(costs) == min(costs))
    return round(float(steps[best[len(best) // 4]]), 2)  # of equals a low one: harder pages are still found


def _weighed(phrases: Iterable[Phrase], weights: Array) -> Iterable[Phrase]:
    for phrase, weight in zip(phrases, weights, strict=True):
        if abs(weight) >= 0.05:
            yield Phrase(phrase.text, phrase.language, round(float(weight), 2), phrase.words)
