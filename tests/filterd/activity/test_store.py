# SPDX-License-Identifier: GPL-3.0-or-later
"""Activity is found again, bounded, forgotten on demand, and never in the way."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.activity.feed import Event
from filterd.activity.query import Search, Total
from filterd.activity.store import ActivityStore

NOON = 1_700_000_000.0


def event(host: str, *, action: str = "block", profile: str = "child", at: float = NOON, **more: str) -> Event:
    return Event(action, profile, host, at, "query", **more)  # type: ignore[arg-type]  # fields by name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "activity.db"


@pytest.fixture
def store(path: Path) -> Iterator[ActivityStore]:
    found = ActivityStore(path)
    yield found
    found.close()


def hosts(store: ActivityStore, search: Search | None = None) -> list[str]:
    return [found.host for found in store.search(search or Search())]


def test_what_was_kept_is_found_the_latest_first(store: ActivityStore) -> None:
    store.add([event("a.example", category="gambling", cause="category-list", rule="a.example", list="ut1")])
    store.add([event("b.example", at=NOON + 5)])
    latest, first = store.search(Search())

    assert latest.host == "b.example"
    assert first[1:] == (
        int(NOON), "a.example", "child", "block", "gambling", "category-list", "a.example", "ut1", 1,
    )  # fmt: skip


def test_the_same_again_is_one_with_a_count(store: ActivityStore) -> None:
    store.add([event("a.example"), event("a.example", at=NOON + 1), event("b.example")])
    store.add([Event("block", "child", "c.example", NOON, "query", count=9)])

    assert [(f.host, f.times) for f in store.search(Search())] == [("c.example", 9), ("b.example", 1), ("a.example", 2)]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (Search(text="Ejem"), ["www.ejemplo.com"]),
        (Search(text="%"), []),
        (Search(text="'"), []),
        (Search(profile="adult"), ["www.ejemplo.com"]),
        (Search(category="drugs"), ["c.example"]),
        (Search(category="none"), []),
        (Search(action="allow"), ["a.example"]),
        (Search(since=NOON + 100), ["c.example"]),
        (Search(until=NOON + 100), ["www.ejemplo.com", "a.example"]),
        (Search(text="example", profile="child", action="block"), ["c.example"]),
        (Search(limit=1), ["c.example"]),
    ],
)
def test_a_search_narrows(store: ActivityStore, search: Search, found: list[str]) -> None:
    store.add([event("a.example", action="allow")])
    store.add([event("www.ejemplo.com", profile="adult")])
    store.add([event("c.example", category="drugs", at=NOON + 200)])

    assert hosts(store, search) == found


def test_pages_follow_each_other(store: ActivityStore) -> None:
    for number in range(25):
        store.add([event(f"{number}.example")])
    seen: list[str] = []
    before: int | None = None
    while page := store.search(Search(limit=10, before_id=before)):
        seen += [found.host for found in page]
        before = page[-1].id

    assert seen == [f"{number}.example" for number in range(24, -1, -1)]


def test_hours_are_counted_by_profile_action_and_category(store: ActivityStore) -> None:
    store.add([event("a.example", category="drugs"), event("b.example", category="drugs", at=NOON + 60)])
    store.add([event("c.example", at=NOON + 7200), event("d.example", profile="adult")])
    hour = int(NOON) // 3600 * 3600

    assert sorted(store.totals(since=NOON, until=NOON + 10_000)) == [
        Total(hour, "adult", "block", "", 1),
        Total(hour, "child", "block", "drugs", 2),
        Total(hour + 7200, "child", "block", "", 1),
    ]
    assert store.totals(since=NOON + 20_000, until=NOON + 30_000) == []


def test_what_is_old_is_forgotten_and_its_bytes_too(store: ActivityStore, path: Path) -> None:
    store.add([event(f"secret{number}.example", rule="x") for number in range(500)])
    store.add([event("new.example", at=NOON + 90_000)])
    store.forget(before=NOON + 80_000)

    assert hosts(store) == ["new.example"]
    assert [total.times for total in store.totals(since=0, until=2e9)] == [1]
    store.forget()
    assert hosts(store) == []
    store.close()
    assert b"secret" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_the_number_of_events_is_bounded(path: Path) -> None:
    store = ActivityStore(path, max_events=100)
    for number in range(350):
        store.add([event(f"{number}.example")])
    found = hosts(store, Search(limit=1000))
    store.close()

    assert 90 <= len(found) <= 100
    assert found[0] == "349.example"


def test_it_is_there_after_a_restart(path: Path) -> None:
    first = ActivityStore(path)
    first.add([event("a.example")])
    first.close()
    again = ActivityStore(path)

    assert hosts(again) == ["a.example"]
    assert again.count == 1
    again.close()


def test_nobody_else_reads_it(store: ActivityStore, path: Path) -> None:
    store.add([event("a.example")])

    assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("harm", [b"", b"nonsense" * 1000, None])
def test_a_broken_file_is_put_aside_and_said(path: Path, harm: bytes | None) -> None:
    first = ActivityStore(path)
    first.add([event(f"{number}.example") for number in range(300)])
    first.close()
    content = bytearray(path.read_bytes())
    if harm is None:
        content[100:20_000] = b"\xff" * 19_900
    path.write_bytes(content if harm is None else harm)
    store = ActivityStore(path)
    store.add([event("new.example")])
    store.add([event("newer.example")])

    assert "newer.example" in hosts(store)
    assert harm == b"" or "begins anew" in store.problem
    store.close()


def test_a_file_of_a_later_version_is_not_touched_in_place(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    store = ActivityStore(path)

    assert store.count == 0
    assert path.with_name("activity.db.broken").is_file()
    store.close()


def test_where_nothing_can_be_written_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = ActivityStore(tmp_path / "file" / "activity.db")
    store.add([event("a.example")])

    assert hosts(store) == []
    assert "activity is not kept" in store.problem
    assert store.lost == 1
    store.close()


ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from filterd.activity.feed import Event
from filterd.activity.query import Search
from filterd.activity.store import ActivityStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = ActivityStore(Path(sys.argv[1]))
store.add([Event("block", "child", "before.example", 1.0, "query")])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
for number in range(40):
    store.add([Event("block", "child", f"{number}-{n}.example", 1.0, "query") for n in range(500)])
assert store.lost > 0 and "not kept" in store.problem, store.problem
assert store.search(Search(text="before"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.add([Event("block", "child", "after.example", 1.0, "query")])
assert store.problem == "", store.problem
assert store.search(Search(text="after")), store.problem
"""


def test_a_full_disk_costs_events_and_nothing_else(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), max_size=20), st.text(max_size=5))
def test_any_text_is_kept_and_found_as_python_finds_it(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], wanted: str
) -> None:
    store = ActivityStore(tmp_path_factory.mktemp("a") / "activity.db")
    names = [name.lower() for name in names if "\x00" not in name]
    wanted = wanted.encode(errors="ignore").decode().replace("\x00", "")
    store.add([event(name) for name in names])
    found = set(hosts(store, Search(text=wanted, limit=1000)))
    store.close()

    assert found == {name for name in names if wanted.lower() in name}
