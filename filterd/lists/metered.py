# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the link to the internet is paid by volume."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

_TIMEOUT_S = 5
_PROPERTY = (
    "busctl",
    "--system",
    "--timeout=3",
    "get-property",
    "org.freedesktop.NetworkManager",
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
    "Metered",
)
_DEVICES = ("nmcli", "--terse", "--fields", "GENERAL.STATE,GENERAL.METERED", "device", "show")
_YES = ("1", "3")  # NM_METERED_YES, NM_METERED_GUESS_YES: a telephone's hotspot says so itself

Runner = Callable[[Sequence[str]], str | None]


def run_command(command: Sequence[str]) -> str | None:
    """Return what *command* prints; ``None``: it is not there, fails or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def is_metered(run: Runner = run_command, platform: str = sys.platform) -> bool:
    """Return whether NetworkManager says, or guesses, that the link is metered.

    Where nobody can tell (no NetworkManager, another system) the link counts as free: lists that never come
    protect nobody.
    """
    if not platform.startswith("linux"):
        return False
    answer = run(_PROPERTY)
    if answer is not None:
        return answer.split()[-1:] in [[value] for value in _YES]
    return _any_device_metered(run(_DEVICES) or "")


def _any_device_metered(shown: str) -> bool:
    connected = False
    for line in shown.splitlines():
        field, _, value = line.partition(":")
        if field == "GENERAL.STATE":
            connected = value.startswith("100")  # NM_DEVICE_STATE_ACTIVATED
        elif field == "GENERAL.METERED" and connected and value.startswith("yes"):
            return True
    return False
