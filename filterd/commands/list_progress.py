# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress bars of an update of lists, on a terminal."""

from __future__ import annotations

import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from filterd.lists.model import Outcome


class Bars:
    """One bar a download, one line a list that is judged. Calls may come from several threads."""

    def __init__(self, *, enabled: bool, console: Console | None = None) -> None:
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn(),
        )  # fmt: skip
        screen = console or Console(stderr=True)
        self._progress = Progress(
            *columns, console=screen, transient=True, disable=not enabled or not screen.is_terminal
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Bars:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take them away."""
        self._progress.stop()

    def downloading(self, url: str, received: int, total: int | None) -> None:
        """Say that *received* bytes of *total* have come from *url*."""
        self._progress.update(self._task(url), completed=received, total=total)

    def judging(self, subscription: str, rules: int) -> None:
        """Say that *rules* of *subscription* have been judged."""
        self._progress.update(self._task(subscription), completed=rules, description=f"{subscription}: {rules} names")

    def finished(self, subscription: str, outcome: Outcome) -> None:
        """Say that *subscription* is done."""
        task = self._task(subscription)
        self._progress.update(task, description=f"{subscription}: {outcome}")
        self._progress.stop_task(task)

    def _task(self, name: str) -> TaskID:
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(name, total=None)
            return self._tasks[name]
