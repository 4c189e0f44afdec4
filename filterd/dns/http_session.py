# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 and HTTP/2 as requests and responses: h11 and h2 without their I/O.

Everything that a client sends is bounded: the head by the libraries' own limits, the body by ours.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import h11
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from filterd.dns.conversation import MAX_UNDER_WAY

MAX_BODY = 4096  # of a request: longer queries are not answered by any transport
MAX_HEAD = 16 << 10  # of a request
_MAX_FRAME = 16384  # RFC 9113 §6.5.2: what every peer takes


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request. *body* is ``None`` where it is longer than `MAX_BODY`."""

    stream: int
    method: str
    authority: str
    target: str
    media_type: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def all_headers(self) -> list[tuple[str, str]]:
        """Return the headers with the body's length."""
        return [*self.headers, ("content-length", str(len(self.body)))]


class Session(Protocol):
    """One connection's HTTP."""

    ended: bool
    """Whether no request can come any more."""

    def receive(self, data: bytes) -> None:
        """Take in *data*."""

    def next_request(self) -> Request | None:
        """Return a request that is whole, ``None`` where none is."""

    def respond(self, request: Request, response: Response) -> None:
        """Answer *request*."""

    def data_to_send(self) -> bytes:
        """Return what is to be sent now."""

    def unsent(self) -> int:
        """Return how many bytes of responses wait for the client's leave."""


class Http1:
    """HTTP/1.1: one request at a time."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._head: h11.Request | None = None
        self._body: bytearray | None = bytearray()
        self._out = b""
        self.ended = False

    def receive(self, data: bytes) -> None:
        """Take in *data*."""
        if not self.ended:
            self._http.receive_data(data)

    def next_request(self) -> Request | None:
        """Return a request that is whole, ``None`` where none is."""
        try:
            while not self.ended:
                match self._http.next_event():
                    case h11.Request() as head:
                        self._head, self._body = head, bytearray()
                    case h11.Data(data=data):
                        self._take(bytes(data))
                    case h11.EndOfMessage():
                        return self._whole()
                    case h11.ConnectionClosed():
                        self.ended = True
                    case _:  # nothing more yet, or the answer to the request before comes first
                        self._ask_for_body()
                        return None
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)
        return None

    def respond(self, _request: Request, response: Response) -> None:
        """Answer the request under way."""
        headers = response.all_headers()
        self._out += self._http.send(h11.Response(status_code=response.status, headers=headers)) or b""
        if response.body:
            self._out += self._http.send(h11.Data(data=response.body)) or b""
        self._out += self._http.send(h11.EndOfMessage()) or b""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.ended = True

    def data_to_send(self) -> bytes:
        """Return what is to be sent now."""
        out, self._out = self._out, b""
        return out

    def unsent(self) -> int:
        """Return 0: there is no window but TCP's."""
        return 0

    def _take(self, data: bytes) -> None:
        if self._body is not None:
            self._body += data
            if len(self._body) > MAX_BODY:
                self._body = None  # what follows is read and dropped: an answer to half a request is often not seen

    def _whole(self) -> Request | None:
        if self._head is None:
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._head.headers}
        return Request(
            0,
            self._head.method.decode("latin-1"),
            headers.get("host", ""),
            self._head.target.decode("latin-1"),
            headers.get("content-type", ""),
            None if self._body is None else bytes(self._body),
        )

    def _ask_for_body(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._out += self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""

    def _refuse(self, status: int) -> None:
        self.ended = True
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("content-length", "0"), ("connection", "close")]
            self._out += self._http.send(h11.Response(status_code=status, headers=headers)) or b""


@dataclass(slots=True)
class _Incoming:
    headers: dict[str, str]
    body: bytearray | None = field(default_factory=bytearray)


class Http2:
    """HTTP/2: requests side by side, `MAX_UNDER_WAY` of them."""

    def __init__(self) -> None:
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._http.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_UNDER_WAY,
                SettingCodes.INITIAL_WINDOW_SIZE: _MAX_FRAME,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD,
            },
        )
        self._http.initiate_connection()
        self._incoming: dict[int, _Incoming] = {}
        self._requests: deque[Request] = deque()
        self._unsent: dict[int, bytes] = {}
        self.ended = False

    def receive(self, data: bytes) -> None:
        """Take in *data*."""
        if self.ended:
            return
        try:
            for event in self._http.receive_data(data):
                self._handle(event)
            self._send_what_fits()
        except H2Error:
            self.ended = True  # h2 has the GOAWAY ready that says why

    def next_request(self) -> Request | None:
        """Return a request that is whole, ``None`` where none is."""
        return self._requests.popleft() if self._requests else None

    def respond(self, request: Request, response: Response) -> None:
        """Answer *request*; its stream may be gone, and with it who would read the answer."""
        headers = [(":status", str(response.status)), *response.all_headers()]
        with contextlib.suppress(H2Error):
            self._http.send_headers(request.stream, headers, end_stream=not response.body)
            if response.body:
                self._unsent[request.stream] = response.body
                self._send_what_fits()

    def data_to_send(self) -> bytes:
        """Return what is to be sent now."""
        return self._http.data_to_send()

    def unsent(self) -> int:
        """Return how many bytes of responses wait for the client's leave."""
        return sum(map(len, self._unsent.values()))

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=stream, headers=headers):
                self._incoming[stream] = _Incoming({_text(name): _text(value) for name, value in headers})
            case DataReceived(stream_id=stream, data=data, flow_controlled_length=length):
                self._take(stream, data, length)
            case StreamEnded(stream_id=stream):
                if (incoming := self._incoming.pop(stream, None)) is not None:
                    self._requests.append(_whole(stream, incoming))
            case StreamReset(stream_id=stream):
                self._incoming.pop(stream, None)
                self._unsent.pop(stream, None)
            case WindowUpdated():
                self._send_what_fits()
            case ConnectionTerminated():
                self.ended = True

    def _take(self, stream: int, data: bytes, length: int) -> None:
        with contextlib.suppress(H2Error):  # the stream was reset meanwhile
            self._http.acknowledge_received_data(length, stream)
        incoming = self._incoming.get(stream)
        if incoming is None or incoming.body is None:
            return
        incoming.body += data
        if len(incoming.body) > MAX_BODY:
            incoming.body = None

    def _send_what_fits(self) -> None:
        for stream in list(self._unsent):
            try:
                self._send_on(stream)
            except H2Error:
                del self._unsent[stream]

    def _send_on(self, stream: int) -> None:
        rest = self._unsent[stream]
        while rest and (room := min(self._http.local_flow_control_window(stream), _MAX_FRAME)) > 0:
            self._http.send_data(stream, rest[:room], end_stream=len(rest) <= room)
            rest = rest[room:]
        if rest:
            self._unsent[stream] = rest
        else:
            del self._unsent[stream]


def _whole(stream: int, incoming: _Incoming) -> Request:
    headers = incoming.headers
    return Request(
        stream,
        headers.get(":method", ""),
        headers.get(":authority") or headers.get("host", ""),
        headers.get(":path", ""),
        headers.get("content-type", ""),
        None if incoming.body is None else bytes(incoming.body),
    )


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
