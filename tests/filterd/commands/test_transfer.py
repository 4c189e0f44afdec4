# SPDX-License-Identifier: GPL-3.0-or-later
"""All settings in one file, and back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.filterd.commands.conftest import Run
from tests.filterd.control.fakes import PASSWORD, Control


def test_an_export_brings_back_what_was_changed_since(run: Run, control: Control, served: Path, tmp_path: Path) -> None:
    control.set_password()
    saved = tmp_path / "ajustes.toml"
    options = ("--password-stdin", "--config", str(served))
    assert run("export", "settings", "--out", str(saved), *options, stdin=PASSWORD).status == 0
    run("deny", "malo.example", *options, stdin=PASSWORD)

    shown = run("restore", str(saved), "--dry-run", *options, stdin=PASSWORD)
    assert shown.out == 'profiles.child.deny: ["malo.example"] → null\n'
    assert control.house.settings.profiles["child"].deny == ("malo.example",)
    done = run("restore", str(saved), "--json", *options, stdin=PASSWORD)
    assert json.loads(done.out)["done"]
    assert "malo.example" not in control.config.read_text()
    assert "nothing changes" in run("restore", str(saved), *options, stdin=PASSWORD).out


def test_an_export_needs_the_password_and_holds_none(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    assert run("export", "settings", "--config", str(served)).status == 3
    out = run("export", "settings", "--password-stdin", "--config", str(served), stdin=PASSWORD)

    assert "juegos.example" in out.out
    assert PASSWORD not in out.out
    assert "argon2" not in out.out


def test_what_is_no_export_is_refused(run: Run, control: Control, served: Path, tmp_path: Path) -> None:
    control.set_password()
    wrong = tmp_path / "x"
    wrong.write_bytes(b"\xff\xfe")
    assert run("restore", str(wrong), "--config", str(served)).status == 1
    wrong.write_text("[dsn]")
    out = run("restore", str(wrong), "--password-stdin", "--config", str(served), stdin=PASSWORD)

    assert out.status == 1
    assert "did you mean 'dns'" in out.err
