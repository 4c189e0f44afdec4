# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries by TCP (RFC 7766): several on a connection, answered in the order in which answers are found."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import cast

from filterd.dns.pipeline import Pipeline, Transport
from filterd.policy.model import Client

IDLE_S = 10.0  # RFC 7766 §6.2.3: a few seconds. The whole of a query must come within it, however slowly it drips
SEND_S = 5.0  # for a client that asks but does not read
MAX_QUERY = 4096
MAX_CONNECTIONS = 256  # on a socket; the one silent for longest makes room
MAX_UNDER_WAY = 32  # on a connection, which is not read meanwhile: answers that nobody takes are memory


class TcpServer:
    """Answers on the connections that come to *sock*, which listens."""

    def __init__(
        self,
        sock: socket.socket,
        pipeline: Pipeline,
        identify: Callable[[str], Client],
        *,
        idle_s: float = IDLE_S,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._sock = sock
        self._pipeline = pipeline
        self._identify = identify
        self._idle_s = idle_s
        self._max_connections = max_connections
        self._connections: OrderedDict[asyncio.StreamWriter, asyncio.StreamReader] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._server = await asyncio.start_server(self._serve, sock=self._sock)

    async def stop(self, *, grace_s: float) -> None:
        """Take no more queries, answer those under way within *grace_s*, close everything."""
        if self._server:
            self._server.close()
        for writer, reader in self._connections.items():
            # As if the client had said its last: what it asked is answered, then the connection ends.
            cast("asyncio.Transport", writer.transport).pause_reading()
            reader.feed_eof()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._make_room()
        self._connections[writer] = reader
        try:
            await self._converse(reader, writer)
            writer.close()
            async with asyncio.timeout(SEND_S):
                await writer.wait_closed()
        except OSError:  # gone, or not reading what it asked for
            pass
        finally:
            self._connections.pop(writer, None)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = self._identify(writer.get_extra_info("peername")[0])
        slots = asyncio.Semaphore(MAX_UNDER_WAY)
        async with asyncio.TaskGroup() as queries:
            while raw := await self._read(reader):
                if writer in self._connections:
                    self._connections.move_to_end(writer)
                await slots.acquire()
                query = queries.create_task(self._answer(raw, client, writer))
                query.add_done_callback(lambda _: slots.release())

    async def _read(self, reader: asyncio.StreamReader) -> bytes | None:
        """Return the next query, ``None`` where none comes that we would answer."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            async with asyncio.timeout(self._idle_s):
                length = int.from_bytes(await reader.readexactly(2))
                if length <= MAX_QUERY:
                    return await reader.readexactly(length)
        return None

    async def _answer(self, raw: bytes, client: Client, writer: asyncio.StreamWriter) -> None:
        reply = await self._pipeline.answer(raw, client, transport=Transport.STREAM)
        if reply is None or writer.is_closing():
            return
        try:
            writer.write(len(reply).to_bytes(2) + reply)
            async with asyncio.timeout(SEND_S):
                await writer.drain()
        except OSError:
            self._pipeline.counters.dropped += 1
            writer.transport.abort()

    def _make_room(self) -> None:
        while len(self._connections) >= self._max_connections:
            silent, _ = self._connections.popitem(last=False)
            silent.transport.abort()
