# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd doctor` tells people and machines, and ends with 1 where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.filterd.commands.conftest import Run


def test_people_read_it_in_spanish_with_the_way_out(run: Run, config: Path) -> None:
    out = run("doctor", "--config", str(config))

    assert out.status == 1
    assert "✗ El filtro no está en marcha." in out.out
    assert "    → " in out.out


def test_english_where_the_system_speaks_it(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")

    assert "The filter is not running." in run("doctor", "--config", str(config)).out


def test_machines_read_json(run: Run, config: Path) -> None:
    found = json.loads(run("doctor", "--json", "--config", str(config)).out)

    assert {"id", "level", "es", "en"} <= set(found[0])
    assert {entry["level"] for entry in found} <= {"ok", "note", "problem"}
