# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries by UDP.

The socket is read as long as it has something to give: asyncio's own datagram transport goes through the whole loop for
each datagram, and cannot say which of our addresses a query was sent to.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any

from filterd.dns.pipeline import Pipeline, Transport
from filterd.policy.model import Client

MAX_QUERY = 4096  # longer ones arrive cut, and are answered FORMERR
BATCH = 64  # queries at a time, then the loop's other work
MAX_UNDER_WAY = 4096  # waiting for an upstream; a bound for memory

_ANCILLARY_SIZE = 128  # room for struct in_pktinfo and in6_pktinfo with their headers
_Ancillary = tuple[int, int, bytes]


class UdpServer:
    """Answers what comes to *sock*, which is bound."""

    def __init__(self, sock: socket.socket, pipeline: Pipeline, identify: Callable[[str], Client]) -> None:
        self._sock = sock
        self._pipeline = pipeline
        self._identify = identify
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to answer."""
        self._sock.setblocking(False)
        self._loop = asyncio.get_running_loop()
        receive = self._receive
        if _is_wildcard(self._sock):
            # Each query comes with the address it was sent to: a machine with several must answer from that one.
            _ask_for_destination(self._sock)
            receive = self._receive_with_destination
        self._loop.add_reader(self._sock, self._read, receive)

    async def stop(self, *, grace_s: float) -> None:
        """Take no more queries, answer those under way within *grace_s*, close the socket."""
        if self._sock.fileno() < 0:
            return
        self._loop.remove_reader(self._sock)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
        self._sock.close()

    def _read(self, receive: Callable[[], tuple[bytes, Any, list[_Ancillary]]]) -> None:
        for _ in range(BATCH):
            try:
                raw, peer, ancillary = receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an error of an answer sent before (its receiver is gone), reported here by the system
            if len(self._tasks) >= MAX_UNDER_WAY:
                self._pipeline.counters.dropped += 1
                continue
            # Eager: most queries need no upstream and are answered before this returns. A set and no TaskGroup, for
            # that would want a task of its own for as long as we serve.
            task = asyncio.Task(self._answer(raw, peer, ancillary), loop=self._loop, eager_start=True)
            if not task.done():
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _answer(self, raw: bytes, peer: Any, ancillary: list[_Ancillary]) -> None:
        reply = await self._pipeline.answer(raw, self._identify(peer[0]), transport=Transport.UDP)
        if reply is None:
            return
        try:
            if ancillary:
                self._sock.sendmsg([reply], ancillary, 0, peer)
            else:
                self._sock.sendto(reply, peer)
        except OSError:
            self._pipeline.counters.dropped += 1  # no room or no way: as if lost on the wire, the client asks again

    def _receive(self) -> tuple[bytes, Any, list[_Ancillary]]:
        raw, peer = self._sock.recvfrom(MAX_QUERY)
        return raw, peer, []

    def _receive_with_destination(self) -> tuple[bytes, Any, list[_Ancillary]]:
        raw, ancillary, _, peer = self._sock.recvmsg(MAX_QUERY, _ANCILLARY_SIZE)
        return raw, peer, _source(ancillary)


def _is_wildcard(sock: socket.socket) -> bool:
    return sock.getsockname()[0] in ("0.0.0.0", "::")


if sys.platform == "linux":
    _DESTINATIONS = ((socket.IPPROTO_IP, socket.IP_PKTINFO), (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO))

    def _ask_for_destination(sock: socket.socket) -> None:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_PKTINFO, 1)  # an IPv6 socket may take IPv4 too

    def _source(ancillary: list[_Ancillary]) -> list[_Ancillary]:
        return [_as_source(item) for item in ancillary if item[:2] in _DESTINATIONS]

    def _as_source(item: _Ancillary) -> _Ancillary:
        level, kind, packed = item
        if level != socket.IPPROTO_IP:
            return item
        # struct in_pktinfo: interface, local address, destination. The system fills them when it receives and reads
        # the middle one when it sends. Interface 0: the routing table knows the way back.
        return level, kind, bytes(4) + packed[4:8] + bytes(4)

else:

    def _ask_for_destination(sock: socket.socket) -> None:
        """Do nothing: elsewhere the routing table chooses the source, which is right with one address."""

    def _source(_ancillary: list[_Ancillary]) -> list[_Ancillary]:
        return []
