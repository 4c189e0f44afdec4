# SPDX-License-Identifier: GPL-3.0-or-later
"""How long somebody who guessed wrong must wait: longer each time, over restarts, whatever the clock is set to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from filterd.control.private_file import write_private

FIRST_DELAY_S, LONGEST_DELAY_S = 2.0, 900.0
FORGET_AFTER_S = 86400.0  # a wrong password of yesterday costs nothing today
MAX_KEYS = 4096

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Record(msgspec.Struct):
    failures: int = 0
    until_s: float = 0.0  # uptime
    delay_s: float = 0.0
    boot: str = ""


class Delays:
    """The waits of each *key* ("uid 1000"), kept in the file *path*.

    *uptime* is seconds since the machine started, which no clock change moves; *boot* tells one start from another.
    """

    def __init__(
        self, path: Path, *, uptime: Callable[[], float] | None = None, boot: Callable[[], str] | None = None
    ) -> None:
        self._path = path
        self._uptime = uptime or _uptime_s
        self._boot = (boot or _boot_id)()
        self._records = self._read()

    def wait_s(self, key: str) -> float:
        """Return how many seconds *key* must still wait; 0 where it may try."""
        record = self._records.get(key)
        return max(0.0, record.until_s - self._uptime()) if record else 0.0

    def failed(self, key: str) -> float:
        """Note a wrong guess of *key* and return the wait that it cost."""
        now = self._uptime()
        record = self._records.pop(key, None) or _Record()
        if now - record.until_s > FORGET_AFTER_S:
            record.failures = 0
        record.failures += 1
        record.delay_s = min(FIRST_DELAY_S * 2.0 ** min(record.failures - 1, 30), LONGEST_DELAY_S)
        record.until_s = now + record.delay_s
        record.boot = self._boot
        self._records[key] = record  # at the end: the first is the one that has not failed for longest
        while len(self._records) > MAX_KEYS:
            del self._records[next(iter(self._records))]
        self._write()
        return record.delay_s

    def succeeded(self, key: str) -> None:
        """Forget what *key* guessed wrong."""
        if self._records.pop(key, None):
            self._write()

    def _read(self) -> dict[str, _Record]:
        try:
            records = msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Record])
        except (OSError, msgspec.DecodeError):
            return {}
        for record in records.values():
            if record.boot != self._boot:
                # Uptime began anew: the whole wait too, for nobody knows how long the machine was off.
                record.until_s, record.boot = self._uptime() + record.delay_s, self._boot
        return records

    def _write(self) -> None:
        # Without room on the disk the waits hold in memory.
        with contextlib.suppress(OSError):
            write_private(self._path, msgspec.json.encode(self._records))


def _uptime_s() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
