# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of each client connection, for as long as it is open."""

from __future__ import annotations

from dataclasses import dataclass, field

from mitmproxy import connection

from filterd.policy.model import Decision
from filterd.proxy.inspection import Inspection
from filterd.proxy.judge import Refusal
from filterd.proxy.learned import Program
from filterd.proxy.streams import FilterHttpLayer, Route
from filterd.wording import Notice


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What a CONNECT was granted: to *host*, answered by *served_by* (the same, but for safe search), at *route*.

    *refusal* is set where we answer ourselves, in the host's place: there is no server then.
    """

    decision: Decision
    host: str
    served_by: str
    route: Route
    refusal: Refusal | None = None

    @property
    def profile(self) -> str:
        """The profile it was granted under."""
        return self.decision.profile


@dataclass(slots=True)
class Conversation:
    """What is known of one client connection. Nothing is dialled for it that is not *cleared*."""

    tunnel: Tunnel | None = None
    cleared: set[tuple[str, int]] = field(default_factory=set)
    inspection: Inspection | None = None  # what it is decrypted with, whatever is swapped meanwhile
    program: Program | None = None  # that may refuse our certificate, and did not ask for anything yet
    trouble: Notice | None = None  # why no server could be trusted
    destination: tuple[str, int] | None = None  # where it was headed, if a router has turned it to us
    standing: tuple[Decision, ...] = ()  # what lets it pass untouched, where it does
    spoken: list[FilterHttpLayer] = field(default_factory=list)  # where it goes on in HTTP
    requests: int = 0  # that it has made so far

    def busy(self) -> bool:
        """Return whether something of it is under way."""
        return bool(self.standing) or any(layer.busy() for layer in self.spoken)


class Conversations:
    """The conversations of the clients that are there."""

    def __init__(self) -> None:
        self._open: dict[str, Conversation] = {}

    def __len__(self) -> int:
        return len(self._open)

    def of(self, client: connection.Client) -> Conversation:
        """Return what is known of *client*."""
        if client.timestamp_end is not None:
            return Conversation()  # gone while we looked up a name: nothing is granted, nothing kept
        return self._open.setdefault(client.id, Conversation())

    def end(self, client: connection.Client) -> Conversation | None:
        """Forget *client*; return what was known of it, if anything was."""
        return self._open.pop(client.id, None)
