# SPDX-License-Identifier: GPL-3.0-or-later
"""What control tells its clients: typed, versioned."""

from __future__ import annotations

import msgspec

API_VERSION = 1


class RoleStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the daemon."""

    name: str
    state: str  # starting | ready | died
    pid: int = 0
    restarts: int = 0
    problem: str = ""


class ListStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A subscribed list: its last good copy and what was wrong with the last that came."""

    id: str
    category: str
    source: str = ""
    entries: int = 0
    fetched: str | None = None  # ISO 8601, UTC
    age_days: float | None = None
    state: str = "never fetched"  # ok | refused | stale | never fetched
    doubtful: bool = False
    refused: str = ""  # why the last copy was refused, in one line
    dropped: dict[str, int] = msgspec.field(default_factory=dict)  # names taken out, by reason
    examples: dict[str, list[str]] = msgspec.field(default_factory=dict)


class DatabaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The compiled database in force."""

    built: str | None = None
    names: int = 0
    problem: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The running daemon."""

    api: int = API_VERSION
    version: str = ""
    protection: str = "on"  # on | paused | off
    until: str | None = None
    started: str = ""
    queries: int = 0  # decisions, DNS and web together
    blocked: int = 0
    rewritten: int = 0
    uncounted: int = 0  # decisions that were carried out while control was away or busy
    by_stage: dict[str, int] = msgspec.field(default_factory=dict)
    blocked_by_category: dict[str, int] = msgspec.field(default_factory=dict)
    blocked_by_cause: dict[str, int] = msgspec.field(default_factory=dict)
    roles: list[RoleStatus] = msgspec.field(default_factory=list)
    lists: list[ListStatus] = msgspec.field(default_factory=list)
    database: DatabaseStatus = DatabaseStatus()
    problems: list[str] = msgspec.field(default_factory=list)
