# SPDX-License-Identifier: GPL-3.0-or-later
"""The status as people read it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from filterd.commands.status import show
from filterd.control.messages import DatabaseStatus, ListStatus, RoleStatus, Status, UpstreamStatus
from tests.filterd.commands.conftest import Run


def test_people_see_counts_processes_lists_and_problems() -> None:
    status = Status(
        version="1.2", queries=10, blocked=3, blocked_by_category={"gambling": 3},
        roles=[RoleStatus(name="dns", state="ready", pid=7, restarts=1)],
        lists=[ListStatus(id="ut1", category="all", entries=5, age_days=1.5, state="ok")],
        database=DatabaseStatus(built="2026-11-21", names=9), problems=["dns: it rained"],
        dns={"queries": 100, "ready": 70, "cache_hits": 5, "limited": 2},
        upstreams=[
            UpstreamStatus(name="tls://1.1.1.1", asked=25, failed=1, up=False, mean_ms=12.34, error="timed out")
        ],
    )  # fmt: skip
    screen = io.StringIO()
    show(status, Console(file=screen, width=200))
    text = screen.getvalue()

    for part in (
        "10 decisions, 3 blocked",
        "gambling",
        "dns",
        "ut1 (all): 5 entries, 1.5 days old, ok",
        "problem: dns: it rained",
        "DNS: 100 queries, 75 % from memory, 2 limited",
        "tls://1.1.1.1: 25 asked, 1 failed, 12.3 ms down: timed out",
    ):
        assert part in text


def test_no_daemon_is_status_1_and_one_line(run: Run, config: Path) -> None:
    out = run("status", "--config", str(config))

    assert out.status == 1
    assert "not running" in out.err
    assert out.err.count("\n") == 1


@pytest.mark.parametrize("wrong", ["[profiles.child]\nalow = []\n", "x = = 1\n"])
def test_a_wrong_configuration_is_told_and_the_daemon_asked_all_the_same(run: Run, config: Path, wrong: str) -> None:
    config.write_text(config.read_text() + wrong)
    out = run("status", "--config", str(config))
    first, second = out.err.splitlines()

    assert str(config) in first
    assert "not running" in second
