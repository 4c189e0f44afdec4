# SPDX-License-Identifier: GPL-3.0-or-later
"""A pause and a permission run as long as they were given, and nothing that is damaged opens anything."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.standing import Given, Standing, encode_standing, read_standing, standing_path

PERMISSION = Given(id="1", profile="child", host="example.com", until=1_800_000_900.0, for_closed_hours=True)
NOW = 1_800_000_000.0


def test_what_was_written_is_read(tmp_path: Path) -> None:
    standing = Standing(on=False, off_until=NOW + 60, permissions=(PERMISSION,))
    path = tmp_path / "standing.json"
    path.write_bytes(encode_standing(standing))

    assert read_standing(path) == (standing, "")


def test_nothing_said_is_on(tmp_path: Path) -> None:
    standing, problem = read_standing(standing_path(tmp_path))

    assert (standing, problem) == (Standing(), "")
    assert standing.protection().covers(datetime.fromtimestamp(NOW, UTC))


def test_a_pause_ends_by_itself() -> None:
    paused = Standing(off_until=NOW + 60)

    assert not paused.protection().covers(datetime.fromtimestamp(NOW, UTC))
    assert paused.protection().covers(datetime.fromtimestamp(NOW + 60, UTC))
    assert paused.at(NOW) == paused
    assert paused.at(NOW + 60) == Standing()


def test_a_pause_of_what_was_off_leaves_it_on_at_its_end() -> None:
    assert Standing(on=False, off_until=NOW).at(NOW + 1).on


def test_off_stays_off() -> None:
    assert Standing(on=False).at(NOW + 10**9) == Standing(on=False)


def test_permissions_run_out_and_follow_their_profile() -> None:
    standing = Standing(permissions=(PERMISSION,))
    (found,) = standing.running()

    assert (found.profile, found.host, found.for_closed_hours, found.address) == ("child", "example.com", True, None)
    assert standing.running(frozenset({"adult"})) == ()
    assert standing.at(PERMISSION.until - 1).permissions == (PERMISSION,)
    assert standing.at(PERMISSION.until).permissions == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"on": "no"}',
        b'{"on": false, "off_until": 1e300}',
        b'{"on": false, "permissions": [{"id": "1", "profile": "child", "host": "A b", "until": 9}]}',
        b"\xff",
    ],
)
def test_what_is_damaged_is_on_and_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "standing.json"
    path.write_bytes(content)
    standing, problem = read_standing(path)

    assert standing == Standing()
    assert "protection is on" in problem


@given(st.binary(max_size=200))
def test_no_bytes_turn_it_off_by_accident(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("s") / "standing.json"
    path.write_bytes(content)

    assert read_standing(path)[0].on
