# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1 where mitmproxy's own gives up, or speaks in its own words. What it sends is in tests/e2e/test_proxy_http."""

from __future__ import annotations

from typing import cast

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestEndOfMessage, ResponseProtocolError
from mitmproxy.test import tflow

from filterd.proxy.answer import Page
from filterd.proxy.client import LayerOptions
from filterd.proxy.http1 import FilterHttp1Server


def context() -> Context:
    client = tflow.tclient_conn()
    client.state = ConnectionState.OPEN
    return Context(client, cast("Options", LayerOptions()))


def server() -> FilterHttp1Server:
    made = FilterHttp1Server(context(), lambda _: Page(400, (("Content-Type", "text/plain"),), b"ours"))
    list(made.handle_event(events.Start()))
    return made


def say(layer: FilterHttp1Server, data: bytes) -> list[commands.Command]:
    return list(layer.handle_event(events.DataReceived(layer.conn, data)))


@pytest.mark.parametrize("said", [b"rubbish\r\n\r\n", b"GET / HTTP/1.1\r\nno header\r\n\r\n"])
def test_what_is_malformed_is_answered_in_our_words(said: bytes) -> None:
    sent, closed, *_ = say(server(), said)

    assert isinstance(sent, commands.SendData)
    assert sent.data.startswith(b"HTTP/1.1 400")
    assert sent.data.endswith(b"ours")
    assert b"Connection: close" in sent.data
    assert isinstance(closed, commands.CloseConnection)


def test_an_error_of_the_layers_above_is_too() -> None:
    talk = server()
    say(talk, b"GET / HTTP/1.1\r\n\r\n")

    sent, closed = talk.handle_event(ResponseProtocolError(1, "in English", ErrorCode.DESTINATION_UNKNOWN))

    assert isinstance(sent, commands.SendData)
    assert sent.data.endswith(b"ours")
    assert isinstance(closed, commands.CloseConnection)


def test_a_body_with_trailers_ends() -> None:
    said = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Trailer: 1\r\n\r\n"

    *_, last = say(server(), said)

    assert isinstance(last, ReceiveHttp)
    assert isinstance(last.event, RequestEndOfMessage)
