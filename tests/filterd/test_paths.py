# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of user has places of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd import paths


@pytest.fixture
def plain_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("filterd.paths.os.geteuid", lambda: 1000)
    monkeypatch.setattr(paths, "SYSTEM_CONFIG", tmp_path / "etc" / "filterd.toml")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_root_state_lies_under_the_home(plain_user: Path) -> None:
    assert paths.default_state() == plain_user / "home" / ".local" / "state" / "filterd"
    assert paths.default_runtime() == paths.default_state() / "run"
    assert paths.default_config() is None


def test_xdg_folders_are_followed_when_absolute(plain_user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/x/state")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")

    assert paths.default_state() == Path("/x/state/filterd")
    assert paths.default_runtime() == Path("/x/state/filterd/run")


def test_an_installed_system_is_the_same_for_everybody(plain_user: Path) -> None:
    paths.SYSTEM_CONFIG.parent.mkdir()
    paths.SYSTEM_CONFIG.touch()

    assert paths.default_config() == paths.SYSTEM_CONFIG
    assert paths.default_state() == paths.SYSTEM_STATE
    assert paths.default_runtime() == paths.SYSTEM_RUNTIME


def test_the_shipped_categories_are_found() -> None:
    assert (paths.categories_folder() / "hosting-parents.txt").is_file()
