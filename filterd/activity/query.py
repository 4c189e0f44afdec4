# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be asked of the activity, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Search:
    """The latest *limit* events; what is empty or ``None`` does not narrow. *before_id* turns the page."""

    text: str = ""  # part of a host
    profile: str = ""
    action: str = ""  # allow | block | rewrite
    category: str = ""
    since: float | None = None  # seconds since the epoch
    until: float | None = None
    before_id: int | None = None
    limit: int = 100


class Found(NamedTuple):
    """An event: *times* times the same, the last one at *at*."""

    id: int
    at: int
    host: str
    profile: str
    action: str
    category: str
    cause: str
    rule: str
    list: str
    times: int


class Total(NamedTuple):
    """How often in the hour that begins at *hour*."""

    hour: int
    profile: str
    action: str
    category: str
    times: int
