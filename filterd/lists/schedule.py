# SPDX-License-Identifier: GPL-3.0-or-later
"""When the daemon updates which list: decided here, done elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from filterd.lists.model import Meta, State

DAILY = timedelta(days=1)
JITTER = timedelta(hours=2)  # so that not every machine in the country asks the same server at once
START_JITTER = timedelta(minutes=2)  # nor those that a school turns on together
FIRST_RETRY = timedelta(minutes=15)
FIRST_RETRY_REFUSED = timedelta(hours=6)  # it came whole and was no good: it will not be better in a quarter of an hour
METERED_LOOK = timedelta(hours=1)
LONGEST_SLEEP = timedelta(hours=6)  # clocks are set and laptops sleep: look again now and then


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now and when to plan again: after the update, but not before *look_again*."""

    due: tuple[str, ...]  # subscriptions to update now
    look_again: datetime
    metered: bool = False  # something is due, but the link is paid by volume


def plan(
    subscriptions: Mapping[str, Meta | None], now: datetime, *, metered: bool, jitter: float, starting: bool = False
) -> Plan:
    """Return what is due of *subscriptions*, each with how it stands (``None``: never tried).

    Args:
        subscriptions: by id.
        now: aware.
        metered: the link is paid by volume: nothing is fetched.
        jitter: from 0 to 1, drawn once by each daemon.
        starting: the daemon has just begun: what is overdue waits a moment, a different one on each machine.
    """
    due_at = {name: next_try(meta, now, jitter=jitter) for name, meta in subscriptions.items()}
    due = tuple(sorted(name for name, at in due_at.items() if at <= now))
    if due and metered:
        return Plan((), now + METERED_LOOK, metered=True)
    if due and starting:
        return Plan((), now + jitter * START_JITTER)
    following = min((at for at in due_at.values() if at > now), default=now + LONGEST_SLEEP)
    # Where something is due its next try is not known yet; a full disk must not make it a busy loop.
    longest = FIRST_RETRY if due else LONGEST_SLEEP
    return Plan(due, min(following, now + longest))


def next_try(meta: Meta | None, now: datetime, *, jitter: float) -> datetime:
    """Return when the subscription of *meta* is to be tried next; not after *now*: at once."""
    if meta is None or meta.checked is None or meta.checked > now + JITTER:  # the clock has been set back
        return now
    if meta.failures:
        first = FIRST_RETRY_REFUSED if meta.state is State.REFUSED else FIRST_RETRY
        doublings = min(meta.failures - 1, 20)
        wait = min(first * (1 << doublings), DAILY)
        return meta.checked + wait + jitter * wait / 10
    return meta.checked + DAILY + jitter * JITTER
