# SPDX-License-Identifier: GPL-3.0-or-later
"""The password on the command line: set once, changed with the old, recovered with the code, daemon or not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from filterd.control.auth import Auth
from tests.filterd.commands.conftest import Run
from tests.filterd.control.fakes import PASSWORD, Control

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


def test_a_change_needs_the_daemon(run: Run, config: Path) -> None:
    out = run("password", "change", "--password-stdin", "--config", str(config), stdin="a\nb\n")

    assert out.status == 1
    assert "not running" in out.err


def test_a_short_one_is_refused_in_one_line(run: Run, config: Path) -> None:
    out = run("password", "set", "--password-stdin", "--config", str(config), stdin="abc\n")

    assert out.status == 1
    assert "fewer than 4" in out.err
