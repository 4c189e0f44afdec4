# SPDX-License-Identifier: GPL-3.0-or-later
"""No more is kept than the adult chose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.activity import recorder
from filterd.activity.feed import Event
from filterd.activity.levels import level_of
from filterd.activity.query import Search
from filterd.activity.recorder import Recorder
from filterd.activity.store import ActivityStore
from filterd.policy.profile import Record

ACTIONS = ("allow", "block", "rewrite")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ActivityStore]:
    found = ActivityStore(tmp_path / "activity.db")
    yield found
    found.close()


@pytest.mark.parametrize(("level", "kept"), [(Record.NONE, []), (Record.BLOCKED, ["block"]), (Record.ALL, ACTIONS)])
def test_a_level_says_what_is_kept(store: ActivityStore, level: Record, kept: list[str]) -> None:
    recorder = Recorder(store, lambda _profile: level)
    for action in ACTIONS:
        recorder.take(Event(action, "child", "a.example", 1.0, "query"))
    recorder.write()

    assert sorted(found.action for found in store.search(Search())) == sorted(kept)


def test_nothing_is_written_before_it_is_time(store: ActivityStore) -> None:
    recorder = Recorder(store, lambda _profile: Record.ALL)
    recorder.take(Event("block", "child", "a.example", 1.0, "query"))

    assert store.count == 0
    recorder.write()
    recorder.write()
    assert store.search(Search())[0].times == 1


def test_a_flood_is_bounded_and_counted(store: ActivityStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_WAITING", 3)
    taking = Recorder(store, lambda _profile: Record.ALL)
    for number in range(5):
        taking.take(Event("block", "child", f"{number}.example", 1.0, "query", count=2))
    taking.write()

    assert store.count == 3
    assert taking.lost == 4


@pytest.mark.parametrize("profile", list(Record))
@pytest.mark.parametrize("ceiling", list(Record))
def test_the_ceiling_holds_for_every_profile(profile: Record, ceiling: Record) -> None:
    found = level_of(profile, ceiling)

    assert found in (profile, ceiling)
    assert not (ceiling is Record.NONE and found is not Record.NONE)
    assert not (ceiling is Record.BLOCKED and found is Record.ALL)
    assert not (profile is Record.NONE and found is not Record.NONE)


def test_a_total_without_a_name_is_nothing_to_keep(store: ActivityStore) -> None:
    recorder = Recorder(store, lambda _profile: Record.ALL)
    recorder.take(Event("allow", "child", "", 1.0, "query", count=9))
    recorder.write()

    assert store.count == 0
