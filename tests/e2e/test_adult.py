# SPDX-License-Identifier: GPL-3.0-or-later
"""The adult's word at the real daemon: in force within two seconds, by password, not to be forced (Art. 4)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.control.client import Daemon as Control
from filterd.control.client import Refused
from tests.e2e.support import FILTERD, ROOT, Daemon, Upstream, ask, filterd, is_blocked, wait_until

pytestmark = pytest.mark.xdist_group("daemon")

PASSWORD = "mandioca con queso"
IN_FORCE_S = 2.0  # D4.b
BLOCKED = "gambling.prueba.home.arpa"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("d")
    config = '[proxy]\nlisten = "127.0.0.1:0"\nprivate_targets = ["192.0.2.0/24"]\n'
    with Daemon(folder, config, upstream=upstream.port) as running:
        adult(running, "password", "set", stdin=PASSWORD)
        yield running


def adult(daemon: Daemon, *command: str, stdin: str = PASSWORD, check: bool = True) -> subprocess.CompletedProcess[str]:
    return filterd(*command, "--password-stdin", "--config", str(daemon.config), input=stdin + "\n", check=check)


def control(daemon: Daemon) -> Control:
    opened = Control(daemon.runtime)
    opened.open_session(password=PASSWORD)
    return opened


def blocked_by_web(daemon: Daemon, host: str) -> bool:
    return daemon.fetch(f"http://{host}/")[0] == 403


def test_an_exception_is_in_force_for_names_and_web_within_two_seconds_and_no_query_is_lost(daemon: Daemon) -> None:
    stop, lost = threading.Event(), []

    def ask_on() -> None:
        while not stop.is_set():
            try:
                ask(daemon.dns, "ordinary.example", timeout_s=1)
            except TimeoutError:
                lost.append(time.monotonic())

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        adult(daemon, "deny", "malo.example")
        began = time.monotonic()
        wait_until(lambda: is_blocked(daemon.dns, "www.malo.example"), within_s=IN_FORCE_S, what="denied to DNS")
        wait_until(lambda: blocked_by_web(daemon, "malo.example"), within_s=IN_FORCE_S, what="denied to the web")
        adult(daemon, "allow", BLOCKED)
        wait_until(lambda: not is_blocked(daemon.dns, BLOCKED), within_s=IN_FORCE_S, what="allowed")
        assert time.monotonic() - began < 30
    finally:
        stop.set()
        thread.join(5)

    assert lost == []
    wait_until(lambda: is_blocked(daemon.dns, "drugs.prueba.home.arpa"), within_s=1, what="the rest stays")


def test_off_and_on_with_the_password_alone(daemon: Daemon) -> None:
    wrong = adult(daemon, "off", stdin="falsa", check=False)
    assert wrong.returncode == 3
    assert is_blocked(daemon.dns, "drugs.prueba.home.arpa")
    time_to_wait = 2.2  # what a wrong password costs; the daemon counts it, not the test
    wait_until(lambda: adult(daemon, "off", check=False).returncode == 0, within_s=time_to_wait + 8, what="off")
    wait_until(lambda: not is_blocked(daemon.dns, "drugs.prueba.home.arpa"), within_s=IN_FORCE_S, what="off")
    assert daemon.status()["protection"] == "off"
    adult(daemon, "on")
    wait_until(lambda: is_blocked(daemon.dns, "drugs.prueba.home.arpa"), within_s=IN_FORCE_S, what="on")


def test_a_pause_ends_by_itself_for_names_that_were_answered_meanwhile(daemon: Daemon) -> None:
    adult(daemon, "pause", "0.05")
    wait_until(lambda: not is_blocked(daemon.dns, "alcohol.prueba.home.arpa"), within_s=IN_FORCE_S, what="paused")
    wait_until(lambda: is_blocked(daemon.dns, "alcohol.prueba.home.arpa"), within_s=5, what="over")


def test_a_child_asks_and_the_answer_opens_and_ends(daemon: Daemon) -> None:
    host = "tobacco.prueba.home.arpa"
    child = Control(daemon.runtime)
    request = child.ask("POST", "/v1/requests", {"host": host, "comment": "para la tarea"}, dict)
    parent = control(daemon)
    parent.ask("POST", f"/v1/requests/{request['id']}/answer", {"answer": "15-minutes"}, dict)
    wait_until(lambda: not is_blocked(daemon.dns, host), within_s=IN_FORCE_S, what="opened")
    (permission,) = parent.ask("GET", "/v1/permissions", None, list)
    assert 0 < permission["left_s"] <= 900
    parent.ask("DELETE", f"/v1/permissions/{permission['id']}", None, dict)

    wait_until(lambda: is_blocked(daemon.dns, host), within_s=IN_FORCE_S, what="ended")


def test_what_was_blocked_is_found_in_the_activity(daemon: Daemon) -> None:
    ask(daemon.dns, "weapons.prueba.home.arpa")
    parent = control(daemon)

    def seen() -> bool:
        return bool(parent.ask("GET", "/v1/activity?text=weapons", None, dict)["events"])

    wait_until(seen, within_s=5, what="the block is in the activity")
    assert parent.ask("GET", "/v1/activity?text=ordinary", None, dict)["events"] == [], "only what is blocked is kept"


def test_the_log_is_whole_and_names_each_change(daemon: Daemon) -> None:
    adult(daemon, "deny", "otro.example")
    parent = control(daemon)  # before the wrong password, which costs this account a wait
    with pytest.raises(Refused):
        Control(daemon.runtime).open_session(password="falsa")
    report = parent.ask("GET", "/v1/audit?limit=1000", None, dict)

    assert report["problems"] == []
    assert {"password-set", "password-failed", "deny-added"} <= {e["what"] for e in report["entries"]}
    assert PASSWORD not in str(report)


def test_the_password_is_in_no_log_process_list_or_file(daemon: Daemon) -> None:
    assert daemon.process is not None
    assert PASSWORD not in daemon.output()
    for path in (*daemon.state.rglob("*"), *daemon.runtime.rglob("*"), daemon.config):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert PASSWORD.encode() not in process.read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


AS_NOBODY = """
import os, signal, sys
sys.path.insert(0, sys.argv[4])
from pathlib import Path
from filterd.control.client import Daemon, Refused
os.setgroups([]); os.setgid(65534); os.setuid(65534)  # after the imports: the interpreter may lie in root's home
runtime, state, supervisor = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
daemon, opened = Daemon(runtime), []
assert daemon.me().uid == 65534
calls = [
    ("POST", "/v1/protection", {"state": "off"}),
    ("PATCH", "/v1/settings", {"changes": [[["policy", "default_profile"], "adult"]]}),
    ("POST", "/v1/exceptions", {"domains": ["x.example"], "to": "allow"}), ("GET", "/v1/activity", None),
    ("POST", "/v1/password", {"password": "mine-now"}), ("PUT", "/v1/password", {"new": "mine-now"}),
    ("POST", "/v1/activity/purge", {}), ("GET", "/v1/audit", None),
]
for method, path, body in calls:
    try:
        daemon.ask(method, path, body, dict)
        opened.append(path)
    except Refused as refused:
        assert refused.status in (401, 403, 409), refused
for name in (
    "control/auth.json", "control/standing.json", "control/delays.json", "audit/audit.jsonl", "activity/activity.db"
):
    for mode in ("rb", "ab"):
        try:
            open(state / name, mode).close()
            opened.append(name)
        except (PermissionError, FileNotFoundError):
            pass
try:
    os.kill(supervisor, signal.SIGTERM)
    opened.append("signal")
except PermissionError:
    pass
raise SystemExit(", ".join(opened) if opened else 0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_account_without_the_password_changes_nothing_by_socket_file_or_signal(
    daemon: Daemon, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert daemon.process is not None
    for folder in (daemon.folder, *daemon.folder.parents):  # pytest's own folders are closed to others
        if folder == Path(folder.anchor):
            break
        folder.chmod(folder.stat().st_mode | 0o055)
    command = [sys.executable, "-c", AS_NOBODY, *map(str, (daemon.runtime, daemon.state, daemon.process.pid, ROOT))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")

    assert done.returncode == 0, done.stderr
    assert daemon.status()["protection"] == "on"


def test_the_first_password_survives_a_kill(tmp_path: Path, upstream: Upstream) -> None:
    with Daemon(tmp_path, upstream=upstream.port) as first:
        adult(first, "password", "set")
        pid = int(first.role("control")["pid"])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: first.role("control").get("pid", pid) not in (pid, 0), within_s=10, what="control is back")
        assert adult(first, "password", "set", stdin="otra clave", check=False).returncode == 1
        assert adult(first, "off", check=False).returncode == 0

    assert FILTERD
