# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is set is noticed, once, and sleep is no jump."""

from __future__ import annotations

import pytest

from filterd.control.clock_watch import ClockWatch


class Clocks:
    wall = 1_000_000.0
    uptime = 50.0


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def watch(clocks: Clocks) -> ClockWatch:
    return ClockWatch(wall=lambda: clocks.wall, uptime=lambda: clocks.uptime)


def test_time_that_passes_on_both_is_no_jump(clocks: Clocks) -> None:
    watching = watch(clocks)
    clocks.wall += 86400
    clocks.uptime += 86400

    assert watching.take_jump() is None


@pytest.mark.parametrize("jump_s", [-7200.0, 61.0])
def test_a_clock_that_is_set_is_told_once(clocks: Clocks, jump_s: float) -> None:
    watching = watch(clocks)
    clocks.wall += jump_s

    assert watching.take_jump() == jump_s
    assert watching.take_jump() is None


def test_small_steps_are_told_when_they_have_added_up(clocks: Clocks) -> None:
    watching = watch(clocks)
    clocks.wall += 40
    first = watching.take_jump()
    clocks.wall += 40

    assert first is None
    assert watching.take_jump() == 80


def test_the_machine_s_own_clocks_agree() -> None:
    assert ClockWatch().take_jump() is None
