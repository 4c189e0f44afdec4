# SPDX-License-Identifier: GPL-3.0-or-later
"""One upstream of several: how it has been, and how fast."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from filterd.dns import wire
from filterd.dns.upstream_spec import UpstreamError

logger = logging.getLogger(__name__)

MAX_BACK_OFF_S = 60.0
_MAX_DOUBLINGS = 10  # 2.0 ** 1024 is no number any more
_BUCKETS = 20
_BUCKETS_A_SECOND = 4096  # the first ends at 1/4096 s, each next is twice as long, the last holds what takes minutes
_WEIGHT = 1 / 8  # of a new measurement in the running mean, as TCP has it (RFC 6298)


class Upstream(Protocol):
    """One upstream, however it is reached."""

    def ask(self, question: bytes) -> Awaitable[bytes]:
        """Return the answer to *question*, a whole query whose id is of no account.

        Raises:
            UpstreamError: there is none; said after a time limit of its own, a few seconds.
        """

    async def close(self) -> None:
        """Let go of connections."""


class Latency:
    """How long answers took: a running mean, and how many took how long."""

    def __init__(self) -> None:
        self.mean_s = 0.0  # 0 where nothing was measured
        self._counts = [0] * _BUCKETS

    def add(self, seconds: float) -> None:
        """Take note of an answer that took *seconds*."""
        self.mean_s = self.mean_s + (seconds - self.mean_s) * _WEIGHT if self.mean_s else seconds
        self._counts[min(int(seconds * _BUCKETS_A_SECOND).bit_length(), _BUCKETS - 1)] += 1

    def within_s(self, share: float) -> float:
        """Return a time within which *share* of the answers came, at most twice too long; 0 where none did."""
        wanted, seen = share * sum(self._counts), 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return float(1 << bucket) / _BUCKETS_A_SECOND
        return 0.0


@dataclass(frozen=True, slots=True)
class UpstreamReport:
    """How an upstream is doing. *error* is what it failed with last, empty while it answers."""

    name: str
    asked: int
    failed: int
    up: bool
    mean_s: float
    median_s: float
    p95_s: float
    error: str = ""


class Member:
    """An upstream under its *name*, its health and its latency."""

    def __init__(self, name: str, upstream: Upstream, *, now: Callable[[], float]) -> None:
        self.name = name
        self.latency = Latency()
        self.failures = 0  # in a row
        self.retry_at = 0.0
        self.probing = False
        self._upstream = upstream
        self._now = now
        self._asked = 0
        self._failed = 0
        self._failed_at = 0.0
        self._error = ""

    async def ask(self, question: bytes) -> bytes:
        """Return the answer.

        Raises:
            UpstreamError: as the upstream's, with its name.
        """
        self._asked += 1
        started = self._now()
        try:
            answer = await self._upstream.ask(question)
            if answer[3] & 15 == wire.FORMERR and not answer[11]:
                # RFC 6891 §7: perhaps a server from before EDNS, such as live on in old routers.
                answer = await self._upstream.ask(wire.without_edns(question))
        except UpstreamError as error:
            self._note_failure(error, started)
            raise UpstreamError(f"{self.name}: {error}", ede=error.ede) from error
        if self.failures:
            logger.info("%s answers again", self.name)
            self.failures, self.retry_at, self._error = 0, 0.0, ""
        self.latency.add(self._now() - started)
        return answer

    async def close(self) -> None:
        """Let go of connections."""
        await self._upstream.close()

    def report(self) -> UpstreamReport:
        """Return how it is doing."""
        latency = self.latency
        return UpstreamReport(
            self.name, self._asked, self._failed, not self.failures,
            latency.mean_s, latency.within_s(0.5), latency.within_s(0.95), self._error,
        )  # fmt: skip

    def _note_failure(self, error: UpstreamError, started: float) -> None:
        if not self.failures:
            logger.warning("%s: %s; it is asked last until it answers", self.name, error)
        now = self._now()
        self._failed += 1
        self._error = str(error)
        self.latency.mean_s = max(self.latency.mean_s, now - started)
        if self.failures and started < self._failed_at:
            return  # asked before it was known to be ill: a hundred at once are one failure
        self.failures += 1
        self._failed_at = now
        self.retry_at = now + min(2.0 ** min(self.failures - 1, _MAX_DOUBLINGS), MAX_BACK_OFF_S)
