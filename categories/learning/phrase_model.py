# SPDX-License-Identifier: GPL-3.0-or-later
"""Logistic regression that begins at weights given by hand and leaves them only as far as the pages ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

PULL = 1.0  # how strongly a weight is held to the one given by hand
BIAS = -4.0  # what a page without any phrase has: two or three sure phrases are needed
BIAS_PULL = 20.0  # the phrases shall learn, not the bias: it would make one word enough
MOST = 4.0  # times its own hand weight, or at least 1, a phrase may reach
_ROUNDS = 150


@dataclass(frozen=True, slots=True)
class Fitted:
    """Learned weights of the phrases, in their order, and the bias."""

    weights: Array
    bias: float

    def probabilities(self, worth: Array) -> Array:
        """Return the probability of each row of *worth*, the damped counts of the phrases in a page."""
        return _logistic(worth @ self.weights + self.bias)


def fit(worth: Array, harmful: Array, importance: Array, prior: Array) -> Fitted:
    """Return the weights that tell the *harmful* rows (1) of *worth* from the others (0).

    The log-loss of the rows, times *importance*, plus the squared distance from *prior*, is made least by accelerated
    projected gradient descent (FISTA). A weight never changes its sign: what sells a thing does not argue against it.
    """
    seen = np.flatnonzero(worth.any(axis=0))  # what stands in no page keeps its hand weight
    rows = np.column_stack((worth[:, seen], np.ones(len(worth))))
    start = np.append(prior[seen], BIAS)
    pull = np.append(np.full(len(seen), PULL), BIAS_PULL)
    bound = MOST * np.maximum(np.abs(start), 0.25)
    low = np.where(start > 0, 0.0, -bound)
    high = np.where(start > 0, bound, 0.0)
    step = 1.0 / (_curvature(rows, importance) + pull.max())
    weights, ahead, momentum = start.copy(), start.copy(), 1.0
    for _ in range(_ROUNDS):
        errors = importance * (_logistic(rows @ ahead) - harmful)
        gradient = rows.T @ errors + pull * (ahead - start)
        moved = np.clip(ahead - step * gradient, low, high)
        faster = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + (momentum - 1.0) / faster * (moved - weights)
        weights, momentum = moved, faster
    learned = prior.copy()
    learned[seen] = weights[:-1]
    return Fitted(learned, float(weights[-1]))


def _curvature(rows: Array, importance: Array) -> float:
    """Return an upper bound of the largest eigenvalue of the loss's second derivative, by power iteration."""
    vector = np.ones(rows.shape[1]) / np.sqrt(rows.shape[1])
    size = 1.0
    for _ in range(30):
        vector = rows.T @ (importance * (rows @ vector))
        size = float(np.linalg.norm(vector)) or 1.0
        vector /= size
    return 0.25 * size * 1.05


def _logistic(logits: Array) -> Array:
    clipped: Array = np.clip(logits, -30.0, 30.0)
    return 1.0 / (1.0 + np.exp(-clipped))
