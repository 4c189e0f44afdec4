# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices that the clock was set: schedules and permissions go by it."""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_S = 60.0


def _boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # goes on while the machine sleeps, unlike the monotonic one


class ClockWatch:
    """Compares the wall's clock with the seconds since the machine was started, which nobody can set."""

    def __init__(self, *, wall: Callable[[], float] = time.time, uptime: Callable[[], float] = _boot_time) -> None:
        self._wall = wall
        self._uptime = uptime
        self._offset = wall() - uptime()

    def take_jump(self) -> float | None:
        """Return by how many seconds the clock was set since it was last found set; ``None`` where by few or none."""
        offset = self._wall() - self._uptime()
        jump = offset - self._offset
        if abs(jump) <= JUMP_S:
            return None
        self._offset = offset
        return jump
