# SPDX-License-Identifier: GPL-3.0-or-later
"""From names to weights: one category's model, cleaned of wrong labels and set to a threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from categories.learning import hostmodel
from categories.learning.hostdata import Names, one_a_site, part_of, site
from categories.learning.hostmodel import Array, Model, Rows, Vocabulary
from filterd.policy.hostweights import MAX_GRAM_WEIGHT, UNIT

np: Any = hostmodel.np

BACKGROUND = 0.55  # the share of the popular names that is used: more of them changed nothing
OTHERS = {"malware": 21_000, "anonymizers": 15_000, "gambling": 13_000, "pornography": 13_000, "drugs": 5_000}
# Dating and pornography, gambling and drugs are often told apart by nobody: such names teach neither.
KIN = {"dating": {"pornography"}, "pornography": {"dating"}}

# Labels are wrong here and there. A harmful name that a model without it finds harmless teaches less.
UNLIKELY_HARMFUL, DOUBTFUL_IMPORTANCE = -2.0, 0.2


@dataclass(frozen=True, slots=True)
class Caution:
    """How much a category may err. The shares of all categories together stay below one in a thousand.

    *must_allow* and *popular* are the shares of held-out must-allow and popular names that may stand above the
    threshold; a popular name above *unlisted* (log-odds, by a model without it) counts as a harmful site that no list
    knows, and teaches nothing. Gambling sites of that kind are many, love and surfing have many friends.
    """

    must_allow: float
    popular: float
    unlisted: float


CAUTION = {
    "pornography": Caution(must_allow=0.0007, popular=0.0015, unlisted=3.0),
    "gambling": Caution(must_allow=0.0002, popular=0.003, unlisted=1.5),
    "dating": Caution(must_allow=0.0002, popular=0.0005, unlisted=3.0),
    "anonymizers": Caution(must_allow=0.0002, popular=0.0002, unlisted=5.0),
}
LEAST_THRESHOLD = -2.0  # log-odds: harmful names are rarer among a child's than among those learned from


@dataclass(frozen=True, slots=True)
class Group:
    """Names of one kind in a training."""

    kind: str
    hosts: Sequence[str]
    importance: float = 1.0


@dataclass(frozen=True, slots=True)
class Learned:
    """A category's weights in thousandths of its threshold, and what they were learned from."""

    category: str
    weights: dict[str, int]
    counts: dict[str, int]  # kind of names -> how many
    threshold: float  # as a log-odds


def train(
    names: Names,
    category: str,
    *,
    without: frozenset[str] = frozenset(),
    spare: Callable[[str], bool] = lambda _: False,
) -> Learned:
    """Return the weights of *category*, learned without the sources *without* and the harmless names *spare* picks."""
    groups = _groups(names, category, without=without, spare=spare)
    hosts = [host for group in groups for host in group.hosts]
    kinds = np.repeat(np.arange(len(groups)), [len(group.hosts) for group in groups])
    importance = np.repeat([group.importance for group in groups], [len(group.hosts) for group in groups])
    harmful = kinds == 0
    may_err = np.isin(kinds, [at for at, group in enumerate(groups) if group.kind in ("background", "others")])
    vocabulary = hostmodel.learn_vocabulary(hosts)
    rows = hostmodel.rows_of(hosts, vocabulary)
    halves = np.array([part_of(host, 4) % 2 for host in hosts])

    unseen = _cross_scores(rows, harmful, importance, halves)
    importance[harmful & (unseen < UNLIKELY_HARMFUL)] *= DOUBTFUL_IMPORTANCE
    importance[may_err & (unseen > CAUTION[category].unlisted)] = 0
    unseen = _cross_scores(rows, harmful, importance, halves)
    model = hostmodel.fit(rows, harmful, importance)
    trusted = importance > 0
    by_kind = {group.kind: unseen[(kinds == at) & trusted] for at, group in enumerate(groups)}
    threshold = _threshold(category, by_kind)
    counts = {group.kind: len(group.hosts) for group in groups}
    return Learned(category, _table(vocabulary, model, threshold), counts, threshold)


def _groups(names: Names, category: str, *, without: frozenset[str], spare: Callable[[str], bool]) -> list[Group]:
    """Return the names to learn from, the harmful first."""
    chosen = [row for row in names.harmful if row.category == category]
    harmful = list(one_a_site(row.host for row in chosen if not row.sources & without))
    # What only the spared sources say is harmful must not be taught as harmless by another label.
    taken = {site(row.host) for row in chosen}
    others: list[str] = []
    for other, most in OTHERS.items():
        if other != category and other not in KIN.get(category, ()):
            hosts = one_a_site(row.host for row in names.harmful if row.category == other)
            others += islice((host for host in hosts if site(host) not in taken), most)
    return [
        Group("harmful", harmful),
        Group("must_allow", [host for host in names.must_allow if not spare(host)], 2.0),
        Group("traps", [host for host in names.traps if not spare(host)], 5.0),
        Group("background", [host for host in names.background if part_of(host, 100) < 100 * BACKGROUND]),
        Group("others", others),
        Group("taught", names.taught, 2.0),
        Group("words", names.words, 0.5),
        Group("popular", [host for host in names.popular + names.paraguay if site(host) not in taken], 5.0),
    ]


def _cross_scores(rows: Rows, harmful: Array, importance: Array, halves: Array) -> Array:
    """Return each row's score by a model that did not see it."""
    scores = np.zeros(len(rows))
    for half in (0, 1):
        seen = (halves != half) & (importance > 0)
        model = hostmodel.fit(rows.take(seen), harmful[seen], importance[seen], rounds=hostmodel.ROUNDS // 2)
        scores[halves == half] = model.scores(rows.take(halves == half))
    return scores


def _threshold(category: str, scores: dict[str, Array]) -> float:
    """Return the log-odds from which on a name counts as harmful."""
    must_stay = np.concatenate((scores["must_allow"], scores["traps"]))
    return float(
        max(
            LEAST_THRESHOLD,
            np.quantile(must_stay, 1 - CAUTION[category].must_allow),
            np.quantile(scores["background"], 1 - CAUTION[category].popular),
        )
    )


def _table(vocabulary: Vocabulary, model: Model, threshold: float) -> dict[str, int]:
    """Return the weights scaled so that UNIT is the threshold; what rounds to nothing is left out."""
    scaled = (
        np.rint(model.weights * UNIT / (threshold - model.intercept))
        .astype(int)
        .clip(-MAX_GRAM_WEIGHT, MAX_GRAM_WEIGHT)
    )
    return {gram: int(weight) for gram, weight in zip(vocabulary.grams(), scaled, strict=True) if weight}
