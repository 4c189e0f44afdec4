# SPDX-License-Identifier: GPL-3.0-or-later
"""Protection is turned on and off with the password, and with no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.filterd.commands.conftest import Run
from tests.filterd.control.fakes import PASSWORD, Control


@pytest.mark.parametrize(
    ("command", "on"), [(["off"], False), (["pause", "15"], True), (["on"], True), (["resume"], True)]
)
def test_with_the_password_it_is_done(run: Run, control: Control, served: Path, command: list[str], on: bool) -> None:
    control.set_password()
    out = run(*command, "--password-stdin", "--config", str(served), stdin=PASSWORD + "\n")

    assert out.status == 0
    assert control.standing.on is on
    assert (control.standing.off_until is not None) == (command[0] == "pause")
    assert "protección" in out.out


def test_with_a_wrong_one_nothing_changes_and_the_status_is_3(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    out = run("off", "--password-stdin", "--config", str(served), stdin="falsa\n")

    assert out.status == 3
    assert "wrong password" in out.err
    assert out.err.count("\n") == 1
    assert control.standing.on
    assert control.recorded == ["password-failed"]


def test_a_script_without_a_password_is_told_how(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    out = run("off", "--config", str(served), stdin="")

    assert out.status == 3
    assert "--password-stdin" in out.err


def test_before_there_is_a_password_the_way_is_said(run: Run, control: Control, served: Path) -> None:
    out = run("off", "--config", str(served), stdin="")

    assert out.status == 3
    assert "filterd password set" in out.err
    assert control.standing.on


def test_machines_read_what_became_of_it(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    out = run("off", "--json", "--password-stdin", "--config", str(served), stdin=PASSWORD)

    assert json.loads(out.out) == {"protection": "off"}


@pytest.mark.parametrize("minutes", ["0", "-5", "1441", "x"])
def test_a_pause_has_sensible_minutes(run: Run, served: Path, minutes: str) -> None:
    assert run("pause", "--config", str(served), "--", minutes).status == 2


def test_no_daemon_is_said(run: Run, config: Path) -> None:
    out = run("off", "--config", str(config), "--password-stdin", stdin="x")

    assert out.status == 1
    assert "not running" in out.err
