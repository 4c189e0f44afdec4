# SPDX-License-Identifier: GPL-3.0-or-later
"""mitmproxy's HTTP and TLS layers with our dialling, our own pages for trouble, and nothing kept in memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol, cast

from mitmproxy import http
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import HttpLayer, ServerTLSLayer, TCPLayer
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    HttpClient,
    HTTPMode,
    HttpStream,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import (
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import Http1Connection
from mitmproxy.proxy.layers.tls import TlsFailedServerHook
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from filterd.wording import Notice

logger = logging.getLogger(__name__)

TIMED_OUT = "no connection in time"
_ROUTE = "filterd.route"
_MAX_UNREAD = 256 * 1024  # servers take heads of 8 to 64 KiB


class Excuses(Protocol):
    """How trouble with a server is put into words for the client of a flow."""

    def page(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response:
        """Return the answer to a request."""

    def refuse_tunnel(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response | None:
        """Return the answer to a CONNECT; ``None``: it is opened all the same, and we say it inside."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where the server of a judged request is: *addresses* to be tried in order."""

    addresses: tuple[str, ...]
    port: int


HERE = Route((), 0)  # no server is needed: the answer is ours


def set_route(flow: http.HTTPFlow, route: Route) -> None:
    """Say where the server of *flow* is; without it nothing is dialled."""
    flow.metadata[_ROUTE] = route


def route_of(flow: http.HTTPFlow) -> Route:
    """Return where the server of *flow* is.

    Raises:
        KeyError: nobody said so.
    """
    route: Route = flow.metadata[_ROUTE]
    return route


class FilterHttpLayer(HttpLayer):
    """HTTP on one connection. A bug in the layers below hangs up instead of leaving the client waiting."""

    def __init__(self, context: Context, mode: HTTPMode, excuses: Excuses) -> None:
        super().__init__(context, mode)
        self._excuses = excuses

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Begin a request in a stream of our own."""
        stream = FilterStream(self.context.fork(), stream_id, self._excuses)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    def backlog(self) -> int:
        """Return how many events wait for a look-up or a connection: their data is in memory."""
        return sum(len(stream._paused_event_queue) for stream in self.streams.values())  # noqa: SLF001 - no other count

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        try:
            yield from super()._handle_event(event)
            if isinstance(event, events.DataReceived) and self._hoards(event.connection):
                yield commands.CloseConnection(event.connection)
        except Exception:
            logger.exception("proxy layer failed; the connection is closed")
            yield commands.CloseConnection(self.context.client)

    def _hoards(self, connection: Connection) -> bool:
        """Return whether *connection* sends a head without end, or requests without waiting for the answers."""
        spoken = self.connections.get(connection)
        if isinstance(spoken, HttpClient):
            spoken = getattr(spoken, "child_layer", None)
        return isinstance(spoken, Http1Connection) and len(spoken.buf) > _MAX_UNREAD


class FilterStream(HttpStream):
    """One request and its answer."""

    def __init__(self, context: Context, stream_id: int, excuses: Excuses) -> None:
        super().__init__(context, stream_id)
        self._excuses = excuses

    def make_server_connection(self) -> layer.CommandGenerator[bool]:
        """Connect to the first address of the route that takes us; else answer with the reason."""
        err = "no route"
        route = route_of(self.flow)
        for address in route.addresses:
            connection, err = yield GetHttpConnection(
                (address, route.port), self.flow.request.scheme == "https", None, "tcp"
            )
            if not err:
                self.context.server = self.flow.server_conn = connection
                return True
        yield from self._answer(self._excuses.page(self.flow, _notice_for(err)))
        return False

    def handle_connect_regular(self) -> layer.CommandGenerator[None]:
        """Open a tunnel, if it was not refused, and say so only once the server is there."""
        if not self.flow.response and route_of(self.flow) is not HERE:
            err = yield from self._dial(route_of(self.flow))
            if err:
                self.flow.response = self._excuses.refuse_tunnel(self.flow, _notice_for(err))
        self.child_layer = layer.NextLayer(self.context)
        yield from self.handle_connect_finish()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped

    def start_request_stream(self) -> layer.CommandGenerator[None]:
        """Pass a body on as it comes; where we have an answer already, let it run into nothing."""
        if self.flow.response:
            yield from self._answer(self.flow.response)
        else:
            yield from super().start_request_stream()

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        """Tell a client that still waits for an answer, in its language, that the server gave none."""
        waits = self.server_state == self.state_wait_for_response_headers and not self.flow.response
        if waits and isinstance(event, ResponseProtocolError) and event.code.http_status_code():
            yield from self._answer(self._excuses.page(self.flow, Notice.BROKEN_ANSWER))
        else:
            yield from super().handle_protocol_error(event)

    def flow_done(self) -> layer.CommandGenerator[None]:
        """Relay a WebSocket as it comes: mitmproxy's own layers would keep every message."""
        assert self.flow.response  # noqa: S101 - for the type checker; mitmproxy's own code says the same
        if self.flow.response.status_code != 101:
            yield from super().flow_done()
            return
        self.flow.live = False
        self.child_layer = TCPLayer(self.context, ignore=True)
        self._handle_event = self.passthrough  # mitmproxy's way to switch
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def _dial(self, route: Route) -> layer.CommandGenerator[str | None]:
        err: str | None = "no route"
        for address in route.addresses:
            self.context.server = self.flow.server_conn = Server(address=(address, route.port))
            err = yield commands.OpenConnection(self.context.server)
            if not err:
                return None
        return err

    def _answer(self, response: http.Response) -> layer.CommandGenerator[None]:
        """Send *response* as ours, whatever of the request is still to come: that is read and dropped."""
        self.flow.response = response
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        content = response.raw_content
        yield SendHttp(ResponseHeaders(self.stream_id, response, not content), self.context.client)
        if content:
            yield SendHttp(ResponseData(self.stream_id, content), self.context.client)
        yield DropStream(self.stream_id)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)


class VerifyingLayer(ServerTLSLayer):
    """TLS to the server of a tunnel. mitmproxy's own waits for ever where the server has left before the greeting."""

    def start_handshake(self) -> layer.CommandGenerator[None]:
        """Greet, or say at once that it cannot be done."""
        yield from super().start_handshake()
        begun = cast("SSL.Connection | None", self.tls)
        if not self.command_to_reply_to or (begun is not None and self.conn.connected):
            return
        if begun is not None:  # else mitmproxy has closed it; a connection that is closed twice is not closed at all
            yield commands.CloseConnection(self.conn)
        self.conn.error = "connection closed"
        yield TlsFailedServerHook(TlsData(self.conn, self.context, self.tls))
        yield from self._handshake_finished("connection closed")


def _notice_for(err: Any) -> Notice:
    """Return how mitmproxy's *err*, why there is no connection, is put into words."""
    text = str(err)
    if text.startswith("Connection killed"):  # by the server_connect hook
        return Notice.PRIVATE_TARGET
    return Notice.CONNECT_TIMEOUT if text == TIMED_OUT else Notice.UNREACHABLE
