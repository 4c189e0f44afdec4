# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress is shown on a terminal and nowhere else."""

from __future__ import annotations

import io

from rich.console import Console

from filterd.commands.list_progress import Bars
from filterd.lists.model import Outcome


def drawn(*, terminal: bool, enabled: bool = True) -> str:
    screen = io.StringIO()
    with Bars(enabled=enabled, console=Console(file=screen, force_terminal=terminal, width=120)) as bars:
        bars.downloading("https://l.example/list", 50, 100)
        bars.judging("mine", 1234)
        bars.finished("mine", Outcome.UPDATED)
    return screen.getvalue()


def test_a_terminal_shows_downloads_and_what_is_judged() -> None:
    text = drawn(terminal=True)

    assert "l.example" in text
    assert "mine" in text


def test_a_file_or_a_quiet_run_gets_nothing() -> None:
    assert drawn(terminal=False).strip() == ""
    assert drawn(terminal=True, enabled=False).strip() == ""
