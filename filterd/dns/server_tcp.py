# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries by TCP (RFC 7766): several on a connection, answered in the order in which answers are found."""

from __future__ import annotations

import socket
from collections.abc import Callable

from filterd.dns import wire
from filterd.dns.conversation import Conversation
from filterd.dns.listener import Gate, Listener, Timeouts
from filterd.dns.pipeline import Pipeline, Transport
from filterd.policy.model import Client

MAX_QUERY = 4096


class FramedConversation(Conversation):
    """A client whose queries come with their length before them."""

    def __init__(
        self, listener: Listener, address: str, *, pipeline: Pipeline, identify: Callable[[str], Client]
    ) -> None:
        super().__init__(listener, address)
        self._pipeline = pipeline
        self._identify = identify
        self._pending = b""

    def receive(self, data: bytes) -> None:
        """Take in *data*."""
        self._pending += data

    def proceed(self) -> None:
        """Begin the queries that are here whole."""
        pending, at = self._pending, 0
        while not self.must_wait and len(pending) - at >= 2:
            length = int.from_bytes(pending[at : at + 2])
            if not wire.HEADER_SIZE <= length <= MAX_QUERY:
                # Another protocol, or one who would have us wait for 64 KiB: there is no way back into step.
                self.listener.counters.malformed += 1
                self.close()
                return
            end = at + 2 + length
            if end > len(pending):
                break
            self.start(self._answer(pending[at + 2 : end]))
            at = end
        self._pending = pending[at:]

    def client(self) -> Client:
        """Return who asks."""
        return self._identify(self.address)

    def pad(self, reply: bytes) -> bytes:
        """Return *reply* as it is sent."""
        return reply

    async def _answer(self, raw: bytes) -> None:
        listener = self.listener
        reply: bytes | None
        if not listener.gate.queries.admit(self.key):
            listener.counters.rate_limited += 1
            reply = wire.error_reply(raw, wire.REFUSED)
        elif listener.is_overloaded():
            listener.counters.overloaded += 1
            reply = wire.error_reply(raw, wire.SERVFAIL)
        else:
            reply = await self._pipeline.answer(raw, self.client(), transport=Transport.STREAM)
        if reply is not None:
            reply = self.pad(reply)
            self.send(len(reply).to_bytes(2) + reply)


class TcpServer(Listener):
    """Answers on the connections that come to *sock*, which listens; *identify* says which client an address is."""

    def __init__(
        self,
        sock: socket.socket,
        pipeline: Pipeline,
        identify: Callable[[str], Client],
        *,
        gate: Gate | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        def converse(listener: Listener, address: str) -> FramedConversation:
            return FramedConversation(listener, address, pipeline=pipeline, identify=identify)

        super().__init__(sock, converse, gate=gate or Gate(), timeouts=timeouts or Timeouts())
