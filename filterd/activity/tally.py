# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions that nobody keeps, told as numbers.

Control would count them and forget the name at once: then the name need not travel, and many are one message.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from filterd.activity.feed import Event, Sender, event_of
from filterd.activity.levels import may_keep
from filterd.policy.model import Block, Decision
from filterd.policy.profile import Record

_Kind = tuple[type, str, int, object]  # verdict, profile, stage, cause and category: few, whatever is asked for


class Tally:
    """Sends decisions on to *sender*, those that no profile's level in *levels* keeps as totals, when `tell` is called.

    *levels* may be exchanged at any time; a profile that is not in it keeps nothing.
    """

    def __init__(self, sender: Sender, levels: Mapping[str, Record]) -> None:
        self.levels = levels
        self._sender = sender
        self._counted: dict[_Kind, tuple[Decision, int]] = {}

    def send(self, decision: Decision, *, count: int = 1, when: datetime | None = None) -> None:
        """Take *decision*, carried out *count* times, *when* last; never waits."""
        verdict = decision.verdict
        level = self.levels.get(decision.profile, Record.NONE)
        if may_keep(level, blocked=isinstance(verdict, Block)):
            self._sender.send(decision, count=count, when=when)
            return
        reason = verdict.reason
        kind = (
            verdict.__class__, decision.profile, decision.request.stage, reason and (reason.cause, reason.category)
        )  # fmt: skip
        known = self._counted.get(kind)
        self._counted[kind] = (decision, count if known is None else known[1] + count)

    def tell(self) -> None:
        """Send the totals."""
        counted, self._counted = self._counted, {}
        for decision, count in counted.values():
            self._sender.send_event(_without_names(event_of(decision, count=count)))


def _without_names(event: Event) -> Event:
    """Return *event* as a total: of which name, and by which rule of which list, is not told."""
    return Event(
        action=event.action,
        profile=event.profile,
        host="",
        when=event.when,
        stage=event.stage,
        cause=event.cause,
        category=event.category,
        count=event.count,
    )
