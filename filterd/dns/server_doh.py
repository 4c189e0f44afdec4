# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener of DNS over HTTPS: HTTP/2 and HTTP/1.1 inside TLS."""

from __future__ import annotations

import socket

from filterd.dns import doh
from filterd.dns.conversation import MAX_UNSENT, Conversation
from filterd.dns.doh import Service
from filterd.dns.http_session import Http1, Http2, Request, Response, Session
from filterd.dns.listener import Gate, Listener, Timeouts
from filterd.dns.padding import pad
from filterd.dns.pipeline import Pipeline, Transport
from filterd.dns.server_dot import Identify
from filterd.dns.tls import Certificate, Tls

ALPN = ("h2", "http/1.1")
TIMEOUTS = Timeouts(first_s=10.0, idle_s=60.0)  # browsers keep a connection for minutes, and a new one is dear
_FIRST_BYTES = 64 << 10
_BYTES_FOR_A_REQUEST = 8 << 10


class DohConversation(Conversation):
    """A client that asks by HTTP."""

    def __init__(
        self, listener: Listener, address: str, *, pipeline: Pipeline, identify: Identify, service: Service
    ) -> None:
        super().__init__(listener, address)
        self._pipeline = pipeline
        self._identify = identify
        self._service = service
        self._session: Session | None = None
        # What may be sent before the next whole request: frames that ask nothing (pings, settings, resets) end it.
        self._bytes_left = _FIRST_BYTES

    def opened(self) -> None:
        """Speak the HTTP that was agreed upon."""
        tls = self.transport.get_extra_info("ssl_object") if self.transport else None
        self._session = Http2() if tls is not None and tls.selected_alpn_protocol() == "h2" else Http1()
        self._flush()

    def receive(self, data: bytes) -> None:
        """Take in *data*."""
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            self.listener.counters.malformed += 1
            self.evict()
        elif self._session is not None:
            self._session.receive(data)

    def proceed(self) -> None:
        """Begin the requests that are here whole."""
        session = self._session
        if session is None:
            return
        while not self.must_wait and (request := session.next_request()):
            self._bytes_left = min(self._bytes_left + _BYTES_FOR_A_REQUEST, _FIRST_BYTES)
            self.start(self._respond(session, request))
        self._flush()
        if session.ended and not self.under_way:
            self.close()

    async def _respond(self, session: Session, request: Request) -> None:
        session.respond(request, await self._answer(request))
        self._flush()

    async def _answer(self, request: Request) -> Response:
        counters = self.listener.counters
        if not self.listener.gate.queries.admit(self.key):
            counters.rate_limited += 1
            return Response(doh.TOO_MANY, headers=(("retry-after", "1"),))
        query = doh.read_request(request, self._service)
        if isinstance(query, Response):
            counters.malformed += 1
            return query
        if self.listener.is_overloaded():
            counters.overloaded += 1
            return Response(doh.OVERLOADED, headers=(("retry-after", "1"),))
        client = self._identify(self.address, query.device)
        answer = await self._pipeline.answer(query.raw, client, transport=Transport.STREAM)
        if answer is None:
            return Response(doh.BAD_REQUEST)
        return doh.make_response(pad(answer))

    def _flush(self) -> None:
        if self._session is None:
            return
        self.send(self._session.data_to_send())
        if self._session.unsent() > MAX_UNSENT:
            self.listener.counters.not_reading += 1
            self.evict()


class DohServer(Listener):
    """Answers on the TLS connections that come to *sock*, which listens, as *service*."""

    def __init__(
        self,
        sock: socket.socket,
        pipeline: Pipeline,
        identify: Identify,
        *,
        certificate: Certificate,
        service: Service,
        gate: Gate | None = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        def converse(listener: Listener, address: str) -> DohConversation:
            return DohConversation(listener, address, pipeline=pipeline, identify=identify, service=service)

        super().__init__(
            sock,
            converse,
            gate=gate or Gate(),
            timeouts=timeouts,
            wrap=lambda conversation: Tls(conversation, certificate, handshake_s=timeouts.first_s),
        )
