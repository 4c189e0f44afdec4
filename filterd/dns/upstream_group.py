# SPDX-License-Identifier: GPL-3.0-or-later
"""Several upstreams for the same names: one is asked, the next one when it fails, a dead one last."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from filterd.dns import wire
from filterd.dns.blocking import NO_REACHABLE_AUTHORITY
from filterd.dns.errands import become_task
from filterd.dns.upstream_member import Member, Upstream, UpstreamReport
from filterd.dns.upstream_spec import UpstreamError
from filterd.dns.upstream_strategy import Strategy, late_after_s, order, race

DEADLINE_S = 4.0  # glibc and dig ask again after 5
ROUNDS = 3
MAX_LEFT_ALONE = 64  # questions whose answer is only measured

# Answers that say "not from me": another upstream may know better. If none does, they are what the client gets.
_TRY_NEXT = frozenset({wire.SERVFAIL, wire.NOTIMP, wire.REFUSED, wire.FORMERR})


class UpstreamGroup:
    """Upstreams with one deadline for a question. *members* are names for the log and upstreams, in order."""

    def __init__(
        self,
        members: Sequence[tuple[str, Upstream]],
        *,
        strategy: Strategy = Strategy.IN_ORDER,
        deadline_s: float = DEADLINE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if not members:
            raise ValueError("no upstream: name at least one in [dns] upstreams")
        self._members = [Member(name, upstream, now=now) for name, upstream in members]
        self._strategy = strategy
        self._deadline_s = deadline_s
        self._now = now
        self._turn = 0
        self._left_alone: set[asyncio.Task[Any]] = set()

    async def ask(self, question: bytes) -> bytes:
        """Return the answer of the first upstream that gives one.

        Raises:
            UpstreamError: none does before the deadline.
        """
        started = self._now()
        members = self._in_order(question)
        # The usual case, without a timer: an upstream ends its own attempt well before the deadline.
        failure: UpstreamError | None = None
        declined: bytes | None = None
        try:
            if self._strategy is Strategy.FASTEST and len(members) > 1 and not members[1].failures:
                answer = await self._race(members, question)
            else:
                answer = await members[0].ask(question)
            if not declines(answer):
                return answer
            declined = answer
        except UpstreamError as error:
            failure = error
        return await self._ask_on(members, question, failure, declined, until=started + self._deadline_s)

    def report(self) -> list[UpstreamReport]:
        """Return how each upstream is doing."""
        return [member.report() for member in self._members]

    async def close(self) -> None:
        """Let go of all connections."""
        for task in self._left_alone:
            task.cancel()
        for member in self._members:
            await member.close()

    async def _race(self, members: Sequence[Member], question: bytes) -> bytes:
        first, second = members[:2]
        late_s = late_after_s(first, turn=self._turn)
        return await race(first, second, question, late_s=late_s, declines=declines, leave=self._leave)

    async def _ask_on(
        self,
        members: Sequence[Member],
        question: bytes,
        failure: UpstreamError | None,
        declined: bytes | None,
        *,
        until: float,
    ) -> bytes:
        """Ask the others, then all of them again, until one answers; the first of *members* was asked."""
        await become_task()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - self._now()):
                for member in [*members[1:], *itertools.chain.from_iterable([members] * (ROUNDS - 1))]:
                    if declined and member is members[0]:
                        break  # who declines once declines again
                    try:
                        answer = await member.ask(question)
                    except UpstreamError as error:
                        failure = error
                        continue
                    if not declines(answer):
                        return answer
                    declined = declined or answer
        if declined:
            return declined
        raise failure or UpstreamError("no upstream answers in time", ede=NO_REACHABLE_AUTHORITY)

    def _in_order(self, question: bytes) -> Sequence[Member]:
        self._turn += 1
        members = self._members
        if len(members) == 1:
            return members
        well = [member for member in members if not member.failures]
        if not well:
            # All are dead, or the line is: the one to be tried soonest is first.
            return sorted(members, key=lambda member: member.retry_at)
        well_ordered = order(well, self._strategy, turn=self._turn)
        if len(well) == len(members):
            return well_ordered
        ill = [member for member in members if member.failures]
        for member in ill:
            self._probe(member, question)
        return [*well_ordered, *ill]

    def _probe(self, member: Member, question: bytes) -> None:
        """Ask *member*, which failed, when its time has come: no client waits to see whether it is back."""
        if member.probing or self._now() < member.retry_at:
            return
        member.probing = True

        async def probe() -> None:
            try:
                with contextlib.suppress(UpstreamError):
                    await member.ask(question)
            finally:
                member.probing = False

        self._leave(asyncio.get_running_loop().create_task(probe()))

    def _leave(self, task: asyncio.Task[Any]) -> None:
        if len(self._left_alone) >= MAX_LEFT_ALONE:
            task.cancel()
            return
        self._left_alone.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left_alone.discard(task)
        if not task.cancelled():
            task.exception()  # its member has taken note of it


def declines(answer: bytes) -> bool:
    """Return whether *answer* says "not from me"."""
    return answer[3] & 15 in _TRY_NEXT
