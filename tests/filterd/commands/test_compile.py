# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd compile` builds the database, or says in one line why not."""

from __future__ import annotations

from pathlib import Path

from tests.filterd.commands.conftest import Run


def test_it_tells_what_was_built(run: Run, config: Path) -> None:
    out = run("compile", "--config", str(config))

    assert out.status == 0
    assert " names of " in out.out


def test_nothing_is_built_again_where_nothing_changed(run: Run, config: Path) -> None:
    run("compile", "--config", str(config))

    assert "up to date" in run("compile", "--if-needed", "--config", str(config)).out


def test_a_place_that_cannot_be_written_is_named(run: Run, config: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    out = run("compile", "--config", str(config))

    assert out.status == 1
    assert str(tmp_path / "state") in out.err
    assert out.err.count("\n") == 1
