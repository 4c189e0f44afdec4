# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens to a compile, a good database is there and is whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filterd.database.build import BuildReport, build_database
from filterd.database.layout import DatabaseError
from filterd.database.reader import Database
from filterd.database.store import generations, open_best, publish
from filterd.policy.model import Rule, RuleList

BUILT = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)


def builder(*names: str) -> Callable[[Path], BuildReport]:
    return lambda path: build_database([RuleList("list", "x", map(Rule, names))], path, built=BUILT)


def best(folder: Path) -> Database:
    database, _ = open_best(folder)
    assert database is not None
    return database


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".compiling.lock")


def test_what_is_published_is_what_is_opened(tmp_path: Path) -> None:
    report = publish(tmp_path / "new", builder("a.example"))

    database, problems = open_best(tmp_path / "new")

    assert report.names == 1
    assert database is not None
    assert database.find("a.example")
    assert not problems


def test_the_generation_before_stays_and_older_ones_go(tmp_path: Path) -> None:
    for number in range(11):
        publish(tmp_path, builder(f"{number}.example"))

    assert files(tmp_path) == ["categories.10.fdb", "categories.11.fdb"]
    assert [path.name for path in generations(tmp_path)] == ["categories.11.fdb", "categories.10.fdb"]
    assert best(tmp_path).find("10.example")


@pytest.mark.parametrize("damage", [b"", b"foreign", None], ids=["empty", "foreign", "cut"])
def test_a_bad_generation_is_named_and_the_last_good_one_used(damage: bytes | None, tmp_path: Path) -> None:
    publish(tmp_path, builder("old.example"))
    publish(tmp_path, builder("new.example"))
    newest = generations(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:-1] if damage is None else damage)

    database, problems = open_best(tmp_path)

    assert database is not None
    assert database.find("old.example")
    assert [problem.split(":")[0] for problem in problems] == [str(newest)]


def test_a_bad_generation_does_not_push_out_the_last_good_one(tmp_path: Path) -> None:
    publish(tmp_path, builder("first.example"))
    publish(tmp_path, builder("second.example"))
    generations(tmp_path)[0].write_bytes(b"damaged")

    publish(tmp_path, builder("third.example"))

    assert files(tmp_path) == ["categories.1.fdb", "categories.3.fdb"]


def test_an_empty_or_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        assert open_best(folder) == (
            None,
            [f"{folder}: holds no category database; build it with `filterd compile`"],
        )


def test_a_build_that_fails_changes_nothing(tmp_path: Path) -> None:
    publish(tmp_path, builder("a.example"))

    def build(path: Path) -> None:
        path.write_bytes(b"half")
        raise ValueError("a list is bad")

    with pytest.raises(ValueError, match="a list is bad"):
        publish(tmp_path, build)

    assert files(tmp_path) == ["categories.1.fdb"]


def test_what_does_not_open_is_not_published(tmp_path: Path) -> None:
    publish(tmp_path, builder("a.example"))

    with pytest.raises(DatabaseError, match="is no category database"):
        publish(tmp_path, lambda path: path.write_bytes(b"not what you think"))

    assert files(tmp_path) == ["categories.1.fdb"]


def test_a_second_compile_at_the_same_time_is_told_so(tmp_path: Path) -> None:
    def build(path: Path) -> BuildReport:
        with pytest.raises(DatabaseError, match="another compile is running here; try again"):
            publish(tmp_path, builder("inner.example"))
        return builder("outer.example")(path)

    publish(tmp_path, build)

    assert best(tmp_path).find("outer.example")


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DatabaseError, match=r"file.folder: cannot be written: Not a directory.*filterd compile"):
        publish(tmp_path / "file" / "folder", builder("a.example"))


def test_readers_always_find_a_whole_generation_and_keep_theirs(tmp_path: Path) -> None:
    publish(tmp_path, builder(*_names_of(0)))
    kept, ended, wrong, read = best(tmp_path), threading.Event(), [], set()

    def reader() -> None:
        while not ended.is_set():
            database, problems = open_best(tmp_path)
            names = {m.rule for n in range(30) for m in (database.find(f"www.{n}.example") if database else ())}
            generation = database.names if database else -1
            read.add(generation)
            if database is None or problems or names != set(_names_of(generation - 1)[:30]):
                wrong.append((generation, problems))

    threads = [threading.Thread(target=reader) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 40):
        publish(tmp_path, builder(*_names_of(number)))
    ended.set()
    for thread in threads:
        thread.join()

    assert not wrong
    assert read
    assert kept.find("0.example")
    assert not kept.find("1.example")


def _names_of(generation: int) -> list[str]:
    return [f"{n}.example" for n in range(generation + 1)]


_KILLED = """
import signal, sys
from datetime import UTC, datetime
from pathlib import Path
from filterd.database.build import build_database
from filterd.database.store import publish
from filterd.policy.model import Rule, RuleList

folder, stage = Path(sys.argv[1]), sys.argv[2]

def wait():
    print("ready", flush=True)
    signal.pause()

def rules():
    for number in range(50_000):
        yield Rule(f"{number}.new.example")
    if stage == "reading":
        wait()

def build(path):
    build_database([RuleList("list", "x", rules())], path, built=datetime.now(UTC))
    if stage == "half-written":
        path.write_bytes(path.read_bytes()[:1000])
    wait()

publish(folder, build)
"""


@pytest.mark.parametrize("stage", ["reading", "half-written", "written"])
def test_a_killed_compile_leaves_nothing_that_is_loaded(stage: str, tmp_path: Path) -> None:
    publish(tmp_path, builder("old.example"))
    with subprocess.Popen([sys.executable, "-c", _KILLED, tmp_path, stage], stdout=subprocess.PIPE) as compiling:
        assert compiling.stdout is not None
        assert compiling.stdout.readline() == b"ready\n"
        compiling.send_signal(signal.SIGKILL)

    assert best(tmp_path).find("old.example")
    assert [path.name for path in generations(tmp_path)] == ["categories.1.fdb"]
    publish(tmp_path, builder("next.example"))
    assert files(tmp_path) == ["categories.1.fdb", "categories.2.fdb"]


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small tmpfs to fill can be mounted by root only")
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "filterd-test", folder],
        capture_output=True,
        timeout=20,
    )
    if mounting.returncode != 0:
        pytest.skip(f"a small tmpfs to fill cannot be mounted here: {mounting.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True, timeout=20)


# The rules wait in 860 kB: two disks are full before all have streamed in, the third when the file is written.
@pytest.mark.parametrize("small_disk", [64, 512, 900], indirect=True)
def test_a_full_disk_is_one_clear_error_and_loses_nothing(small_disk: Path) -> None:
    publish(small_disk, builder("old.example"))
    names = [f"{number * 7919 % 1_000_003}.full.example" for number in range(40_000)]

    with pytest.raises(DatabaseError, match=r"cannot be written: No space left on device; make room"):
        publish(small_disk, builder(*names))

    assert best(small_disk).find("old.example")
    assert files(small_disk) == ["categories.1.fdb"]
    publish(small_disk, builder("next.example"))
    assert best(small_disk).find("next.example")
