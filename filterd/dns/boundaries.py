# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy's next boundary, remembered: working one out takes longer than answering a query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from filterd.policy.model import Client

Boundary = Callable[[Client, datetime], datetime | None]


class _Known(NamedTuple):
    since: datetime
    end: datetime | None


class Boundaries:
    """*find* for the clients of a policy, whose profile *profile_of* tells; for one policy only."""

    def __init__(self, find: Boundary, profile_of: Callable[[Client], str]) -> None:
        self._find = find
        self._profile_of = profile_of
        self._known: dict[str, _Known] = {}
        self._client: Client | None = None
        self._profile = ""

    def __call__(self, client: Client, when: datetime) -> datetime | None:
        """Return when the verdicts for *client* may next change after *when*; ``None``: never."""
        # Queries come in runs of one client's: it is known by its identity faster than by its profile.
        if client is not self._client:
            self._client, self._profile = client, self._profile_of(client)
        profile = self._profile
        known = self._known.get(profile)
        # Only forward from the moment it was found for: a clock that was set back may have other boundaries before it.
        if known is None or when < known.since or (known.end is not None and when >= known.end):
            known = self._known[profile] = _Known(when, self._find(client, when))
        return known.end
