# SPDX-License-Identifier: GPL-3.0-or-later
"""A bug in a hook closes: mitmproxy logs and swallows an addon's exception and lets the traffic through."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from mitmproxy import connection, http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData

from filterd.proxy.block_page import Page, failure_page

logger = logging.getLogger(__name__)

# From here on the server has been asked already: a page of ours would be mixed with its answer.
_AFTER_THE_ANSWER = frozenset({"responseheaders", "response", "error"})


def fail_closed[Hook: Callable[..., Any]](hook: Hook) -> Hook:
    """Return *hook*, a method that takes one event, so that any exception refuses what the event is about."""
    if inspect.iscoroutinefunction(hook):

        @functools.wraps(hook)
        async def guarded_async(self: object, event: object) -> None:
            try:
                await cast("Callable[[object, object], Awaitable[None]]", hook)(self, event)
            except Exception:
                logger.exception("proxy hook %s failed; what it was about is refused", hook.__name__)
                refuse(event, hook.__name__)

        return cast("Hook", guarded_async)

    @functools.wraps(hook)
    def guarded(self: object, event: object) -> None:
        try:
            hook(self, event)
        except Exception:
            logger.exception("proxy hook %s failed; what it was about is refused", hook.__name__)
            refuse(event, hook.__name__)

    return cast("Hook", guarded)


def refuse(event: object, hook: str) -> None:
    """Close what *event*, the argument of *hook*, is about."""
    match event:
        case http.HTTPFlow() if hook in _AFTER_THE_ANSWER:
            if event.killable:
                event.kill()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
        case http.HTTPFlow():
            event.response = as_response(failure_page(), event.request)
        case layer.NextLayer():
            event.layer = Refused(event.context)
        case ServerConnectionHookData():
            event.server.error = "the filter failed"
        case TlsData():
            event.ssl_conn = None  # no greeting: the connection ends
        case connection.Client():
            event.error = "the filter failed"


def as_response(page: Page, request: http.Request) -> http.Response:
    """Return *page* as mitmproxy's answer to *request*."""
    response = http.Response.make(page.status, page.body, dict(page.headers))
    if request.method == "HEAD":
        response.raw_content = b""  # the length stays: RFC 9110 §9.3.2
    # After trouble the client starts afresh: mitmproxy remembers a failed server for as long as its client stays.
    if page.status not in (200, 403) and not request.is_http2:  # RFC 9113 §8.2.2: HTTP/2 has no such header
        response.headers["Connection"] = "close"
    return response


class Refused(layer.Layer):
    """A conversation that is over: says *farewell* and hangs up."""

    def __init__(self, context: Context, farewell: bytes = b"") -> None:
        super().__init__(context)
        self._farewell = farewell

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            if self._farewell:
                yield commands.SendData(self.context.client, self._farewell)
            yield commands.CloseConnection(self.context.client)
