# SPDX-License-Identifier: GPL-3.0-or-later
"""What was recorded cannot be changed, taken out or cut off unseen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.control.audit import AuditLog

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def open_log(folder: Path) -> AuditLog:
    return AuditLog(folder / "log" / "audit.jsonl", folder / "head" / "audit-head.json", clock=lambda: NOON)


def fill(folder: Path, count: int = 4) -> list[bytes]:
    log = open_log(folder)
    for number in range(count):
        log.append("protection-off", who="uid 1000 (ana)", detail={"minutes": str(number)})
    return (folder / "log" / "audit.jsonl").read_bytes().splitlines(keepends=True)


def write(folder: Path, lines: list[bytes]) -> None:
    (folder / "log" / "audit.jsonl").write_bytes(b"".join(lines))


def test_what_was_recorded_is_read_back_in_order(tmp_path: Path) -> None:
    fill(tmp_path)
    found = list(open_log(tmp_path).entries())

    assert [entry.detail["minutes"] for entry in found] == ["0", "1", "2", "3"]
    assert found[0].who == "uid 1000 (ana)"
    assert found[0].when == "2026-11-21T12:00:00+00:00"
    assert open_log(tmp_path).verify() == []


def test_a_log_goes_on_where_another_process_left_it(tmp_path: Path) -> None:
    fill(tmp_path)
    open_log(tmp_path).append("start", who="daemon")

    assert [entry.number for entry in open_log(tmp_path).entries()] == [1, 2, 3, 4, 5]
    assert open_log(tmp_path).verify() == []


def test_no_log_at_all_is_whole(tmp_path: Path) -> None:
    assert open_log(tmp_path).verify() == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda lines: lines[:2], "the end was cut off"),
        (lambda _: [], "the end was cut off"),
        (lambda lines: lines[1:], "entry 1 was changed"),
        (lambda lines: [lines[0], *lines[2:]], "entry 2 was changed"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "entry 1 was changed"),
        (lambda lines: [*lines[:2], lines[2].replace(b'"2"', b'"9"'), lines[3]], "entry 3 was changed"),
        (lambda lines: [*lines[:3], lines[3][:20]], "line 4 cannot be read"),
        (lambda lines: [*lines[:2], b"nonsense\n", *lines[2:]], "line 3 cannot be read"),
    ],
)
def test_each_harm_is_seen(tmp_path: Path, harm: Callable[[list[bytes]], list[bytes]], said: str) -> None:
    write(tmp_path, harm(fill(tmp_path)))

    assert any(said in problem for problem in open_log(tmp_path).verify())


def test_a_forged_chain_does_not_fit_the_head(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "log" / "audit.jsonl").unlink()
    (tmp_path / "kept").mkdir()
    (tmp_path / "head").rename(tmp_path / "kept" / "head")
    log = open_log(tmp_path)
    for _ in range(6):
        log.append("something else", who="uid 0 (root)")
    (tmp_path / "kept" / "head" / "audit-head.json").replace(tmp_path / "head" / "audit-head.json")

    assert any("is not the one that" in problem for problem in open_log(tmp_path).verify())


def test_a_cut_log_is_not_mended_by_what_follows(tmp_path: Path) -> None:
    write(tmp_path, fill(tmp_path)[:2])
    open_log(tmp_path).append("start", who="daemon")

    assert open_log(tmp_path).verify() != []


def test_a_crash_between_entry_and_head_is_no_harm(tmp_path: Path) -> None:
    fill(tmp_path)
    before = (tmp_path / "head" / "audit-head.json").read_bytes()
    open_log(tmp_path).append("start", who="daemon")
    (tmp_path / "head" / "audit-head.json").write_bytes(before)

    assert open_log(tmp_path).verify() == []


@given(st.text(max_size=50), st.dictionaries(st.text(max_size=9), st.text(max_size=50), max_size=4))
def test_any_words_can_be_recorded(tmp_path_factory: pytest.TempPathFactory, who: str, detail: dict[str, str]) -> None:
    folder = tmp_path_factory.mktemp("audit")
    open_log(folder).append("request", who=who, detail=detail)

    assert [(e.who, e.detail) for e in open_log(folder).entries()] == [(who, detail)]
    assert open_log(folder).verify() == []


def test_a_long_word_does_not_fill_the_disk(tmp_path: Path) -> None:
    entry = open_log(tmp_path).append("request", who="uid 1", detail={"text": "x" * 100_000})

    assert len(entry.detail["text"]) == 2000


def test_others_cannot_read_it(tmp_path: Path) -> None:
    fill(tmp_path)

    assert (tmp_path / "log" / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700


APPEND_ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from filterd.control.audit import AuditError, AuditLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
folder = Path(sys.argv[1])
try:
    AuditLog(folder / "log" / "audit.jsonl", folder / "head" / "audit-head.json").append("start", who="daemon")
except AuditError:
    raise SystemExit(7)
"""


def test_what_cannot_be_written_is_said_and_leaves_the_log_whole(tmp_path: Path) -> None:
    fill(tmp_path)
    size = (tmp_path / "log" / "audit.jsonl").stat().st_size
    done = subprocess.run([sys.executable, "-c", APPEND_ON_A_FULL_DISK, str(tmp_path), str(size + 10)], check=False)

    assert done.returncode == 7
    assert len(list(open_log(tmp_path).entries())) == 4
    assert open_log(tmp_path).verify() == []


def test_a_missing_head_is_said(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "head" / "audit-head.json").unlink()

    assert any("is missing" in problem for problem in open_log(tmp_path).verify())


@pytest.mark.parametrize("harm", [b"", b"nonsense", b'{"count": "x"}', b'{"hash": "\xff"}'])
@pytest.mark.parametrize("running", [True, False], ids=["same process", "after a restart"])
def test_a_damaged_head_stays_told_though_the_log_goes_on(tmp_path: Path, harm: bytes, *, running: bool) -> None:
    log = open_log(tmp_path)
    for _ in range(3):
        log.append("start", who="daemon")
    head = tmp_path / "head" / "audit-head.json"
    head.write_bytes(harm)
    assert any("damaged" in problem for problem in open_log(tmp_path).verify())

    (log if running else open_log(tmp_path)).append("start", who="daemon")
    assert [entry.number for entry in log.entries()] == [1, 2, 3, 4]
    assert head.with_name("audit-head.json.broken").read_bytes() == harm
    assert any("was damaged" in problem for problem in open_log(tmp_path).verify())
    head.with_name("audit-head.json.broken").unlink()
    assert open_log(tmp_path).verify() == []
