# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own layers for HTTP towards servers, in the place of those that mitmproxy makes by itself."""

from __future__ import annotations

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpClient, RegisterHttpConnection
from mitmproxy.proxy.layers.http._http2 import Http2Client
from mitmproxy.proxy.tunnel import TunnelLayer

from filterd.proxy.http1 import FilterHttp1Client
from filterd.proxy.http2 import FilterHttp2Client, IsFull, pace


class FilterHttpClient(HttpClient):
    """Connects, and goes on in the protocol that was agreed; *is_full* bounds what is kept of HTTP/2."""

    is_full: IsFull

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        server = self.context.server
        err: str | None = None
        if not server.connected:
            err = yield commands.OpenConnection(server)
        if not err:
            if server.alpn == b"h2":
                self.child_layer = FilterHttp2Client(self.context, self.is_full)
            else:
                self.child_layer = FilterHttp1Client(self.context)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]  # mitmproxy's way to switch
            yield from self.child_layer.handle_event(event)
        yield RegisterHttpConnection(server, err)


def use_ours(made: layer.Layer, is_full: IsFull) -> None:
    """Make the layer that mitmproxy has *made* to talk to a server one of ours, before it begins."""
    while isinstance(made, TunnelLayer):
        made = made.child_layer
    if type(made) is HttpClient:
        made.__class__ = FilterHttpClient
        assert isinstance(made, FilterHttpClient)  # noqa: S101 - for the type checker
        made.is_full = is_full
    elif type(made) is Http2Client:  # of a server that spoke first
        made.__class__ = FilterHttp2Client
        pace(made, is_full)


def spoken_by(made: layer.Layer | None) -> layer.Layer | None:
    """Return the layer that speaks HTTP in *made*, below TLS and the like; ``None`` where none does yet."""
    while isinstance(made, TunnelLayer | HttpClient):
        made = getattr(made, "child_layer", None)
    return made
