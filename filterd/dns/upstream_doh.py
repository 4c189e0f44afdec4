# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over HTTPS (RFC 8484) on HTTP/2, which the public resolvers ask for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error
from h2.settings import SettingCodes

from filterd.dns.answer import is_answer_to
from filterd.dns.upstream_link import Channel
from filterd.dns.upstream_spec import UpstreamError, UpstreamSpec
from filterd.dns.wire import MAX_MESSAGE

ALPN = ("h2",)
_MEDIA_TYPE = "application/dns-message"


class DohChannel(Channel):
    """One connection to *spec*; each question is a stream of it."""

    def __init__(self, spec: UpstreamSpec) -> None:
        super().__init__()
        host = f"[{spec.name}]" if ":" in spec.name else spec.name
        self._authority = host if spec.port == 443 else f"{host}:{spec.port}"
        self._path = spec.path
        self._http = H2Connection(H2Configuration(client_side=True))
        self._http.local_settings[SettingCodes.ENABLE_PUSH] = 0
        self._bodies: dict[int, bytearray] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the HTTP/2 connection."""
        super().connection_made(transport)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() not in ALPN:
            self.failure = "it does not speak HTTP/2"
            self.abort()
            return
        self._http.initiate_connection()
        self._flush()

    def frame(self, question: bytes) -> tuple[int, bytes]:
        """Return the stream on which *question* is asked, and the bytes that do."""
        body = b"\0\0" + question[2:]  # RFC 8484 §4.1: id 0; the stream tells whose the answer is
        try:
            stream = self._http.get_next_available_stream_id()
            self._http.send_headers(stream, self._headers(len(body)))
            self._http.send_data(stream, body, end_stream=True)
        except H2Error as error:
            self.abort()  # out of stream numbers, or out of step with the other side
            raise ConnectionResetError(f"HTTP/2: {error}") from error
        self._bodies[stream] = bytearray()
        return stream, self._http.data_to_send()

    def receive(self, data: bytes) -> None:
        """Take in what the other side sent."""
        try:
            for event in self._http.receive_data(data):
                self._handle(event)
        except H2Error:
            self.abort()
            return
        self._flush()

    def _handle(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=stream, headers=headers):
                self._check_headers(stream, dict(headers))
            case DataReceived(stream_id=stream, data=data, flow_controlled_length=length):
                self._http.acknowledge_received_data(length, stream)
                body = self._bodies.get(stream)
                if body is not None and len(body) + len(data) <= MAX_MESSAGE:
                    body += data
            case StreamEnded(stream_id=stream):
                self._take(stream)
            case StreamReset(stream_id=stream, error_code=code):
                self._fail(stream, ConnectionResetError(f"the HTTP/2 stream was reset ({code})"))
            case ConnectionTerminated():
                self.abort()  # h2 reads nothing more on it: who waits asks again on a new one

    def _check_headers(self, stream: int, headers: dict[bytes, bytes]) -> None:
        status, media_type = (headers.get(name, b"").decode("latin-1") for name in (b":status", b"content-type"))
        if status != "200" or media_type.partition(";")[0].strip().lower() != _MEDIA_TYPE:
            kind = media_type or "no content type"
            self._fail(stream, UpstreamError(f"no DNS over HTTPS there: HTTP status {status}, {kind}"))

    def _take(self, stream: int) -> None:
        body, waiting = self._bodies.pop(stream, None), self.waiting.get(stream)
        if body is None or waiting is None or waiting.answer.done():
            return
        answer = bytes(body)
        if is_answer_to(answer, answer[:2] + waiting.question[2:], same_case=False):
            self.settle(waiting, answer)
        else:
            self.settle(waiting, UpstreamError("an answer to another question"))

    def _fail(self, stream: int, error: Exception) -> None:
        waiting = self.waiting.get(stream)
        if waiting and not waiting.answer.done():
            waiting.answer.set_exception(error)

    def forget(self, number: int) -> None:
        """Give up the stream if its answer is not here yet, so that it does not count against the limit of them."""
        if self._bodies.pop(number, None) is None or not self.usable:
            return
        with contextlib.suppress(H2Error):
            self._http.reset_stream(number, ErrorCodes.CANCEL)
        self._flush()

    def _headers(self, length: int) -> list[tuple[str, str]]:
        return [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", self._authority),
            (":path", self._path),
            ("accept", _MEDIA_TYPE),
            ("content-type", _MEDIA_TYPE),
            ("content-length", str(length)),
        ]

    def _flush(self) -> None:
        if self.transport and self.usable:
            self.transport.write(self._http.data_to_send())
