# SPDX-License-Identifier: GPL-3.0-or-later
"""Upstreams on loopback: UDP, TCP, TLS and HTTPS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import H2Error

Respond = Callable[[bytes], bytes | None]
"""What a server says to a message; ``None`` is silence."""


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        reply = self._respond(data)
        if reply is not None:
            self._transport.sendto(reply, addr)


@contextlib.asynccontextmanager
async def udp_server(respond: Respond, *, port: int = 0) -> AsyncIterator[int]:
    """Serve *respond* by UDP; yields the port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(respond), local_addr=("127.0.0.1", port))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


class StreamServer:
    """A TCP or TLS server of framed messages that counts its connections and can drop them."""

    def __init__(self, respond: Respond, *, context: ssl.SSLContext | None = None) -> None:
        self._respond = respond
        self._context = context
        self._writers: list[asyncio.StreamWriter] = []
        self.connections = 0
        self.connected = asyncio.Event()

    async def __aenter__(self) -> StreamServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def drop(self) -> None:
        """Close every connection, as an upstream does with idle ones."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.connected.set()
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                raw = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                reply = self._respond(raw)
                if reply is not None:
                    writer.write(len(reply).to_bytes(2) + reply)


class _Http2(asyncio.Protocol):
    def __init__(self, server: DohServer) -> None:
        self._server = server
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._bodies: dict[int, bytes] = {}
        self._unsent: dict[int, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._server.transports.append(self._transport)
        self._http.initiate_connection()
        transport.write(self._http.data_to_send())  # type: ignore[attr-defined]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        try:
            events = self._http.receive_data(data)
        except H2Error:
            self._transport.abort()
            return
        for event in events:
            match event:
                case RequestReceived(stream_id=stream, headers=headers):
                    self._bodies[stream] = b""
                    self._server.headers.append({str(name): str(value) for name, value in headers})
                case DataReceived(stream_id=stream, data=body):
                    self._bodies[stream] += body
                case StreamEnded(stream_id=stream):
                    self._reply(stream)
        self._send_what_fits()
        self._transport.write(self._http.data_to_send())

    def _reply(self, stream: int) -> None:
        reply = self._server.respond(self._bodies.pop(stream))
        if reply is None:
            return
        status, media_type = self._server.status, self._server.media_type
        self._http.send_headers(stream, [(":status", status), ("content-type", media_type)])
        self._unsent[stream] = reply

    def _send_what_fits(self) -> None:
        for stream, rest in list(self._unsent.items()):
            while rest and (room := min(self._http.local_flow_control_window(stream), 16384)):
                self._http.send_data(stream, rest[:room], end_stream=len(rest) <= room)
                rest = rest[room:]
            self._unsent[stream] = rest
            if not rest:
                del self._unsent[stream]


class DohServer:
    """DNS over HTTPS on HTTP/2."""

    def __init__(self, respond: Respond, *, context: ssl.SSLContext) -> None:
        self.respond = respond
        self.status = "200"
        self.media_type = "application/dns-message"
        self.headers: list[dict[str, str]] = []
        self.transports: list[Any] = []
        self._context = context

    async def __aenter__(self) -> DohServer:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Http2(self), "127.0.0.1", 0, ssl=self._context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def drop(self) -> None:
        """Close every connection."""
        for transport in self.transports:
            transport.abort()
        self.transports.clear()
