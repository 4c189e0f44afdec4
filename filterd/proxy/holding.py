# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers held back until their page has been looked at: all of it, or as much as memory allows."""

from __future__ import annotations

from dataclasses import dataclass, field

from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import DropStream, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
)
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook

_HELD = "filterd.held"


@dataclass(slots=True)
class Purse:
    """The memory that all held answers share; where it is spent, each may have *least* all the same."""

    total: int = 96 << 20
    least: int = 64 << 10
    spent: int = 0


@dataclass(slots=True)
class Held:
    """An answer that is held back, up to *limit* bytes. *whole* false: what follows will not be seen."""

    purse: Purse
    limit: int
    size: int = 0
    whole: bool = True
    judged: bool = field(default=False, init=False)

    def grow(self, size: int) -> bool:
        """Take in *size* bytes more; return whether that was all that can be held."""
        self.size += size
        self.purse.spent += size
        return self.size >= self.limit or (self.purse.spent > self.purse.total and self.size >= self.purse.least)

    def let_go(self) -> None:
        """Give the memory back."""
        self.purse.spent -= self.size
        self.size = 0

    def __del__(self) -> None:
        """Give the memory back, where a connection ended without a word to anybody."""
        self.let_go()


def hold(flow: http.HTTPFlow, held: Held) -> None:
    """Hold the answer of *flow* back until the ``response`` hook has seen it."""
    assert flow.response  # noqa: S101 - for the type checker
    flow.response.stream = False
    flow.metadata[_HELD] = held


def held_of(flow: http.HTTPFlow) -> Held | None:
    """Return how the answer of *flow* is held; ``None``: it streams, or has been let go."""
    held: Held | None = flow.metadata.get(_HELD)
    return None if held is None or held.judged else held


class HoldingStream(HttpStream):
    """One request and its answer; one that grows too long to be held goes on streaming once its head was judged."""

    def state_consume_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Keep what comes, until it is all or enough."""
        yield from super().state_consume_response_body(event)
        held = held_of(self.flow)
        if held is not None and isinstance(event, ResponseData) and held.grow(len(event.data)):
            held.whole = False
            yield from self._judge_head()

    def _judge_head(self) -> layer.CommandGenerator[None]:
        answer = self.flow.response
        assert answer  # noqa: S101 - for the type checker
        head = bytes(self.response_body_buf)
        self.response_body_buf.clear()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
        answer.raw_content = head
        yield HttpResponseHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        if self.flow.response is not answer:
            yield from self._put_an_end()
            return
        answer.raw_content = None
        answer.stream = True
        yield from self.start_response_stream()
        yield SendHttp(ResponseData(self.stream_id, head), self.context.client)

    def _put_an_end(self) -> layer.CommandGenerator[None]:
        """Send the answer that took the place of the server's, which is still on its way."""
        answer = self.flow.response
        assert answer  # noqa: S101 - for the type checker
        yield SendHttp(RequestProtocolError(self.stream_id, "refused", ErrorCode.CANCEL), self.context.server)
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        content = answer.raw_content
        yield SendHttp(ResponseHeaders(self.stream_id, answer, not content), self.context.client)
        if content:
            yield SendHttp(ResponseData(self.stream_id, content), self.context.client)
        yield DropStream(self.stream_id)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
