# SPDX-License-Identifier: GPL-3.0-or-later
"""The link never waits, tells how the daemon stands, and keeps the session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterd.control.client import DaemonUnreachable, Refused
from filterd.control.messages import Done, PermissionState, SetProtection, SettingsText, Status
from filterd_gui.daemon_link import DaemonLink, NotUnderstood, Standing, nothing
from tests.gui.fake_daemon import PASSWORD, FakeDaemon


def test_a_running_daemon_is_found(link: DaemonLink, qtbot: QtBot) -> None:
    with qtbot.waitSignal(link.standing_changed):
        link.look()
    qtbot.waitUntil(lambda: link.caller.uid == 1000)

    assert link.standing is Standing.HERE
    assert link.status.queries == 1234


def test_a_daemon_that_goes_and_comes_back_is_noticed(link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> None:
    link.look()
    qtbot.waitUntil(lambda: link.standing is Standing.HERE)
    daemon.stop()
    failures: list[Any] = []
    link.get("/v1/status", Status, nothing, failures.append)
    qtbot.waitUntil(lambda: link.standing is Standing.GONE)
    daemon.start()
    qtbot.waitUntil(lambda: link.standing is Standing.HERE)

    assert isinstance(failures[0], DaemonUnreachable)


def test_no_daemon_at_all_is_told(runtime: Path, qapp: QApplication, qtbot: QtBot) -> None:
    link = DaemonLink(runtime)
    with qtbot.waitSignal(link.standing_changed):
        link.look()

    assert link.standing is Standing.GONE
    link.deleteLater()


def test_a_slow_daemon_is_told_and_recovers(daemon: FakeDaemon, runtime: Path, qtbot: QtBot) -> None:
    link = DaemonLink(runtime, slow_after_ms=30)
    daemon.held.clear()
    link.look()
    qtbot.waitUntil(lambda: link.standing is Standing.SLOW)
    daemon.held.set()

    qtbot.waitUntil(lambda: link.standing is Standing.HERE)
    link.deleteLater()


def test_a_daemon_of_another_version_is_told(link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.api = 2
    link.look()

    qtbot.waitUntil(lambda: link.standing is Standing.NEWER)


def test_an_answer_that_nobody_understands_is_told(link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.rubbish.add("/v1/status")
    failures: list[Any] = []
    link.get("/v1/status", Status, nothing, failures.append)
    link.look()
    qtbot.waitUntil(lambda: link.standing is Standing.NEWER and bool(failures))

    assert isinstance(failures[0], NotUnderstood)


def test_reading_without_a_session_asks_nobody(link: DaemonLink, qtbot: QtBot) -> None:
    failures: list[Any] = []
    wanted: list[object] = []
    link.unlock_wanted.connect(lambda *_: wanted.append(1))
    link.get("/v1/settings", SettingsText, nothing, failures.append)
    qtbot.waitUntil(lambda: bool(failures))

    assert isinstance(failures[0], Refused)
    assert failures[0].needs_session
    assert not wanted


def test_a_change_without_a_session_asks_and_then_happens(link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> None:
    link.unlock_wanted.connect(
        lambda opened, _given_up: link.open_session(password=PASSWORD, done=opened, failed=print)
    )  # fmt: skip
    done: list[Done] = []
    link.send("POST", "/v1/protection", SetProtection(state="off"), Done, done.append, print)
    qtbot.waitUntil(lambda: bool(done))

    assert daemon.protection == "off"


def test_a_change_that_nobody_unlocks_does_not_happen(link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> None:
    link.unlock_wanted.connect(lambda _opened, given_up: given_up())
    failures: list[Any] = []
    link.send("POST", "/v1/protection", SetProtection(state="off"), Done, nothing, failures.append)
    qtbot.waitUntil(lambda: bool(failures))

    assert daemon.protection == "on"


def test_a_session_that_the_daemon_ended_is_forgotten(unlocked: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.token = "another"
    with qtbot.waitSignal(unlocked.session_changed):
        unlocked.get("/v1/permissions", list[PermissionState], nothing, nothing)

    assert not unlocked.is_open


def test_looking_at_the_state_does_not_keep_the_session_open(
    unlocked: DaemonLink, daemon: FakeDaemon, qtbot: QtBot
) -> None:  # fmt: skip
    daemon.tokens.clear()
    unlocked.look()
    qtbot.waitUntil(lambda: len(daemon.tokens) == 2)

    assert daemon.tokens == ["", ""]


def test_ending_the_session_is_immediate_here_and_told_there(
    unlocked: DaemonLink, daemon: FakeDaemon, qtbot: QtBot
) -> None:  # fmt: skip
    unlocked.end_session()

    assert not unlocked.is_open
    qtbot.waitUntil(lambda: daemon.token == "ended")


def test_who_is_gone_is_told_nothing(link: DaemonLink, daemon: FakeDaemon, qtbot: QtBot) -> None:
    told: list[object] = []
    link.get("/v1/status", Status, told.append, told.append)
    link.drop_pending()
    later: list[object] = []
    link.get("/v1/status", Status, later.append, later.append)
    qtbot.waitUntil(lambda: bool(later))

    assert not told
