# SPDX-License-Identifier: GPL-3.0-or-later
"""The status is what the parts told, and says what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from filterd.activity.feed import Batch, Counted, Event, RoleState, UpstreamCounted, encode
from filterd.control.messages import DatabaseStatus, Status
from filterd.control.service import Service, list_status
from filterd.lists.model import Dropped, Meta, Part, State

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BLOCK = Event("block", "child", "a.example", 1.0, "query", cause="category-list", category="gambling")


def meta(**values: object) -> Meta:
    known: dict[str, object] = {"id": "l", "url": "https://l.example/", "category": "gambling", "state": State.OK}
    return Meta(**(known | values))  # type: ignore[arg-type]  # a test's shorthand


def told(*messages: object, lists: tuple[Meta, ...] = (), database: DatabaseStatus | None = None) -> Status:
    service = Service(
        version="1", lists=lambda: lists, database=lambda: database or DatabaseStatus(names=7), clock=lambda: NOW
    )
    for message in messages:
        service.receive(message if isinstance(message, bytes) else encode(message))  # type: ignore[arg-type]  # as above
    return service.status()


def test_decisions_are_counted_by_action_and_category() -> None:
    status = told(BLOCK, BLOCK, Event("allow", "child", "b.example", 1.0, "request"))

    assert (status.queries, status.blocked) == (3, 2)
    assert status.blocked_by_category == {"gambling": 2}
    assert status.by_stage == {"query": 2, "request": 1}


def test_decisions_that_come_together_count_each_as_often_as_it_happened() -> None:
    again = Event("block", "child", "a.example", 2.0, "query", cause="category-list", category="gambling", count=9)
    status = told(Batch((BLOCK, again)), BLOCK)

    assert (status.queries, status.blocked) == (11, 11)
    assert status.blocked_by_category == {"gambling": 11}


def test_the_last_counters_of_dns_are_told() -> None:
    status = told(Counted("dns", counters={"queries": 5}), Counted("dns", dropped=1, counters={"queries": 9}))

    assert (status.dns, status.uncounted) == ({"queries": 9}, 1)


def test_counts_do_not_fall_when_a_worker_starts_again() -> None:
    status = told(
        Counted("dns-1", dropped=2, counters={"queries": 9, "doh_queries": 3, "cache_bytes": 100}),
        Counted("dns-1", counters={"queries": 1, "cache_bytes": 10}),
        Counted("dns-1", dropped=1, counters={"queries": 4, "cache_bytes": 20}),
        Counted("dns-2", counters={"queries": 5}),
    )

    assert status.dns == {"queries": 18, "doh_queries": 3, "cache_bytes": 20}
    assert status.uncounted == 3


def test_it_is_a_problem_when_no_upstream_answers() -> None:
    def counted(role: str, *, up: bool) -> Counted:
        down = UpstreamCounted("udp://192.0.2.2", up=False)
        return Counted(role, upstreams=(UpstreamCounted("udp://192.0.2.1", up=up, error="" if up else "timeout"), down))

    assert told(counted("dns-1", up=False), counted("dns-2", up=True)).problems == []
    assert told(counted("dns-1", up=False)).problems == [
        "no upstream answers: udp://192.0.2.1 (timeout), udp://192.0.2.2; see the network, or other dns.upstreams"
    ]


def test_a_role_s_last_word_is_its_state_and_a_problem_is_told() -> None:
    status = told(
        RoleState("dns", "starting"), RoleState("dns", "ready", pid=5), RoleState("supervisor", "ready", problem="x")
    )

    assert [(role.name, role.state, role.pid) for role in status.roles] == [("dns", "ready", 5)]
    assert status.problems == ["supervisor: x"]


def test_foreign_datagrams_change_nothing() -> None:
    assert told(b"", b"\xff\x00nonsense").queries == 0


def test_lost_decisions_are_told() -> None:
    assert told(Counted("dns", dropped=3), Counted("proxy", dropped=1)).uncounted == 4


def test_old_and_refused_lists_are_problems() -> None:
    old = meta(id="old", fetched=NOW - timedelta(days=30))
    refused = meta(id="bad", fetched=NOW, state=State.REFUSED, last_error="a web page")
    status = told(lists=(old, refused, meta(id="new", fetched=NOW)))

    assert status.problems == ["list old: 30 days old; see `filterd lists update`", "list bad: a web page"]
    assert [entry.age_days for entry in status.lists] == [30.0, 0.0, 0.0]


def test_a_database_that_is_not_the_newest_is_a_problem() -> None:
    assert told(database=DatabaseStatus(problem="cut")).problems == ["cut"]


def test_a_list_tells_what_was_left_out_of_all_its_parts() -> None:
    parts = tuple(
        Part(name, "gambling", "f", 1, dropped={"guard-site": Dropped(2, [f"{name}.gov.example"])})
        for name in ("a", "b")
    )
    status = list_status(meta(parts=parts, fetched=NOW, doubtful=True), NOW)

    assert status.entries == 2
    assert status.dropped == {"guard-site": 4}
    assert status.examples == {"guard-site": ["a.gov.example", "b.gov.example"]}
    assert status.doubtful


def test_a_list_that_never_came_says_so() -> None:
    assert list_status(meta(state=State.STALE), NOW).state == "never fetched"
    assert list_status(meta(state=State.REFUSED, last_error="x"), NOW).state == "refused"
