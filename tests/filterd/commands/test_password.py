# SPDX-License-Identifier: GPL-3.0-or-later
"""The password on the command line: set once, changed with the old, recovered with the code, daemon or not."""

from __future__ import annotations

import os
import re
import socket
import threading
from pathlib import Path

import pytest

from filterd.control.audit import AuditLog
from filterd.control.auth import Auth
from tests.filterd.commands.conftest import Run
from tests.filterd.control.fakes import PASSWORD, Control


def log_of(config: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what was recorded with the state of *config*, and what is wrong with the log."""
    state = re.search(r'state = "(.*)"', config.read_text())
    assert state
    folder = Path(state[1])
    log = AuditLog(folder / "audit" / "audit.jsonl", folder / "control" / "audit-head.json")
    return [(entry.what, entry.detail["daemon"]) for entry in log.entries()], log.verify()


CODE = re.compile(r"(?:[A-Z2-9]{5}-){4}[A-Z2-9]{5}")


def test_the_first_is_set_through_the_daemon_and_brings_the_code(run: Run, control: Control, served: Path) -> None:
    control.gate._own_uid = os.getuid()
    out = run("password", "set", "--password-stdin", "--config", str(served), stdin=PASSWORD + "\n")

    assert out.status == 0
    assert CODE.search(out.out)
    assert control.auth.check_password(PASSWORD)
    again = run("password", "set", "--password-stdin", "--config", str(served), stdin="otra clave\n")
    assert again.status == 1
    assert control.auth.check_password(PASSWORD)


def test_it_is_changed_with_the_old_one(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    wrong = run("password", "change", "--password-stdin", "--config", str(served), stdin="falsa\nnueva clave\n")
    control.wait(5)
    right = run("password", "change", "--password-stdin", "--config", str(served), stdin=f"{PASSWORD}\nnueva clave\n")

    assert (wrong.status, right.status) == (3, 0)
    assert control.auth.check_password("nueva clave")


def test_it_is_recovered_with_the_code(run: Run, control: Control, served: Path) -> None:
    code = control.set_password()
    out = run("password", "recover", "--password-stdin", "--config", str(served), stdin=f"{code}\nnueva clave\n")

    assert out.status == 0
    assert CODE.findall(out.out) != [code]
    assert control.auth.check_password("nueva clave")


def test_it_can_be_set_before_the_daemon_starts(run: Run, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\nmore\n")
    out = run("password", "set", "--password-file", str(file), "--config", str(config))
    state = re.search(r'state = "(.*)"', config.read_text())
    assert state
    auth = Auth(Path(state[1]) / "control" / "auth.json")

    assert out.status == 0
    assert auth.check_password(PASSWORD)
    assert run("password", "set", "--password-file", str(file), "--config", str(config)).status == 3
    wrong = run("password", "recover", "--password-stdin", "--config", str(config), stdin="AAAAA\nnueva clave\n")
    assert wrong.status == 3
    code = CODE.findall(out.out)[0]
    assert (
        run("password", "recover", "--password-stdin", "--config", str(config), stdin=f"{code}\nnueva clave\n").status
        == 0
    )
    assert auth.check_password("nueva clave")
    what = [(event, "not running") for event in ("password-set", "password-failed", "password-changed")]
    assert log_of(config) == (what, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may")
def test_root_sets_it_anew_and_leaves_a_trace(run: Run, config: Path) -> None:
    run("password", "set", "--password-stdin", "--config", str(config), stdin=PASSWORD)
    out = run(
        "password", "recover", "--as-administrator", "--password-stdin", "--config", str(config), stdin="nueva clave"
    )
    state = re.search(r'state = "(.*)"', config.read_text())
    assert state

    assert out.status == 0
    assert Auth(Path(state[1]) / "control" / "auth.json").reset_by == "uid 0 (root)"
    assert log_of(config) == ([("password-set", "not running"), ("password-reset", "not running")], [])


def test_a_change_needs_the_daemon(run: Run, config: Path) -> None:
    out = run("password", "change", "--password-stdin", "--config", str(config), stdin="a\nb\n")

    assert out.status == 1
    assert "not running" in out.err


def test_a_short_one_is_refused_in_one_line(run: Run, config: Path) -> None:
    out = run("password", "set", "--password-stdin", "--config", str(config), stdin="abc\n")

    assert out.status == 1
    assert "fewer than 4" in out.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may")
def test_without_a_password_there_is_nothing_to_set_anew(run: Run, config: Path) -> None:
    out = run(
        "password", "recover", "--as-administrator", "--password-stdin", "--config", str(config), stdin="nueva clave"
    )

    assert out.status == 1
    assert "no password yet" in out.err
    assert log_of(config) == ([], [])


@pytest.mark.parametrize("words", [("set",), ("recover", "--as-administrator")])
def test_beside_a_daemon_that_does_not_answer_nothing_is_written(
    run: Run, config: Path, runtime: Path, words: tuple[str, ...]
) -> None:
    config.write_text(re.sub(r"runtime = .*", f'runtime = "{runtime}"', config.read_text()))
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(runtime / "control.sock"))
        busy.listen()

        def turn_away() -> None:
            busy.accept()[0].close()

        thread = threading.Thread(target=turn_away)
        thread.start()
        out = run("password", *words, "--password-stdin", "--config", str(config), stdin="nueva clave\n")
        thread.join(5)

    assert out.status == 1
    assert "busy" in out.err
    assert log_of(config) == ([], [])


def test_a_reset_is_told_until_the_adult_has_seen_it(run: Run, control: Control, served: Path) -> None:
    control.auth.set_password(PASSWORD, reset_by="uid 0 (root)")
    out = run("password", "seen", "--password-stdin", "--config", str(served), stdin=PASSWORD + "\n")

    assert out.status == 0
    assert control.auth.reset_by == ""
    assert "reset-acknowledged" in control.recorded
