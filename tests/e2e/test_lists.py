# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists and databases that go wrong under a running daemon: what was good stays in force."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.database.store import generations
from tests.e2e.support import Daemon, Site, Upstream, can_mount, filterd, is_blocked, small_disk, wait_until

pytestmark = pytest.mark.xdist_group("daemon")

NAMES = "".join(f"quetzal{n}.example\n" for n in range(2000))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.stop()


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site({"/list": NAMES.encode()})
    yield running
    running.stop()


def subscription(site: Site) -> str:
    return f'[lists.mine]\ncategory = "gambling"\nurl = "http://127.0.0.1:{site.port}/list"\n'


def blocked_soon(daemon: Daemon, name: str) -> None:
    wait_until(lambda: is_blocked(daemon.dns, name), within_s=5, what=f"{name} is blocked")


def update(daemon: Daemon) -> tuple[int, str]:
    done = filterd("lists", "update", "--quiet", "--config", str(daemon.config), check=False)
    return done.returncode, done.stderr


def test_an_update_is_in_force_without_a_restart_and_a_bad_one_changes_nothing(
    tmp_path: Path, upstream: Upstream, site: Site
) -> None:
    with Daemon(tmp_path, subscription(site), upstream=upstream.port) as daemon:
        assert not is_blocked(daemon.dns, "www.quetzal7.example")
        assert update(daemon) == (0, "")
        blocked_soon(daemon, "www.quetzal7.example")

        for bad in (b"<!doctype html><title>Portal</title>" * 50, b"", NAMES.encode()[:900], bytes(range(256)) * 40):
            site.pages["/list"] = bad
            status, said = update(daemon)

            assert status == 1
            assert said.startswith("filterd: list mine: ")
            assert said.count("\n") == 1
            assert is_blocked(daemon.dns, "www.quetzal7.example")
        problems = daemon.status()["problems"]

    assert [problem for problem in problems if problem.startswith("list mine: ")]


def test_a_database_cut_under_the_daemon_is_refused_and_the_last_good_one_used(
    tmp_path: Path, upstream: Upstream, site: Site
) -> None:
    with Daemon(tmp_path, subscription(site), upstream=upstream.port) as daemon:
        update(daemon)
        blocked_soon(daemon, "quetzal7.example")
        newest = generations(daemon.state / "database")[0]
        os.truncate(newest, 5000)
        daemon.hang_up()

        def recovered() -> bool:
            with contextlib.suppress(OSError):
                return is_blocked(daemon.dns, "quetzal7.example") and is_blocked(
                    daemon.dns, "gambling.prueba.home.arpa"
                )
            return False

        wait_until(recovered, within_s=10, what="names are blocked again")
        wait_until(lambda: daemon.role("dns").get("state") == "ready", within_s=5, what="dns is ready")
        again = filterd("check", "--json", "--config", str(daemon.config), "quetzal7.example").stdout

    assert json.loads(again)["action"] == "block"


@pytest.mark.skipif(not can_mount(), reason="mounting a small disk needs root")
def test_a_full_disk_never_stops_filtering_and_loses_nothing(tmp_path: Path, upstream: Upstream, site: Site) -> None:
    with (
        small_disk(tmp_path / "disk", "6m") as disk,
        Daemon(tmp_path, subscription(site), upstream=upstream.port, state=disk / "state") as daemon,
    ):
        update(daemon)
        blocked_soon(daemon, "quetzal7.example")
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        site.pages["/list"] = "".join(f"nueva{n}-{n * 7919}.example\n" for n in range(60_000)).encode()
        status, said = update(daemon)
        compiled = filterd("compile", "--config", str(daemon.config), check=False)
        daemon.hang_up()
        still = is_blocked(daemon.dns, "quetzal7.example"), is_blocked(daemon.dns, "gambling.prueba.home.arpa")
        filler.unlink()
        freed = update(daemon)
        blocked_soon(daemon, "nueva5-39595.example")

    assert status == compiled.returncode == 1
    assert "no space left" in said.lower()
    assert "no space left" in compiled.stderr.lower()
    assert compiled.stderr.count("\n") == 1
    assert still == (True, True)
    assert freed == (0, "")
