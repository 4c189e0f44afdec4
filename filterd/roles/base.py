# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a role: start, say so, reload on SIGHUP, stop on SIGTERM, end when the supervisor ends."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from filterd.settings_read import SettingsError
from filterd.sockets import Bound, from_environment

logger = logging.getLogger(__name__)

CONFIG, NOTIFY, SUPERVISOR = "FILTERD_CONFIG", "FILTERD_NOTIFY", "FILTERD_SUPERVISOR"
SOURCE = "FILTERD_SOURCE"  # the file that the adult's changes are written to; CONFIG is a good copy of it
STOP_WITHIN_S = 1.2  # the supervisor kills after 1.5 s; SIGTERM ends all within 2 s
_PR_SET_PDEATHSIG = 1


class Role(Protocol):
    """What each process does between start and stop."""

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to serve, in *tasks*; the sockets are listening already."""

    async def reload(self) -> None:
        """Take up changed settings or lists, or raise SettingsError/ValueError and keep what is in force."""

    async def stop(self) -> None:
        """End, with what is under way answered."""


def run_role(make: Callable[[Path | None, list[Bound]], Role]) -> int:
    """Run the role that *make* returns from its configuration file and sockets; return the exit status."""
    _end_with_the_supervisor()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = os.environ.get(CONFIG, "")
    notify = Notifier()
    try:
        role = make(Path(config) if config else None, from_environment())
    except (OSError, ValueError) as error:
        notify(f"problem {_one_line(error)}")
        logger.error("cannot start: %s", _one_line(error))  # noqa: TRY400 (for people: no traceback)
        return 1
    asyncio.run(_live(role, notify))
    return 0


async def _live(role: Role, notify: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    stop, reload = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the whole group: the supervisor decides
    async with asyncio.TaskGroup() as tasks:
        await role.start(tasks)
        notify("ready")
        reloading = tasks.create_task(_reload_forever(role, reload, notify))
        await stop.wait()
        reloading.cancel()
        with contextlib.suppress(TimeoutError):  # the supervisor kills what does not end
            await asyncio.wait_for(role.stop(), STOP_WITHIN_S)


async def _reload_forever(role: Role, wanted: asyncio.Event, notify: Callable[[str], None]) -> None:
    while True:
        await wanted.wait()
        wanted.clear()
        try:
            await role.reload()
        except (SettingsError, ValueError, OSError) as error:
            logger.warning("kept the policy in force: %s", _one_line(error))
            notify(f"problem {_one_line(error)}")
        except Exception as error:  # the edge of a role: a bug in a reload must not end what is being served
            logger.exception("kept the policy in force")
            notify(f"problem {type(error).__name__} while reloading; see the log")
        else:
            notify("ready")


class Notifier:
    """Tells the supervisor one line at a time; without one, nobody.

    ``ready`` ends a ``problem``; a ``trouble`` lasts until another one, empty where all is well.
    """

    def __init__(self) -> None:
        self._fd = int(os.environ.get(NOTIFY, "-1"))

    def __call__(self, line: str) -> None:
        """Tell *line*: a word, and for some a text."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.write(self._fd, line.encode() + b"\n")


def _end_with_the_supervisor() -> None:
    """Ask the kernel for SIGTERM when the supervisor dies, so that no orphan holds the ports."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    expected = os.environ.get(SUPERVISOR)
    if expected and os.getppid() != int(expected):  # it died before we could ask
        raise SystemExit(1)


def _one_line(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror and not error.filename else str(error)
    return " ".join(str(text).split())
