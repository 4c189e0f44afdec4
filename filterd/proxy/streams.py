# SPDX-License-Identifier: GPL-3.0-or-later
"""mitmproxy's HTTP and TLS layers with our dialling, our own pages for trouble, and nothing kept in memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol

from mitmproxy import flow as flows
from mitmproxy import http
from mitmproxy.connection import Client, Connection, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    HTTPMode,
    SendHttp,
    validate_request,
)
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpRequestHeadersHook
from mitmproxy.proxy.layers.http._http1 import Http1Connection
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Connection

from filterd.proxy.answer import Page
from filterd.proxy.holding import HoldingStream
from filterd.proxy.http1 import FilterHttp1Server
from filterd.proxy.http2 import MAX_UNSENT, FilterHttp2Server, Room, unsent
from filterd.proxy.relays import PassingLayer, Review
from filterd.proxy.servers import spoken_by, use_ours
from filterd.wording import Notice

logger = logging.getLogger(__name__)

TIMED_OUT = "no connection in time"
_ROUTE = "filterd.route"
_MAX_UNREAD = 256 * 1024  # servers take heads of 8 to 64 KiB
_ENDED = "no longer allowed"


class Excuses(Protocol):
    """How trouble with a server is put into words for the client of a flow, and what is no longer allowed."""

    def page(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response:
        """Return the answer to a request."""

    def refuse_tunnel(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response | None:
        """Return the answer to a CONNECT; ``None``: it is opened all the same, and we say it inside."""

    def malformed(self, connection: Connection, /) -> Page:
        """Return the answer to what is no request."""

    def speaks(self, layer: FilterHttpLayer, /) -> None:
        """Be told that the client of *layer* goes on in HTTP there."""

    def begun(self, client: Client, /) -> None:
        """Be told that *client* has made a request."""

    def review(self, flow: http.HTTPFlow, /) -> http.Response | None:
        """Return the answer that takes the place of *flow*'s; ``None`` while it may go on."""

    def may_pass(self, client: Client, /) -> bool:
        """Return whether what passes untouched between *client* and its server may go on."""


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
        # mitmproxy takes what is there already.
        if context.client.alpn == b"h2":
            self.connections[context.client] = FilterHttp2Server(context.fork(), self._is_full)
        else:
            self.connections[context.client] = FilterHttp1Server(context.fork(), excuses.malformed)

        excuses.speaks(self)

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Begin a request in a stream of our own."""
        stream = FilterStream(self.context.fork(), stream_id, self._excuses)
        self.streams[stream_id] = stream
        self._excuses.begun(self.context.client)
        yield from self.event_to_child(stream, events.Start())

    def event_to_child(self, child: layer.Layer, event: events.Event) -> layer.CommandGenerator[None]:
        """Pass *event* on; what begins with it is ours."""
        if isinstance(event, events.Start):
            use_ours(child, self._is_full)
        return super().event_to_child(child, event)

    def backlog(self) -> int:
        """Return how many events wait for a look-up or a connection: their data is in memory."""
        return sum(len(stream._paused_event_queue) for stream in self.streams.values())  # noqa: SLF001 - no other count

    def busy(self) -> bool:
        """Return whether a request is under way."""
        return any(isinstance(stream, FilterStream) and stream.under_way() for stream in self.streams.values())

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        try:
            if isinstance(event, Review):
                for stream in tuple(self.streams.values()):
                    yield from self.event_to_child(stream, event)
                return
            yield from super()._handle_event(event)
            if isinstance(event, events.DataReceived) and self._hoards(event.connection):
                yield commands.CloseConnection(event.connection)
            if isinstance(event, events.DataReceived):
                yield from self._give_room(event.connection)
        except Exception:
            logger.exception("proxy layer failed; the connection is closed")
            yield commands.CloseConnection(self.context.client)

    def _hoards(self, connection: Connection) -> bool:
        """Return whether *connection* sends a head without end, or requests without waiting for the answers."""
        spoken = self._spoken_on(connection)
        return isinstance(spoken, Http1Connection) and len(spoken.buf) > _MAX_UNREAD

    def _spoken_on(self, connection: Connection) -> layer.Layer | None:
        return spoken_by(self.connections.get(connection))

    def _is_full(self, heard: Http2Connection, stream_id: int) -> bool:
        """Return whether what was *heard* on a stream waits, too much of it, for the other side's room."""
        client = self._spoken_on(self.context.client)
        if isinstance(heard, Http2Client):
            return unsent(client, heard.their_stream_id.get(stream_id)) > MAX_UNSENT
        stream = self.streams.get(stream_id)
        server = self._spoken_on(stream.context.server) if stream is not None else None
        ours = server.our_stream_id.get(stream_id) if isinstance(server, Http2Client) else None
        return unsent(server, ours) > MAX_UNSENT

    def _give_room(self, heard: Connection) -> layer.CommandGenerator[None]:
        """Let the others send on what *heard* may have made room for."""
        for connection, child in tuple(self.connections.items()):
            if connection is not heard and isinstance(self._spoken_on(connection), Http2Connection):
                yield from self.event_to_child(child, Room())


class FilterStream(HoldingStream):
    """One request and its answer."""

    def __init__(self, context: Context, stream_id: int, excuses: Excuses) -> None:
        super().__init__(context, stream_id)
        self._excuses = excuses

    def under_way(self) -> bool:
        """Return whether the request or its answer is not over; a tunnel is no request of its own."""
        if self.child_layer is not None:
            return self.flow.response is not None and self.flow.response.status_code == 101
        over = (self.state_done, self.state_errored)
        return not (self.client_state in over and self.server_state in over)

    def check_invalid(self, request: bool) -> layer.CommandGenerator[bool]:
        """Refuse what mitmproxy holds for malformed, in our words."""
        options = self.context.options
        err = request and validate_request(self.mode, self.flow.request, options.validate_inbound_headers)
        if not err:
            return (yield from super().check_invalid(request))
        self.flow.error = flows.Error(err)
        yield HttpRequestHeadersHook(self.flow)
        yield from self._answer(self._excuses.page(self.flow, Notice.BAD_REQUEST))
        if not self.flow.request.is_http2:  # nobody knows where the next request would begin
            yield commands.CloseConnection(self.context.client)
        return True

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
        yield from self._answer(self._excuses.page(self.flow, notice_for(err)))
        return False

    def handle_connect_regular(self) -> layer.CommandGenerator[None]:
        """Open a tunnel, if it was not refused, and say so only once the server is there."""
        if not self.flow.response and route_of(self.flow) is not HERE:
            err = yield from self._dial(route_of(self.flow))
            if err:
                self.flow.response = self._excuses.refuse_tunnel(self.flow, notice_for(err))
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
        self.child_layer = PassingLayer(self.context, lambda: self._excuses.review(self.flow) is None)
        self._handle_event = self.passthrough  # type: ignore[method-assign]  # mitmproxy's way to switch
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, Review):
            yield from self._review()
        else:
            yield from super()._handle_event(event)

    def _review(self) -> layer.CommandGenerator[None]:
        refusal = self._excuses.review(self.flow) if self.under_way() else None
        if refusal is None:
            return
        if self.client_state in (self.state_stream_request_body, self.state_done):
            yield SendHttp(RequestProtocolError(self.stream_id, _ENDED, ErrorCode.CANCEL), self.context.server)
        if self.flow.response is None:
            yield from self._answer(refusal)
            return
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        self.flow.error = flows.Error(_ENDED)
        yield HttpErrorHook(self.flow)
        yield DropStream(self.stream_id)
        yield SendHttp(ResponseProtocolError(self.stream_id, _ENDED, ErrorCode.CANCEL), self.context.client)

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


def notice_for(err: Any) -> Notice:
    """Return how mitmproxy's *err*, why there is no connection, is put into words."""
    text = str(err)
    if text.startswith("Connection killed"):  # by the server_connect hook
        return Notice.PRIVATE_TARGET
    return Notice.CONNECT_TIMEOUT if text == TIMED_OUT else Notice.UNREACHABLE
