# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of upstreams, kept as long as they hold.

What is kept is what the world says; verdicts are given anew for each question, so no change of policy needs to be
told here.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from filterd.dns.answer import Answer

_OVERHEAD = 700  # bytes that an entry takes beside its message, measured with tracemalloc and rounded up


class Question(NamedTuple):
    """What an upstream's answer depends on; *qname* is in lower case, on the wire."""

    qname: bytes
    qtype: int
    do: bool
    cd: bool


def uptime_s() -> float:
    """Return seconds that also pass while the machine sleeps: a laptop must not wake up with yesterday's answers."""
    return time.clock_gettime(_clock)


_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class AnswerCache:
    """The answers used last, within *max_bytes*."""

    def __init__(self, *, max_bytes: int = 16 << 20, now: Callable[[], float] = uptime_s) -> None:
        self._max_bytes = max_bytes
        self._now = now
        self._bytes = 0
        self._entries: OrderedDict[Question, tuple[Answer, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many answers are kept."""
        return len(self._entries)

    def get(self, question: Question) -> tuple[Answer, int] | None:
        """Return the answer to *question* that still holds and its age in seconds."""
        entry = self._entries.get(question)
        if entry is None:
            return None
        answer, since = entry
        age = self._now() - since
        if age >= answer.keep_s:
            self._drop(question)
            return None
        self._entries.move_to_end(question)
        return answer, int(age)

    def put(self, question: Question, answer: Answer) -> None:
        """Keep *answer* if it may be kept, in place of those used longest ago."""
        if answer.keep_s <= 0:
            return
        if question in self._entries:
            self._drop(question)
        self._entries[question] = (answer, self._now())
        self._bytes += _size(answer)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    def _drop(self, question: Question) -> None:
        answer, _ = self._entries.pop(question)
        self._bytes -= _size(answer)


def _size(answer: Answer) -> int:
    return len(answer.message) + _OVERHEAD
