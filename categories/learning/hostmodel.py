# SPDX-License-Identifier: GPL-3.0-or-later
"""A linear model over the n-grams of host names: logistic regression, fitted with numpy alone.

numpy is no dependency of the project: only who learns or measures needs it (``pip install numpy``).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from filterd.policy.hosttext import host_text

np: Any = importlib.import_module("numpy")
Array = Any  # numpy's types cannot be named where numpy may be missing

SHORTEST, LONGEST = 3, 7  # of the n-grams, START and END counted; 2-6 and 3-9 were no better
RARE = 4  # an n-gram that fewer hosts hold says nothing
STRENGTH = 0.1  # of the data against the regularisation
ROUNDS = 50
_STEPS_KEPT = 10


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The n-grams that features stand for: up to eight letters in a 64-bit number each, sorted."""

    codes: Array

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.codes)

    def grams(self) -> list[str]:
        """Return the n-grams as text, in the order of the features."""
        return [int(code).to_bytes(8).lstrip(b"\0").decode("ascii") for code in self.codes]


@dataclass(frozen=True, slots=True)
class Rows:
    """Hosts as features: a sparse matrix of ones, row by row (an n-gram that stands twice counts twice)."""

    columns: Array
    starts: Array
    width: int

    def __len__(self) -> int:
        """Return how many hosts there are."""
        return len(self.starts) - 1

    def scores(self, weights: Array) -> Array:
        """Return the sum of *weights* over each row's features."""
        sums = np.concatenate(([0.0], np.cumsum(weights[self.columns], dtype=np.float64)))
        return sums[self.starts[1:]] - sums[self.starts[:-1]]

    def gather(self, amounts: Array) -> Array:
        """Return the sum of *amounts* (one a row) over each feature's rows."""
        each = np.repeat(amounts, np.diff(self.starts))
        return np.bincount(self.columns, weights=each, minlength=self.width)

    def take(self, chosen: Array) -> Rows:
        """Return the rows where the mask *chosen* is true."""
        lengths = np.diff(self.starts)
        columns = self.columns[np.repeat(chosen, lengths)]
        return Rows(columns, np.concatenate(([0], np.cumsum(lengths[chosen]))), self.width)


@dataclass(frozen=True, slots=True)
class Model:
    """Weights and intercept; a host's score is a log-odds."""

    weights: Array
    intercept: float

    def scores(self, rows: Rows) -> Array:
        """Return the score of each of *rows*."""
        return rows.scores(self.weights) + self.intercept


def learn_vocabulary(hosts: Sequence[str]) -> Vocabulary:
    """Return the n-grams that at least RARE of *hosts* hold."""
    kept = []
    for length in range(SHORTEST, LONGEST + 1):
        codes, counts = np.unique(_codes(hosts, length)[0], return_counts=True)
        kept.append(codes[counts >= RARE])
    return Vocabulary(np.sort(np.concatenate(kept)))


def rows_of(hosts: Sequence[str], vocabulary: Vocabulary) -> Rows:
    """Return *hosts* as rows of *vocabulary*'s features."""
    columns, owners = [], []
    for length in range(SHORTEST, LONGEST + 1):
        codes, owner = _codes(hosts, length)
        at = np.searchsorted(vocabulary.codes, codes).clip(max=len(vocabulary) - 1)
        known = vocabulary.codes[at] == codes
        columns.append(at[known].astype(np.int32))
        owners.append(owner[known])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(hosts)))))
    return Rows(np.concatenate(columns)[order], starts, len(vocabulary))


def fit(rows: Rows, harmful: Array, importance: Array, rounds: int = ROUNDS) -> Model:
    """Return the model that tells the rows marked *harmful* from the others; *importance* is each row's weight."""
    scale = _telling(rows, harmful)
    sign = np.where(harmful, 1.0, -1.0)

    def loss(point: Array) -> tuple[float, Array]:
        margin = sign * (rows.scores((point[:-1] * scale).astype(np.float32)) + point[-1])
        pull = -sign * importance / (1.0 + np.exp(np.clip(margin, -30, 30)))
        slope = STRENGTH * scale * rows.gather(pull) + point[:-1]
        value = STRENGTH * np.dot(importance, np.logaddexp(0, -margin)) + 0.5 * np.dot(point[:-1], point[:-1])
        return value, np.append(slope, STRENGTH * pull.sum())

    best = _minimise(loss, np.zeros(rows.width + 1), rounds)
    return Model((best[:-1] * scale).astype(np.float32), float(best[-1]))


def _telling(rows: Rows, harmful: Array) -> Array:
    """Return how much each n-gram tells by itself (naive Bayes' log-ratio): the fit may trust those more easily."""
    bad, good = rows.gather(harmful.astype(float)), rows.gather((~harmful).astype(float))
    share = (~harmful).sum() / harmful.sum()
    return np.abs(np.log((bad + 1) / harmful.sum()) - np.log((good + share) / (~harmful).sum()))


def _minimise(loss: Callable[[Array], tuple[float, Array]], point: Array, rounds: int) -> Array:
    """Return the point of least *loss* (L-BFGS, Nocedal & Wright §7.2, with a backtracking line search)."""
    value, slope = loss(point)
    moves: list[tuple[Array, Array]] = []
    for _ in range(rounds):
        direction = _descent(slope, moves)
        step, fall = 1.0 if moves else 1.0 / (1e-9 + np.linalg.norm(slope)), np.dot(direction, slope)
        for _try in range(20):
            there = point + step * direction
            new_value, new_slope = loss(there)
            if new_value <= value + 1e-4 * step * fall:
                break
            step *= 0.5
        else:
            return point
        moved, turned = there - point, new_slope - slope
        if np.dot(moved, turned) > 1e-12:
            moves = [*moves[-_STEPS_KEPT:], (moved, turned)]
        gain = value - new_value
        point, value, slope = there, new_value, new_slope
        if gain < 1e-6 * abs(value):
            break
    return point


def _descent(slope: Array, moves: Sequence[tuple[Array, Array]]) -> Array:
    direction, shares = -slope, []
    for moved, turned in reversed(moves):
        share = np.dot(moved, direction) / np.dot(moved, turned)
        shares.append(share)
        direction = direction - share * turned
    if moves:
        moved, turned = moves[-1]
        direction = direction * (np.dot(moved, turned) / np.dot(turned, turned))
    for (moved, turned), share in zip(moves, reversed(shares), strict=True):
        direction = direction + (share - np.dot(turned, direction) / np.dot(moved, turned)) * moved
    return direction


def _codes(hosts: Iterable[str], length: int) -> tuple[Array, Array]:
    """Return every n-gram of *length* in *hosts*: its code and the number of its host."""
    texts = [host_text(host).encode("ascii", "replace") for host in hosts]
    letters = np.frombuffer(b"\0".join(texts) + b"\0" * length, np.uint8)
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts]).astype(np.int64)
    codes = np.zeros(len(owner), np.uint64)
    whole = np.ones(len(owner), bool)
    for place in range(length):
        here = letters[place : place + len(owner)]
        codes = (codes << np.uint64(8)) | here
        whole &= (here != 0) & (here != ord("?"))  # within one host, of ASCII letters
    return codes[whole], owner[whole]
