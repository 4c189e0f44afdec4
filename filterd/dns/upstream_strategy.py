# SPDX-License-Identifier: GPL-3.0-or-later
"""Which upstream is asked first."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Sequence
from typing import Any

from filterd.dns.upstream_member import Member

RACE_EVERY = 32  # questions: how often the second best is asked too, to see whether it has become the best
_LATE = 3  # times its mean: then the fastest is slow today
_LEAST_LATE_S, _MOST_LATE_S = 0.02, 0.5


class Strategy(enum.StrEnum):
    """How questions are shared among upstreams that are well."""

    IN_ORDER = "in-order"  # the first, while it answers
    FASTEST = "fastest"  # the one that answered fastest lately; the next joins in when it is late
    ROUND_ROBIN = "round-robin"  # each in turn


def order(members: Sequence[Member], strategy: Strategy, *, turn: int) -> Sequence[Member]:
    """Return *members* in the order to ask them for question number *turn*."""
    match strategy:
        case Strategy.IN_ORDER:
            return members
        case Strategy.ROUND_ROBIN:
            first = turn % len(members)
            return [*members[first:], *members[:first]]
        case Strategy.FASTEST:
            # What was never measured comes first, once.
            ranked = sorted(members, key=lambda member: member.latency.mean_s)
            if len(ranked) > 2 and turn % RACE_EVERY == 0:
                # Each of the slower ones gets its chance to be seen.
                ranked.insert(1, ranked.pop(1 + turn // RACE_EVERY % (len(ranked) - 1)))
            return ranked


def late_after_s(member: Member, *, turn: int) -> float:
    """Return after how many seconds the next one is asked too, where *member* is the fastest."""
    if turn % RACE_EVERY == 0:
        return 0.0
    return min(max(_LATE * member.latency.mean_s, _LEAST_LATE_S), _MOST_LATE_S)


async def race(
    first: Member,
    second: Member,
    question: bytes,
    *,
    late_s: float,
    declines: Callable[[bytes], bool],
    leave: Callable[[asyncio.Task[Any]], None],
) -> bytes:
    """Return the answer of *first*, or of *second* where that is earlier; it is asked *late_s* after the first.

    An answer that *declines* counts only where both do. Who loses goes on, so that its time is known: it is handed to
    *leave*.

    Raises:
        UpstreamError: neither answers.
    """
    loop = asyncio.get_running_loop()
    tasks = [asyncio.Task(first.ask(question), loop=loop, eager_start=True)]
    try:
        if late_s:
            await asyncio.wait(tasks, timeout=late_s)
            if _is_good(tasks[0], declines):
                return tasks[0].result()
        tasks.append(asyncio.Task(second.ask(question), loop=loop, eager_start=True))
        pending = set(tasks)
        while pending:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if _is_good(task, declines):
                    return task.result()
    finally:
        for task in tasks:
            if not task.done():
                leave(task)
    answered = next((task for task in tasks if task.exception() is None), tasks[0])
    return answered.result()


def _is_good(task: asyncio.Task[bytes], declines: Callable[[bytes], bool]) -> bool:
    return task.done() and task.exception() is None and not declines(task.result())
