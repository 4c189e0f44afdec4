# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the running daemon, gathered from what its parts tell."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from filterd.activity.counts import Counts
from filterd.activity.feed import Batch, Counted, Event, RoleState, UpstreamCounted, decode
from filterd.control.messages import DatabaseStatus, ListStatus, RoleStatus, Status, UpstreamStatus
from filterd.lists.model import Meta, State

logger = logging.getLogger(__name__)

_LEVELS = frozenset({"cache_bytes"})  # told among the counters, but what is, not what was
STALE_AFTER_DAYS = 7.0  # SIP-Bench asks for weekly updates


class Service:
    """Takes messages in, gives the status out."""

    def __init__(
        self,
        *,
        version: str,
        lists: Callable[[], Iterable[Meta]],
        database: Callable[[], DatabaseStatus],
        protection: Callable[[], tuple[str, str | None]] = lambda: ("on", None),
        notices: Callable[[], Iterable[str]] = tuple,
        record: Callable[[Event], None] = lambda _event: None,
        open_requests: Callable[[], int] = lambda: 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._version = version
        self._lists = lists
        self._database = database
        self._protection = protection
        self._notices = notices
        self._record = record
        self._open_requests = open_requests
        self._clock = clock
        self._started = clock()
        self._counts = Counts()
        self._roles: dict[str, RoleState] = {}
        self._counters: dict[str, _Lives] = {}
        self._dropped: dict[str, _Lives] = {}
        self._upstreams: dict[str, tuple[UpstreamCounted, ...]] = {}
        self.foreign = 0

    def receive(self, datagram: bytes) -> None:
        """Take in one message; what is none of ours is counted."""
        try:
            message = decode(datagram)
        except ValueError:
            self.foreign += 1
            return
        match message:
            case Event():
                self._take(message)
            case Batch():
                for event in message.events:
                    self._take(event)
            case RoleState():
                self._roles[message.name] = message
            case Counted():
                self._dropped.setdefault(message.name, _Lives()).take({"dropped": message.dropped})
                self._counters.setdefault(message.name, _Lives()).take(message.counters)
                self._upstreams[message.name] = message.upstreams

    def _take(self, event: Event) -> None:
        self._counts.add(event)
        self._record(event)

    def status(self) -> Status:
        """Return the state of everything."""
        counts = self._counts
        lists = [list_status(meta, self._clock()) for meta in self._lists()]
        database = self._database()
        protection, until = self._protection()
        return Status(
            version=self._version,
            protection=protection,
            until=until,
            started=self._started.isoformat(timespec="seconds"),
            queries=counts.total,
            blocked=counts.by_action["block"],
            rewritten=counts.by_action["rewrite"],
            dns=self._dns_counters(),
            upstreams=list(self._upstream_states()),
            open_requests=self._open_requests(),
            by_stage=dict(counts.by_stage),
            blocked_by_category=dict(counts.blocked_by_category.most_common()),
            blocked_by_cause=dict(counts.blocked_by_cause.most_common()),
            uncounted=sum(lives.total()["dropped"] for lives in self._dropped.values()),
            roles=[_role_status(state) for name, state in sorted(self._roles.items()) if name != "supervisor"],
            lists=lists,
            database=database,
            problems=self._problems(lists, database),
        )

    def _dns_counters(self) -> dict[str, int]:
        """Return the sum over the workers that share the port."""
        total = Counter[str]()
        for name, lives in self._counters.items():
            if name.partition("-")[0] == "dns":
                total.update(lives.total())
        return dict(total)

    def _upstream_states(self) -> Iterator[UpstreamStatus]:
        """Yield how each upstream is; with several workers the counts of all, the latency of the first."""
        by_name: dict[str, list[UpstreamCounted]] = {}
        for _, upstreams in sorted(self._upstreams.items()):
            for upstream in upstreams:
                by_name.setdefault(upstream.name, []).append(upstream)
        for name, seen in by_name.items():
            yield UpstreamStatus(
                name=name,
                asked=sum(u.asked for u in seen),
                failed=sum(u.failed for u in seen),
                up=any(u.up for u in seen),
                mean_ms=seen[0].mean_ms,
                p95_ms=seen[0].p95_ms,
                error=next((u.error for u in seen if u.error), ""),
            )

    def _problems(self, lists: Iterable[ListStatus], database: DatabaseStatus) -> list[str]:
        found = [f"{name}: {state.problem}" for name, state in sorted(self._roles.items()) if state.problem]
        found += [*self._notices(), *([database.problem] if database.problem else []), *self._silence()]
        for entry in lists:
            if entry.refused:
                found.append(f"list {entry.id}: {entry.refused}")
            elif entry.age_days is not None and entry.age_days > STALE_AFTER_DAYS:
                found.append(f"list {entry.id}: {entry.age_days:.0f} days old; see `filterd lists update`")
        return found

    def _silence(self) -> Iterator[str]:
        """Yield one problem where no upstream answers."""
        upstreams = list(self._upstream_states())
        if upstreams and not any(upstream.up for upstream in upstreams):
            each = (f"{u.name} ({u.error})" if u.error else u.name for u in upstreams)
            yield f"no upstream answers: {', '.join(each)}; see the network, or other dns.upstreams"


class _Lives:
    """What the processes of one name counted: a process counts from nothing, a count that was told must not fall."""

    def __init__(self) -> None:
        self._earlier = Counter[str]()
        self._now: dict[str, int] = {}

    def take(self, counters: dict[str, int]) -> None:
        """Take in what the process that lives counted so far."""
        for name, value in self._now.items():
            if name not in _LEVELS and counters.get(name, 0) < value:
                self._earlier[name] += value
        self._now = counters

    def total(self) -> Counter[str]:
        """Return what all counted together."""
        total = Counter(self._now)
        total.update(self._earlier)
        return total


def list_status(meta: Meta, now: datetime) -> ListStatus:
    """Return how the subscription of *meta* stands at *now*."""
    never = meta.fetched is None
    return ListStatus(
        id=meta.id,
        category=meta.category,
        source=meta.url,
        entries=meta.count,
        fetched=meta.fetched.isoformat(timespec="seconds") if meta.fetched else None,
        age_days=round((now - meta.fetched).total_seconds() / 86400, 2) if meta.fetched else None,
        state="never fetched" if never and meta.state is not State.REFUSED else str(meta.state),
        doubtful=meta.doubtful,
        refused=meta.last_error,
        dropped=_totals(meta),
        examples=_examples(meta),
    )


def _totals(meta: Meta) -> dict[str, int]:
    totals: dict[str, int] = {}
    for part in meta.parts:
        for reason, dropped in part.dropped.items():
            totals[str(reason)] = totals.get(str(reason), 0) + dropped.count
    return totals


def _examples(meta: Meta) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in meta.parts:
        for reason, dropped in part.dropped.items():
            found.setdefault(str(reason), []).extend(dropped.examples)
    return {reason: names[:20] for reason, names in found.items()}


def _role_status(state: RoleState) -> RoleStatus:
    return RoleStatus(name=state.name, state=state.state, pid=state.pid, restarts=state.restarts, problem=state.problem)
