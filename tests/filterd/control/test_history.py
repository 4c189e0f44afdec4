# SPDX-License-Identifier: GPL-3.0-or-later
"""The adult reads the activity, takes it away as a table, and ends it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import Response

from filterd.activity.feed import Event
from filterd.control.calls import ApiError, Call, Peer
from filterd.control.messages import Purge
from tests.filterd.control.fakes import Control, run


def asking(**query: str) -> Call:
    return Call(Peer(1000), adult=True, query=query)


@pytest.fixture
def lived(control: Control) -> Control:
    """A day on which things were decided; nothing is written yet."""
    now = control.now.timestamp()
    for hours, host, action in ((30, "old.example", "block"), (2, "bad.example", "block"), (1, "ok.example", "allow")):
        control.recorder.take(Event(action, "child", host, now - hours * 3600, "query", category="gambling", count=2))
    return control


def test_what_has_just_come_in_is_found(lived: Control) -> None:
    found = run(lived.history.search(asking()))

    assert [(e.host, e.count) for e in found.events] == [("ok.example", 2), ("bad.example", 2), ("old.example", 2)]
    assert [e.host for e in run(lived.history.search(asking(text="bad"))).events] == ["bad.example"]
    assert [e.host for e in run(lived.history.search(asking(limit="1"))).events] == ["ok.example"]
    assert found.problem == ""


def test_hours_are_counted(lived: Control) -> None:
    assert sum(t.count for t in run(lived.history.totals(asking())).totals) == 6
    since = str(lived.now.timestamp() - 3 * 3600)
    assert sum(t.count for t in run(lived.history.totals(asking(since=since))).totals) == 4


def test_a_table_has_them_all(lived: Control) -> None:
    answer: Any = run(lived.history.table(asking()))

    assert isinstance(answer, Response)
    assert bytes(answer.body).decode().count("\r\n") == 4
    assert answer.headers["content-disposition"] == 'attachment; filename="filterd-2026-11-21.csv"'


def test_purging_is_recorded_and_leaves_nothing(lived: Control) -> None:
    run(lived.history.purge(lived.call(Purge())))

    assert run(lived.history.search(asking())).events == []
    assert lived.recorded == ["activity-purged"]


def test_what_is_older_than_the_adult_wants_goes_by_itself(lived: Control) -> None:
    run(lived.history.write())
    lived.wait(29 * 86400)
    run(lived.history.forget_old())

    assert [e.host for e in run(lived.history.search(asking())).events] == ["ok.example", "bad.example"]


@pytest.mark.parametrize("query", [{"limit": "x"}, {"since": "nan"}, {"before_id": "1e99"}, {"until": "inf"}])
def test_a_query_that_makes_no_sense_is_refused(control: Control, query: dict[str, str]) -> None:
    with pytest.raises(ApiError) as error:
        run(control.history.search(asking(**query)))

    assert error.value.status == 422


def test_without_a_trace_nothing_is_purged(lived: Control) -> None:
    (lived.folder / "audit").write_text("in the way")
    with pytest.raises(ApiError) as error:
        run(lived.history.purge(lived.call(Purge())))

    assert error.value.status == 507
    assert len(run(lived.history.search(asking())).events) == 3
