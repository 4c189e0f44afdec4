# SPDX-License-Identifier: GPL-3.0-or-later
"""One client connection, and the connections to servers made for it, run by mitmproxy's layers."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import cast

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.options import Options
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import LiveConnectionHandler

from filterd.proxy.addon import FilterAddon
from filterd.proxy.limits import Limits
from filterd.proxy.relays import Review
from filterd.proxy.transparent import ArrivalLayer, Destination

_MAX_WAITING = 64  # events of at most 64 KiB that one client may have in memory before we stop reading from it


@dataclass(frozen=True)
class LayerOptions:
    """What mitmproxy's layers read of its options. Theirs copies a value deeply each time it is read."""

    body_size_limit: None = None
    connection_strategy: str = "lazy"  # FilterStream dials, once it knows where
    http2_ping_keepalive: int = 58
    http3: bool = False
    keep_host_header: bool = False
    normalize_outbound_headers: bool = True
    proxy_debug: bool = False
    rawtcp: bool = True
    store_streamed_bodies: bool = False
    stream_large_bodies: None = None
    tcp_timeout: int = 600
    validate_inbound_headers: bool = True
    websocket: bool = False  # relayed as it comes, not message by message


class ClientConnection(LiveConnectionHandler):
    """One client connection, and the connections to servers made for it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        mark: ProxyMode,
        addon: FilterAddon,
        *,
        destination: Destination | None,
    ) -> None:
        super().__init__(reader, writer, cast("Options", LayerOptions()), mark)
        context = self.layer.context
        if destination is None:
            self.layer = modes.HttpProxy(context)
        else:
            addon.expect(self.client, destination)
            self.layer = ArrivalLayer(context, destination, addon)
        self._addon = addon

    async def serve(self, limits: Limits) -> None:
        """Serve until somebody hangs up."""
        self._clock = asyncio.get_running_loop().call_later(limits.first_request_s, self._look_after, limits, 0)
        try:
            await self.handle_client()
        finally:
            self._clock.cancel()

    async def review(self) -> None:
        """End what is no longer allowed."""
        if self.client in self.transports:
            await self.server_event(Review())

    def _look_after(self, limits: Limits, requests: int) -> None:
        """Hang up on a client that has asked for nothing since it had made *requests*."""
        made = self._addon.requests_of(self.client)
        if made == requests and not self._addon.busy(self.client):
            self.hang_up()
            return
        self._clock = asyncio.get_running_loop().call_later(limits.next_request_s, self._look_after, limits, made)

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Call the addon's method of the hook's name, if it has one."""
        method = getattr(self._addon, hook.name, None)
        if method is not None:
            with self.timeout_watchdog.disarm():
                called = method(*hook.args())
                if inspect.isawaitable(called):
                    await called

    async def drain_writers(self) -> None:
        """Wait until peers have taken what was sent, and until little is left behind a look-up or a connect."""
        await super().drain_writers()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
        while self._waiting() > _MAX_WAITING:  # noqa: ASYNC110 - nobody tells when mitmproxy's queue shrinks
            await asyncio.sleep(0.01)  # a look-up and a connect have their time-outs

    def close_connection(self, connection: Connection, half_close: bool = False) -> None:
        """Close *connection*, once: a second cancellation would interrupt the closing, and it would stay open."""
        if connection.state is not ConnectionState.CLOSED:
            super().close_connection(connection, half_close)

    def hang_up(self) -> None:
        """Close the connection to the client, and with it the others."""
        transport = self.transports.get(self.client)
        if transport is not None and transport.handler is not None:
            self.close_connection(self.client)

    def _waiting(self) -> int:
        return self._addon.backlog_of(self.client)
