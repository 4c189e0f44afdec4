# SPDX-License-Identifier: GPL-3.0-or-later
"""When what is open already has to be judged again: no connection outlives its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta

from filterd.policy.model import Client

logger = logging.getLogger(__name__)

# A wall clock that was set leaves no trace but this: it and the monotonic one went different ways. Looked at while
# somebody is connected only.
_RECHECK_S = 3.0
_CLOCK_WAS_SET_S = 1.0


class Watch:
    """Calls *review* at the policy's boundaries for the *clients* there are, after a swap, and after a clock was set.

    *next_boundary* says when the verdicts for a client may next change after a moment; ``None``: never.
    """

    def __init__(
        self,
        clients: Callable[[], Iterable[Client]],
        next_boundary: Callable[[Client, datetime], datetime | None],
        review: Callable[[], Awaitable[None]],
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        recheck_s: float = _RECHECK_S,
    ) -> None:
        self._clients = clients
        self._next_boundary = next_boundary
        self._review = review
        self._clock = clock
        self._monotonic = monotonic
        self._recheck_s = recheck_s
        self._woken = asyncio.Event()
        self._swapped = False
        self._seen: frozenset[Client] = frozenset()

    def joined(self, client: Client) -> None:
        """Say that *client* has a connection: its next boundary may be the nearest."""
        if client not in self._seen:
            self._woken.set()

    def swapped(self) -> None:
        """Say that it is judged by something else from now on."""
        self._swapped = True
        self._woken.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            began, tick = self._clock(), self._monotonic()
            self._seen = frozenset(self._clients())
            boundary = self._nearest(began)
            await self._wait(began, boundary)
            now = self._clock()
            drift = (now - began).total_seconds() - (self._monotonic() - tick)
            if self._swapped or (boundary is not None and now >= boundary) or abs(drift) > _CLOCK_WAS_SET_S:
                self._swapped = False
                await self._review()

    def _nearest(self, began: datetime) -> datetime | None:
        try:
            found = (self._next_boundary(client, began) for client in self._seen)
            return min(filter(None, found), default=None)
        except Exception:
            logger.exception("the policy's next boundary is not known; what is open is judged again every few seconds")
            return began + timedelta(seconds=self._recheck_s)

    async def _wait(self, began: datetime, boundary: datetime | None) -> None:
        timeout: float | None = None  # nobody is there: nothing to look after
        if self._seen:
            timeout = self._recheck_s
            if boundary is not None:
                timeout = min(timeout, max(0.0, (boundary - began).total_seconds()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        self._woken.clear()
