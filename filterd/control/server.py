# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API served on a socket that is listening already, inside a loop that is running already."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from filterd.control.api import PEER
from filterd.control.calls import Peer

_ucred = struct.Struct("3i")  # struct ucred: pid, uid, gid
_NOBODY = -1  # a socket of another kind (the metrics'): all its clients are one account


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections one account may hold, and all of them together; how long a request may take to come in.

    The accounts in *trusted*, root and the daemon's own, are neither bounded nor counted: the adult must get in.
    """

    per_account: int = 40
    together: int = 400
    request_s: float = 10.0
    trusted: frozenset[int] = field(default_factory=lambda: frozenset((0, os.geteuid())))


class ControlServer(uvicorn.Server):
    """uvicorn without its hold on signals: those are the role's. *peer_of* says who is at the other end of a socket."""

    def __init__(
        self, app: ASGIApp, *, limits: Limits | None = None, peer_of: Callable[[Any], Peer | None] | None = None
    ) -> None:
        door = _Door(limits or Limits())
        super().__init__(
            uvicorn.Config(
                cast("Any", _WithPeer(app)),
                lifespan="off",
                log_config=None,
                access_log=False,
                http=cast("Any", partial(_Protocol, door=door, peer_of=peer_of or _peer_of)),
                ws="none",
                timeout_keep_alive=5,
                timeout_graceful_shutdown=1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class _Door:
    """Counts the connections of each account."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._held = Counter[int]()

    def enter(self, uid: int) -> bool:
        """Return whether *uid* may hold one more connection, and count it."""
        if uid in self.limits.trusted:
            return True
        if self._held[uid] >= self.limits.per_account or self._held.total() >= self.limits.together:
            return False
        self._held[uid] += 1
        return True

    def leave(self, uid: int) -> None:
        """Count one less of *uid*, which had entered."""
        if uid not in self.limits.trusted:
            self._held[uid] -= 1
            if not self._held[uid]:
                del self._held[uid]


class _Protocol(H11Protocol):
    """Notes whose process is at the other end, where uvicorn has room for an address, and what it may take up."""

    def __init__(self, *args: Any, door: _Door, peer_of: Callable[[Any], Peer | None], **named: Any) -> None:
        super().__init__(*args, **named)
        self._door = door
        self._peer_of = peer_of
        self._entered: int | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        peer = self._peer_of(transport.get_extra_info("socket"))
        self.client = (str(peer.uid), peer.pid) if peer else None
        uid = peer.uid if peer else _NOBODY
        if not self._door.enter(uid):
            transport.abort()
            return
        self._entered = uid
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget_deadline()
        if self._entered is not None:
            self._door.leave(self._entered)
            self._entered = None

    def _watch(self) -> None:
        """Set the deadline of a request that is not here whole; more of it coming in does not move it."""
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY) or self.transport.is_closing():
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._door.limits.request_s, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _WithPeer:
    """Hands who asks on to the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        scope[PEER] = Peer(int(client[0]), client[1]) if client else None
        await self._app(scope, receive, send)


def _peer_of(sock: Any) -> Peer | None:
    if sock is None or sock.family != socket.AF_UNIX:
        return None
    pid, uid, _ = _ucred.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _ucred.size))
    return Peer(uid, pid)
