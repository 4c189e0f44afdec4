# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon keeps its lists fresh: daily, by a child process that gives its memory back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filterd.assembly import Assembly
from filterd.lists.metered import is_metered
from filterd.lists.schedule import Plan, plan

logger = logging.getLogger(__name__)

_NICE = 10  # nobody waits for it
_UPDATE_WITHIN_S = 3600.0

Start = Callable[[Sequence[str]], Awaitable[None]]


class Updates:
    """Decides when which list is due, and has it updated."""

    def __init__(
        self,
        start: Start,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        metered: Callable[[], bool] = is_metered,
        jitter: float | None = None,
    ) -> None:
        """Keep *start*, which updates the lists of the ids it is given; *jitter* is drawn once, from 0 to 1."""
        self._start = start
        self._clock = clock
        self._metered = metered
        self._jitter = random.random() if jitter is None else jitter  # noqa: S311 (spreads load; guards nothing)
        self._woken = asyncio.Event()
        self._asked = False
        self.waits_for_unmetered = False

    def wake(self) -> None:
        """Look again: subscriptions may have changed."""
        self._woken.set()

    def update_all(self) -> None:
        """Update every list now, due or not, paid by volume or not: the adult asked."""
        self._asked = True
        self._woken.set()

    async def run(self, assembly: Callable[[], Assembly]) -> None:
        """Keep the lists of the current *assembly* fresh until cancelled."""
        starting = True
        while True:
            decided = await self._decide(assembly(), starting=starting)
            starting = False
            due = decided.due
            if self._asked:
                self._asked, due = False, tuple(subscription.id for subscription in assembly().subscriptions())
            if due:
                logger.info("updating %s", ", ".join(due))
                await self._start(due)
            await self._sleep_until(decided.look_again)

    async def _decide(self, assembly: Assembly, *, starting: bool) -> Plan:
        updates = assembly.settings.updates
        wanted = assembly.subscriptions() if updates.automatic else []
        known = {subscription.id: assembly.lists.read_meta(subscription.id) for subscription in wanted}
        metered = bool(known) and not updates.on_metered and await asyncio.to_thread(self._metered)
        decided = plan(known, self._clock(), metered=metered, jitter=self._jitter, starting=starting)
        self.waits_for_unmetered = decided.metered
        return decided

    async def _sleep_until(self, when: datetime) -> None:
        self._woken.clear()
        if self._asked:
            return
        wait_s = max(1.0, (when - self._clock()).total_seconds())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), wait_s)


def update_by_command(command: Sequence[str], config: Path | None) -> Start:
    """Return what updates lists with our own *command*; its output goes where ours goes."""

    async def start(ids: Sequence[str]) -> None:
        chosen = ["--config", str(config)] if config else []
        process = await asyncio.create_subprocess_exec(
            *command, "lists", "update", "--quiet", *chosen, *ids, stdin=asyncio.subprocess.DEVNULL
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        try:
            async with asyncio.timeout(_UPDATE_WITHIN_S):
                await process.wait()
        except TimeoutError:
            logger.warning("the update took longer than an hour and was stopped")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()

    return start
