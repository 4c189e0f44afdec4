# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections as a whole: bytes that pass untouched, and TLS to a server; what is open is judged again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ServerTLSLayer, TCPLayer
from mitmproxy.proxy.layers.tls import TlsFailedServerHook
from mitmproxy.tls import TlsData
from OpenSSL import SSL

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Review(events.Event):
    """Verdicts may have changed: what may not go on is ended."""


class PassingLayer(TCPLayer):
    """Bytes that pass as they come, for as long as *may_go_on*."""

    def __init__(self, context: Context, may_go_on: Callable[[], bool]) -> None:
        super().__init__(context, ignore=True)
        self._may_go_on = may_go_on

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Relay *event*, or end it all."""
        if not isinstance(event, Review):
            yield from super().handle_event(event)
        elif not self._stands():
            self._handle_event = self.done  # mitmproxy's way to switch
            for side in (self.context.server, self.context.client):
                if side.connected:
                    yield commands.CloseConnection(side)

    def _stands(self) -> bool:
        try:
            return self._may_go_on()
        except Exception:  # mitmproxy would log it and let the bytes pass
            logger.exception("what passes untouched could not be judged again; it is closed")
            return False


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
