# SPDX-License-Identifier: GPL-3.0-or-later
"""What the supervisor decides by itself; what it does to real processes is in tests/e2e/test_daemon.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from filterd.settings import Dns, Proxy, ProxyListener, Settings
from filterd.supervisor import AlreadyRunning, Plan, _how, _stamps, lock, own_command


@pytest.mark.parametrize(
    ("settings", "roles"),
    [
        (Settings(), ["control", "dns", "proxy"]),
        (Settings(proxy=Proxy(listen="")), ["control", "dns"]),
        (Settings(dns=Dns(listen=())), ["control", "proxy"]),
        (
            Settings(proxy=Proxy(listen="", listeners=(ProxyListener(listen="127.0.0.1:1"),))),
            ["control", "dns", "proxy"],
        ),
        (Settings(dns=Dns(listen=()), proxy=Proxy(listen="")), ["control"]),
    ],
)
def test_only_the_parts_that_listen_are_started_and_control_first(
    settings: Settings, roles: list[str], tmp_path: Path
) -> None:
    assert Plan(settings, tmp_path, ()).roles() == roles


def test_a_runtime_folder_has_one_daemon_and_names_it(tmp_path: Path) -> None:
    holder = (
        "import sys, pathlib; from filterd.supervisor import lock\n"
        "with lock(pathlib.Path(sys.argv[1])):\n print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=rf"process {other.pid}"), lock(tmp_path):
            pass
        other.kill()
    with lock(tmp_path):
        held = (tmp_path / "filterd.pid").read_text()

    assert held.strip().isdigit()


def test_a_file_written_or_replaced_has_another_stamp(tmp_path: Path) -> None:
    path = tmp_path / "f"
    absent = _stamps([path])
    path.write_text("a")
    written = _stamps([path])
    (tmp_path / "g").write_text("a")
    (tmp_path / "g").replace(path)

    assert absent == [None]
    assert written != absent
    assert _stamps([path]) != written


def test_roles_are_our_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bin/filterd"])
    script = own_command()
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert script == [sys.executable, str(Path("bin/filterd").absolute())]
    assert own_command() == [sys.executable]


@pytest.mark.parametrize(("status", "text"), [(0, "exit status 0"), (-9, "SIGKILL"), (-200, "signal 200")])
def test_the_end_of_a_process_is_told_in_words(status: int, text: str) -> None:
    assert _how(status) == text
