# SPDX-License-Identifier: GPL-3.0-or-later
"""The listening sockets: bound by the supervisor, served here until told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import lru_cache

from filterd.dns.pipeline import Pipeline
from filterd.dns.server_tcp import TcpServer
from filterd.dns.server_udp import UdpServer
from filterd.policy.domains import normalise_host
from filterd.policy.model import Client

GRACE_S = 1.0  # for queries under way at the end: the whole program has two


def client_of(address: str) -> Client:
    """Return the client at *address*, of whom nothing else is known."""
    return Client(address=normalise_host(address))


class DnsServer:
    """Serves *pipeline* on *sockets*: bound UDP sockets and listening TCP sockets, closed at the end.

    *identify* says which client an address is.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], pipeline: Pipeline, *, identify: Callable[[str], Client] = client_of
    ) -> None:
        # A home has a few dozen clients; the same object for each saves two microseconds a query.
        identify = lru_cache(maxsize=4096)(identify)
        self._servers: list[UdpServer | TcpServer] = [
            (TcpServer if sock.type == socket.SOCK_STREAM else UdpServer)(sock, pipeline, identify) for sock in sockets
        ]

    async def start(self) -> None:
        """Begin to answer."""
        for server in self._servers:
            await server.start()

    async def stop(self) -> None:
        """Take no more queries, answer those under way within a second, close the sockets."""
        async with asyncio.TaskGroup() as stopping:
            for server in self._servers:
                stopping.create_task(server.stop(grace_s=GRACE_S))
