# SPDX-License-Identifier: GPL-3.0-or-later
"""The server lives inside a role: signals stay the role's."""

from __future__ import annotations

import signal
from pathlib import Path

from filterd.control.client import fetch_status


def test_serving_leaves_the_signals_alone(serving: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    fetch_status(serving)

    assert signal.getsignal(signal.SIGTERM) is before


def test_many_clients_are_served_one_after_the_other(serving: Path) -> None:
    assert {fetch_status(serving).queries for _ in range(20)} == {4}
