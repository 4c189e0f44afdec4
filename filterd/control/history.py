# SPDX-License-Identifier: GPL-3.0-or-later
"""The activity as the adult asks for it: search, counts, a table, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from starlette.responses import Response

from filterd.activity.query import Search
from filterd.activity.recorder import Recorder
from filterd.activity.store import ActivityStore
from filterd.activity.table import to_csv
from filterd.control.audit import AuditError, AuditLog
from filterd.control.calls import ApiError, Call
from filterd.control.messages import Activity, ActivityEvent, ActivityTotal, ActivityTotals, Done, Purge

MAX_PAGE = 1000
MAX_TABLE = 1_000_000
FILTERS = {
    "text": "part of a host",
    "profile": "a profile",
    "action": "allow, block or rewrite",
    "category": "a category",
    "since": "seconds since the epoch",
    "until": "seconds since the epoch, excluded",
    "before_id": "the page that follows this event",
    "limit": f"how many, at most {MAX_PAGE}",
}


class History:
    """One look or change at a time, in a thread: the loop takes decisions in meanwhile."""

    def __init__(
        self,
        store: ActivityStore,
        recorder: Recorder,
        audit: AuditLog,
        *,
        retention_days: Callable[[], int],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._audit = audit
        self._retention_days = retention_days
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def search(self, call: Call) -> Activity:
        """Return the events that the query describes."""
        wanted = _search(call.query, most=MAX_PAGE)
        await self.write()
        found = await self._in_thread(lambda: self._store.search(wanted))
        events = [
            ActivityEvent(
                id=f.id, at=f.at, host=f.host, profile=f.profile, action=f.action, category=f.category, cause=f.cause,
                rule=f.rule, list=f.list, count=f.times,
            )
            for f in found
        ]  # fmt: skip
        return Activity(events=events, problem=self._store.problem)

    async def totals(self, call: Call) -> ActivityTotals:
        """Return the counts by hour; of the last week where no time is given."""
        now = self._clock().timestamp()
        since, until = (_number(call.query, key) for key in ("since", "until"))
        await self.write()
        found = await self._in_thread(
            lambda: self._store.totals(
                since=now - 7 * 86400 if since is None else since, until=now + 1 if until is None else until
            )
        )
        return ActivityTotals(
            totals=[
                ActivityTotal(hour=t.hour, profile=t.profile, action=t.action, category=t.category, count=t.times)
                for t in found
            ]
        )

    async def table(self, call: Call) -> Response:
        """Return the events as CSV."""
        wanted = _search(call.query, most=MAX_TABLE)
        await self.write()
        text = await self._in_thread(lambda: to_csv(self._store.search(wanted)))
        name = f"filterd-{self._clock():%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    async def purge(self, call: Call) -> Done:
        """Forget activity, for good."""
        body: Purge = call.body
        try:
            self._audit.append("activity-purged", who=str(call.peer), detail={"before": str(body.before or "all")})
        except AuditError as error:
            raise ApiError(507, str(error.strerror)) from error
        await self.write()
        await self._in_thread(lambda: self._store.forget(before=body.before))
        if self._store.problem:
            raise ApiError(507, self._store.problem)
        return Done()

    async def write(self) -> None:
        """Write what has come in."""
        await self._in_thread(self._recorder.write)

    async def forget_old(self) -> None:
        """Delete what is older than the settings want it kept."""
        before = self._clock().timestamp() - 86400.0 * self._retention_days()
        await self._in_thread(lambda: self._store.forget(before=before))

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)


def _search(query: Mapping[str, str], *, most: int) -> Search:
    before, limit = _number(query, "before_id"), _number(query, "limit")
    return Search(
        text=query.get("text", ""),
        profile=query.get("profile", ""),
        action=query.get("action", ""),
        category=query.get("category", ""),
        since=_number(query, "since"),
        until=_number(query, "until"),
        before_id=None if before is None else int(before),
        limit=int(min(most, max(1, limit if limit is not None else min(most, 100) if most == MAX_PAGE else most))),
    )


def _number(query: Mapping[str, str], key: str) -> float | None:
    text = query.get(key, "")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError as error:
        raise ApiError(422, f"{key} is a number") from error
    if not -1e15 < number < 1e15:
        raise ApiError(422, f"{key} is too large a number")
    return number
