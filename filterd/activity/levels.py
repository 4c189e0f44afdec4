# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of what is decided may be kept."""

from __future__ import annotations

from filterd.policy.profile import Record

_RANK = {Record.NONE: 0, Record.BLOCKED: 1, Record.ALL: 2}


def level_of(profile: Record, ceiling: Record) -> Record:
    """Return what may be recorded where a *profile* wants so much and the *ceiling* allows so much."""
    return min(profile, ceiling, key=_RANK.__getitem__)


def may_keep(level: Record, *, blocked: bool) -> bool:
    """Return whether a decision may be kept at *level*, a refusal where *blocked*."""
    return level is Record.ALL or (blocked and level is Record.BLOCKED)
