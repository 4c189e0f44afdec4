# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the API: who asks, what for, and how it is refused."""

from __future__ import annotations

import enum
import pwd
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Peer:
    """The account at the other end of the socket, as the kernel says (SO_PEERCRED)."""

    uid: int
    pid: int = 0

    @property
    def key(self) -> str:
        """What waits and sessions are counted by."""
        return f"uid {self.uid}"

    @property
    def user(self) -> str | None:
        """The account's name."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return None

    def __str__(self) -> str:
        """Return it as the audit log names it."""
        return f"{self.key} ({self.user})" if self.user else self.key


class ApiError(Exception):
    """A refusal: an HTTP status, one line, and for how long to wait before the next try."""

    def __init__(self, status: int, message: str, *, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.wait_s = wait_s


class Needs(enum.Enum):
    """What a call needs."""

    NOTHING = enum.auto()  # any account of this machine
    SESSION = enum.auto()  # the adult
    JUDGED = enum.auto()  # the handler decides: what tightens may be left open, the first password is special


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given. *body* is of the endpoint's type; *adult*: an open session came along."""

    peer: Peer
    adult: bool = False
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    token: str = ""

    def need_adult(self) -> None:
        """Raise where no session came along.

        Raises:
            ApiError: 401.
        """
        if not self.adult:
            raise ApiError(401, "only the responsible adult may: open a session with the password")


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the API: made into a route and into its description."""

    method: str
    path: str
    summary: str
    handler: Handler
    answer: Any  # the type of the answer
    body: Any = None  # the type of what is sent
    needs: Needs = Needs.SESSION
    query: Mapping[str, str] = field(default_factory=dict)  # name to description
    status: int = 200
