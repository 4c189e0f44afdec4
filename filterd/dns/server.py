# SPDX-License-Identifier: GPL-3.0-or-later
"""The listening sockets: bound by the supervisor, served here until told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict

from filterd.dns.callers import Callers, RateLimit
from filterd.dns.fastpath import FastPath
from filterd.dns.listener import Gate
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

    *identify* says which client an address is, *gate* who is let in at all. *fast* keeps ready answers; without it each
    query is thought about. *limit* is for queries by UDP; *gate* has its own.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        pipeline: Pipeline,
        *,
        identify: Callable[[str], Client] = client_of,
        gate: Gate | None = None,
        fast: FastPath | None = None,
        limit: RateLimit | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._fast = FastPath(lambda _client: "", max_bytes=0) if fast is None else fast
        gate = gate or Gate()
        callers = Callers(lambda a: identify(a) if gate.access.allows(a) else None, self._fast, limit)
        self._udp = [UdpServer(s, pipeline, callers, self._fast) for s in sockets if s.type == socket.SOCK_DGRAM]
        self._tcp = [TcpServer(s, pipeline, identify, gate=gate) for s in sockets if s.type == socket.SOCK_STREAM]
        self._servers: list[UdpServer | TcpServer] = [*self._udp, *self._tcp]

    async def start(self) -> None:
        """Begin to answer."""
        for server in self._servers:
            await server.start()

    async def stop(self) -> None:
        """Take no more queries, answer those under way within a second, close the sockets."""
        async with asyncio.TaskGroup() as stopping:
            for server in self._servers:
                stopping.create_task(server.stop(grace_s=GRACE_S))

    def counters(self) -> dict[str, int]:
        """Return what was counted since the start, on whatever way a query took."""
        counted = asdict(self._pipeline.counters)
        udp = Counter[str]()
        for server in self._udp:
            udp.update(asdict(server.counters))
        counted["queries"] += udp["ready"]
        counted["blocked"] += self._fast.blocked
        streams = Counter[str]()
        for stream in self._tcp:
            streams.update({f"tcp_{name}": count for name, count in asdict(stream.counters).items()})
        return counted | udp | streams
