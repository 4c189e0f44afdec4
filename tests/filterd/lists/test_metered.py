# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that are paid by volume."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import pytest

from filterd.lists.metered import is_metered, run_command


def answering(**answers: str | None) -> Callable[[Sequence[str]], str | None]:
    return lambda command: answers.get(command[0])


@pytest.mark.parametrize(("value", "metered"), [("0", False), ("1", True), ("2", False), ("3", True), ("4", False)])
def test_network_manager_says_so(value: str, metered: bool) -> None:
    assert is_metered(answering(busctl=f"u {value}\n"), "linux") is metered


@pytest.mark.parametrize(
    ("shown", "metered"),
    [
        ("GENERAL.STATE:100 (connected)\nGENERAL.METERED:yes\n", True),
        ("GENERAL.STATE:100 (connected)\nGENERAL.METERED:yes (guessed)\n", True),
        ("GENERAL.STATE:100 (connected)\nGENERAL.METERED:no (guessed)\n", False),
        ("GENERAL.STATE:30 (disconnected)\nGENERAL.METERED:yes\n", False),
        ("GENERAL.STATE:30 (x)\nGENERAL.METERED:no\n\nGENERAL.STATE:100 (x)\nGENERAL.METERED:yes\n", True),
        ("", False),
    ],
)
def test_its_command_line_says_so_where_the_bus_does_not(shown: str, metered: bool) -> None:
    assert is_metered(answering(nmcli=shown), "linux") is metered


def test_where_nobody_can_tell_the_link_is_free() -> None:
    assert not is_metered(answering(), "linux")
    assert not is_metered(answering(busctl="rubbish"), "linux")
    assert not is_metered(answering(busctl="u 1"), "darwin")


def test_a_command_that_is_missing_or_fails_says_nothing() -> None:
    assert run_command(["/nonexistent/command"]) is None
    assert run_command([sys.executable, "-c", "raise SystemExit(1)"]) is None
    assert run_command([sys.executable, "-c", "print('yes')"]) == "yes\n"
