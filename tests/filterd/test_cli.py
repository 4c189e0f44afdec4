# SPDX-License-Identifier: GPL-3.0-or-later
"""Every failure is one line and an exit status; no traceback reaches a user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from filterd import __version__, cli

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    captured = capsys.readouterr()
    return int(str(ended.value.code)), captured.out, captured.err


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run("--help", capsys=capsys)

    assert status == 0
    assert all(f"  {name}" in out for name in ("run", "check", "categories", "lists", "compile", "status"))
    assert "role" not in out.split("Commands:")[1]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version", capsys=capsys) == (0, f"filterd, version {__version__}\n", "")


@pytest.mark.parametrize("arguments", [("chekc",), ("check",), ("lists", "add"), ("check", "--nonsense", "a")])
def test_wrong_usage_is_status_2_and_one_line(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(*arguments, capsys=capsys)

    assert status == 2
    assert err.count("\n") == 1
    assert "--help" in err


def test_without_a_command_the_help_is_shown_as_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys=capsys)

    assert status == 2
    assert "Commands:" in err


def test_a_missing_configuration_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = run("check", "a.org", "--config", str(tmp_path / "absent"), capsys=capsys)

    assert (status, err) == (1, f"filterd: {tmp_path}/absent: no such file; name another with --config\n")


def test_a_bug_is_one_line_that_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(click.Group, "main", broken)
    monkeypatch.delenv("FILTERD_DEBUG", raising=False)
    status, _, err = run("status", capsys=capsys)

    assert status == 1
    assert err.startswith("filterd: unexpected RuntimeError: two lines; this is a bug")
    assert err.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    config = tmp_path / "f.toml"
    config.write_text(f'[paths]\nstate = "{tmp_path}/s"\n')
    names = tmp_path / "names"
    names.write_text("example.org\n" * 20_000)
    command = f"{sys.executable} {ROOT}/filterd/__main__.py check --config {config} --batch {names} | head -n 1"
    out = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)

    assert out.stdout.count("\n") == 1
    assert out.stderr == ""
