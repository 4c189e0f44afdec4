# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of downloads, so that one which waits for a silent server can be woken from another thread."""

from __future__ import annotations

import contextlib
import socket
import weakref
from collections.abc import Mapping

_MADE = ("connection.connect_tcp.complete", "connection.start_tls.complete")


class Connections:
    """Connections as they are made; `watch` is what the HTTP library calls its ``trace`` extension."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def watch(self, event: str, info: Mapping[str, object]) -> None:
        """Remember the socket of a connection that *event* says has been made."""
        ask = getattr(info.get("return_value"), "get_extra_info", None) if event in _MADE else None
        connection = ask("socket") if callable(ask) else None
        if isinstance(connection, socket.socket):
            self._sockets.add(connection)

    def shut(self) -> None:
        """End all of them: who reads or writes gets an error at once."""
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):  # it has ended by itself
                # Not the TLS socket's own method, which takes the cipher away from the thread that reads.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
