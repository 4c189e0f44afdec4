# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands run in this process, on a configuration of their own."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from filterd.cli import main
from tests.filterd.control.conftest import control, runtime, serving

__all__ = ["control", "runtime", "serving"]


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LC_ALL", "es_PY.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str, stdin: str | None = None) -> Outcome:
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsysbinary.readouterr()
        return Outcome(int(str(ended.value.code)), captured.out.decode(), captured.err.decode())

    return call


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "filterd.toml"
    names = tmp_path / "names"
    names.write_text("quetzal.example\nmec.gov.py\n")
    path.write_text(
        f'[paths]\nstate = "{tmp_path}/state"\nruntime = "{tmp_path}/run"\n'
        f'[lists.mine]\ncategory = "gambling"\nurl = "file://{names}"\nformat = "domains"\n'
    )
    return path


@pytest.fixture
def served(serving: Path, tmp_path: Path) -> Path:
    """A configuration whose daemon's control API answers."""
    path = tmp_path / "served.toml"
    path.write_text(f'[paths]\nstate = "{tmp_path}/state"\nruntime = "{serving}"\n')
    return path
