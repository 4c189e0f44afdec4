# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to which nobody had an answer a moment ago (RFC 9520)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from filterd.dns.cache import Question
from filterd.dns.upstream_spec import UpstreamError

MAX_KEPT = 2000


class _Failure(NamedTuple):
    why: str
    ede: int
    until: float


class RecentFailures:
    """Failures, each remembered for *keep_s*; the oldest make room."""

    def __init__(self, *, keep_s: float, now: Callable[[], float]) -> None:
        self._keep_s = keep_s
        self._now = now
        self._failures: dict[Question, _Failure] = {}  # oldest first

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._failures)

    def find(self, question: Question) -> UpstreamError | None:
        """Return how *question* failed a moment ago, ``None`` where it did not."""
        failure = self._failures.get(question)
        if failure is None:
            return None
        if self._now() >= failure.until:
            del self._failures[question]
            return None
        return UpstreamError(failure.why, ede=failure.ede)

    def add(self, question: Question, error: UpstreamError) -> None:
        """Remember that *question* failed with *error*: its words, for the exception itself holds on to its callers."""
        self._failures.pop(question, None)
        while len(self._failures) >= MAX_KEPT:
            del self._failures[next(iter(self._failures))]
        self._failures[question] = _Failure(str(error), error.ede, self._now() + self._keep_s)

    def clear(self) -> None:
        """Forget them."""
        self._failures.clear()
