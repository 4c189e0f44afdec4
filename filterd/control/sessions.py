# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of the adult: opened with the password, bound to the account that opened them, ended by minutes idle."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

IDLE_S = 600.0
LONGEST_S = 8 * 3600.0
MAX_PER_ACCOUNT = 8


@dataclass(slots=True)
class _Session:
    who: str
    opened: float
    used: float


class Sessions:
    """The open sessions, in memory only: a restart ends them. Tokens are kept as digests."""

    def __init__(self, *, idle_s: float = IDLE_S, now: Callable[[], float] = time.monotonic) -> None:
        self._idle_s = idle_s
        self._now = now
        self._sessions: dict[bytes, _Session] = {}

    def open(self, who: str) -> str:
        """Return the token of a new session of the account *who*; the one it used longest ago may give way."""
        self._end_idle()
        own = [key for key, session in self._sessions.items() if session.who == who]
        for key in sorted(own, key=lambda k: self._sessions[k].used)[: max(0, len(own) - MAX_PER_ACCOUNT + 1)]:
            del self._sessions[key]
        token = secrets.token_urlsafe(32)
        self._sessions[_digest(token)] = _Session(who, self._now(), self._now())
        return token

    def check(self, token: str, who: str) -> bool:
        """Return whether *token* is of an open session of *who*, which it keeps open."""
        self._end_idle()
        session = self._sessions.get(_digest(token))
        if session is None or session.who != who:
            return False
        session.used = self._now()
        return True

    def end(self, token: str) -> None:
        """End the session of *token*."""
        self._sessions.pop(_digest(token), None)

    def end_all(self) -> None:
        """End every session: the password changed."""
        self._sessions.clear()

    def __len__(self) -> int:
        """Return how many are open."""
        self._end_idle()
        return len(self._sessions)

    def _end_idle(self) -> None:
        now = self._now()
        ended = [
            key for key, s in self._sessions.items() if now - s.used >= self._idle_s or now - s.opened >= LONGEST_S
        ]
        for key in ended:
            del self._sessions[key]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
