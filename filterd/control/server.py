# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API served on a socket that is listening already, inside a loop that is running already."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from filterd.control.api import PEER
from filterd.control.calls import Peer

_ucred = struct.Struct("3i")  # struct ucred: pid, uid, gid


class ControlServer(uvicorn.Server):
    """uvicorn without its hold on signals: those are the role's."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                cast("Any", _WithPeer(app)),
                lifespan="off",
                log_config=None,
                access_log=False,
                http=_Protocol,
                ws="none",
                timeout_keep_alive=5,
                limit_concurrency=200,
                timeout_graceful_shutdown=1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class _Protocol(H11Protocol):
    """Notes whose process is at the other end, where uvicorn has room for an address."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        peer = _peer_of(transport.get_extra_info("socket"))
        self.client = (str(peer.uid), peer.pid) if peer else None


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
