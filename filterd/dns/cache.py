# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of upstreams, kept as long as they hold, and a while longer for bad times (RFC 8767).

What is kept is what the world says; verdicts are given anew for each question, so no change of policy needs to be
told here.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from filterd.dns import wire
from filterd.dns.answer import MAX_KEEP_S, Answer

# Bytes that the parts of an entry take, measured with tracemalloc and rounded up.
_ENTRY = 750
_EACH_TTL = 110
_EACH_TARGET = 90
_EACH_ADDRESS = 50


WORDS_OF_THE_WORLD = frozenset({wire.NOERROR, wire.NXDOMAIN})


class Question(NamedTuple):
    """What an upstream's answer depends on; *qname* is in lower case, on the wire."""

    qname: bytes
    qtype: int
    do: bool
    cd: bool


# Seconds that also pass while the machine sleeps: a laptop must not wake up with yesterday's answers.
uptime_s = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long answers are kept.

    TTLs are raised to *min_ttl_s* and cut to *max_ttl_s*, "no" to *max_negative_s* (RFC 2308 §5); a TTL of 0 stays one:
    such an answer is for one question. *stale_s* is how long an answer is kept beyond its end, for when no upstream
    answers; 0 where never. *failure_s* is how long an upstream's "I could not" holds (RFC 9520 §3.2: 1 s at least).
    """

    min_ttl_s: int = 0
    max_ttl_s: int = MAX_KEEP_S
    max_negative_s: int = 3600
    stale_s: int = 86400
    failure_s: int = 2


class Kept:
    """An answer in the cache. It is fresh before *until*; *uses* counts who was given it."""

    __slots__ = ("answer", "retry_at", "since", "size", "until", "uses")

    def __init__(self, answer: Answer, *, since: float, size: int) -> None:
        self.answer = answer
        self.since = since
        self.until = since + answer.keep_s
        self.size = size
        self.uses = 0
        self.retry_at = 0.0  # before this an upstream that failed need not be asked again


class AnswerCache:
    """The answers used last, within *max_bytes* of memory."""

    def __init__(
        self, *, max_bytes: int = 16 << 20, keeping: Keeping | None = None, now: Callable[[], float] = uptime_s
    ) -> None:
        self.keeping = keeping or Keeping()
        self.now = now
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[Question, Kept] = OrderedDict()

    def __len__(self) -> int:
        """Return how many answers are kept."""
        return len(self._entries)

    @property
    def size(self) -> int:
        """Return how many bytes they take."""
        return self._bytes

    def find(self, question: Question) -> Kept | None:
        """Return the answer to *question*, fresh or stale."""
        kept = self._entries.get(question)
        if kept is None:
            return None
        if self.now() >= kept.until + (self.keeping.stale_s if is_word_of_the_world(kept.answer) else 0):
            self._drop(question)
            return None
        kept.uses += 1
        self._entries.move_to_end(question)
        return kept

    def put(self, question: Question, answer: Answer) -> Answer:
        """Keep *answer* if it may be kept, in place of those used longest ago; return it with the TTLs to tell."""
        answer = self._limit(answer)
        entries = self._entries
        before = entries.pop(question, None)
        if before is not None:
            self._bytes -= before.size
        if answer.keep_s <= 0:
            return answer
        size = _size(question, answer)
        entries[question] = Kept(answer, since=self.now(), size=size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))
        return answer

    def note_uses(self, question: Question, uses: int) -> None:
        """Take note that the answer to *question*, if it is kept, was given *uses* times without being found here."""
        kept = self._entries.get(question)
        if kept is not None:
            kept.uses += uses

    def postpone(self, question: Question, delay_s: float) -> bool:
        """Take note that an upstream failed to say anew what is kept; return whether anything is."""
        kept = self._entries.get(question)
        if kept is None or not is_word_of_the_world(kept.answer):
            return False
        kept.retry_at = self.now() + delay_s
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    def _limit(self, answer: Answer) -> Answer:
        keeping = self.keeping
        if answer.rcode not in WORDS_OF_THE_WORLD:
            return answer._replace(keep_s=keeping.failure_s)
        if not answer.keep_s:
            return answer
        least, most = keeping.min_ttl_s, keeping.max_ttl_s
        if answer.rcode == wire.NXDOMAIN or answer.message[6:8] == b"\0\0":
            most = min(most, keeping.max_negative_s)
        for _, ttl in answer.ttls:
            if not least <= ttl <= most:
                ttls = tuple((at, max(least, min(ttl, most))) for at, ttl in answer.ttls)
                return answer._replace(ttls=ttls, keep_s=max(least, min(answer.keep_s, most)))
        return answer

    def _drop(self, question: Question) -> None:
        self._bytes -= self._entries.pop(question).size


def is_word_of_the_world(answer: Answer) -> bool:
    """Return whether *answer* says what is, and not that an upstream could not say."""
    return answer.rcode in WORDS_OF_THE_WORLD


def _size(question: Question, answer: Answer) -> int:
    size = _ENTRY + len(question.qname) + len(answer.message) + len(answer.errors)
    return size + _EACH_TTL * len(answer.ttls) + _EACH_TARGET * len(answer.targets) + _EACH_ADDRESS * len(answer.packed)
