# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1 as mitmproxy speaks it, but with our page for what is malformed, and trailers that upset nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h11
from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._events import HttpEvent, ResponseProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Connection, Http1Server

from filterd.proxy.answer import Page

_BodyReader = Callable[..., Any]


class _Untrailed:
    """Reads a body with *reader*; trailers are dropped, as RFC 9110 §6.5.1 lets a recipient do. mitmproxy gives up."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.read_eof: _BodyReader = reader.read_eof

    def __call__(self, buffer: Any) -> Any:
        read = self._reader(buffer)
        return h11.EndOfMessage() if isinstance(read, h11.EndOfMessage) else read


class _TakesTrailers(Http1Connection):
    @property
    def body_reader(self) -> Any:
        """What reads the body of the message that is under way."""
        return self._body_reader

    @body_reader.setter
    def body_reader(self, reader: Any) -> None:
        self._body_reader = _Untrailed(reader)


class FilterHttp1Server(_TakesTrailers, Http1Server):
    """Our side towards a client; *malformed* makes the page for a request that is none."""

    def __init__(self, context: Context, malformed: Callable[[Connection], Page]) -> None:
        super().__init__(context)
        self._malformed = malformed

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read a head; the one thing that is sent in reply at this point is mitmproxy's own error page."""
        for command in super().read_headers(event):
            if isinstance(command, commands.SendData):
                yield commands.SendData(self.conn, self._page())
            else:
                yield command

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Send *event*; what mitmproxy would put into words of its own is said in ours."""
        worded = isinstance(event, ResponseProtocolError) and event.code.http_status_code() is not None
        if worded and not self.response and self.request is not None:
            yield commands.SendData(self.conn, self._page())
            yield commands.CloseConnection(self.conn)
        else:
            yield from super().send(event)

    def _page(self) -> bytes:
        page = self._malformed(self.conn)
        response = http.Response.make(page.status, page.body, {**dict(page.headers), "Connection": "close"})
        assembled: bytes = http1.assemble_response(response)  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
        return assembled


class FilterHttp1Client(_TakesTrailers, Http1Client):
    """Our side towards a server."""
