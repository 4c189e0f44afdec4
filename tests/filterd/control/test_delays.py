# SPDX-License-Identifier: GPL-3.0-or-later
"""Guessing costs more each time, and neither a restart nor a clock shortens it."""

from __future__ import annotations

from pathlib import Path

from filterd.control.delays import FORGET_AFTER_S, LONGEST_DELAY_S, MAX_KEYS, Delays


class Machine:
    def __init__(self) -> None:
        self.uptime = 1000.0
        self.start = "one"

    def delays(self, path: Path) -> Delays:
        return Delays(path, uptime=lambda: self.uptime, boot=lambda: self.start)


def test_ten_wrong_ones_cost_more_than_ten_minutes_and_another_account_nothing(tmp_path: Path) -> None:
    machine = Machine()
    delays = machine.delays(tmp_path / "d.json")
    began = machine.uptime
    for _ in range(9):
        machine.uptime += delays.failed("uid 1001")

    assert machine.uptime - began >= 600
    assert delays.wait_s("uid 1000") == 0


def test_a_typing_mistake_costs_two_seconds(tmp_path: Path) -> None:
    machine = Machine()
    delays = machine.delays(tmp_path / "d.json")
    delays.failed("uid 1000")

    assert delays.wait_s("uid 1000") == 2
    machine.uptime += 2
    assert delays.wait_s("uid 1000") == 0


def test_no_wait_is_longer_than_a_quarter_of_an_hour(tmp_path: Path) -> None:
    delays = Machine().delays(tmp_path / "d.json")

    assert max(delays.failed("uid 1001") for _ in range(2000)) == LONGEST_DELAY_S


def test_the_right_password_ends_the_count(tmp_path: Path) -> None:
    delays = Machine().delays(tmp_path / "d.json")
    for _ in range(5):
        delays.failed("uid 1000")
    delays.succeeded("uid 1000")

    assert delays.wait_s("uid 1000") == 0
    assert delays.failed("uid 1000") == 2


def test_a_restart_of_the_daemon_shortens_nothing(tmp_path: Path) -> None:
    machine = Machine()
    for _ in range(6):
        machine.delays(tmp_path / "d.json").failed("uid 1001")
    machine.uptime += 10

    assert machine.delays(tmp_path / "d.json").wait_s("uid 1001") == 54


def test_a_restart_of_the_machine_begins_the_wait_anew(tmp_path: Path) -> None:
    machine = Machine()
    for _ in range(6):
        machine.delays(tmp_path / "d.json").failed("uid 1001")
    machine.uptime, machine.start = 5.0, "two"

    assert machine.delays(tmp_path / "d.json").wait_s("uid 1001") == 64


def test_yesterday_s_mistakes_are_forgotten(tmp_path: Path) -> None:
    machine = Machine()
    delays = machine.delays(tmp_path / "d.json")
    for _ in range(8):
        delays.failed("uid 1000")
    machine.uptime += FORGET_AFTER_S + LONGEST_DELAY_S

    assert delays.failed("uid 1000") == 2


def test_many_accounts_do_not_fill_the_memory(tmp_path: Path) -> None:
    delays = Machine().delays(tmp_path / "no" / "folder" / "d.json")
    delays._write = lambda: None  # type: ignore[method-assign]  # thousands of writes are not what is shown here
    for number in range(MAX_KEYS + 10):
        delays.failed(f"client {number}")

    assert len(delays._records) == MAX_KEYS
    assert delays.wait_s(f"client {MAX_KEYS + 9}") > 0


def test_a_full_disk_or_a_damaged_file_ends_no_wait_that_runs(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.mkdir()
    delays = Machine().delays(path)
    delays.failed("uid 1001")

    assert delays.wait_s("uid 1001") == 2
