# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose layers talk to servers: ours, however mitmproxy came to make them."""

from __future__ import annotations

from typing import cast

import pytest
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ServerTLSLayer
from mitmproxy.proxy.layers.http import HttpClient, RegisterHttpConnection
from mitmproxy.proxy.layers.http._http2 import Http2Client
from mitmproxy.test import tflow

from filterd.proxy.client import LayerOptions
from filterd.proxy.http1 import FilterHttp1Client
from filterd.proxy.http2 import FilterHttp2Client
from filterd.proxy.servers import FilterHttpClient, spoken_by, use_ours


def context(alpn: bytes | None, *, connected: bool = True) -> Context:
    made = Context(tflow.tclient_conn(), cast("Options", LayerOptions()))
    made.server = Server(address=("192.0.2.1", 443))
    made.server.alpn = alpn
    made.server.state = ConnectionState.OPEN if connected else ConnectionState.CLOSED
    return made


def never_full(_layer: object, _stream: int) -> bool:
    return False


@pytest.mark.parametrize(
    ("alpn", "ours"), [(b"h2", FilterHttp2Client), (b"http/1.1", FilterHttp1Client), (None, FilterHttp1Client)]
)
def test_what_is_agreed_is_spoken_by_ours(alpn: bytes | None, ours: type) -> None:
    made = HttpClient(context(alpn))

    use_ours(made, never_full)
    *_, last = made.handle_event(events.Start())

    assert type(spoken_by(made)) is ours
    assert isinstance(last, RegisterHttpConnection)
    assert last.err is None


def test_a_server_that_is_not_there_is_dialled_first() -> None:
    made = HttpClient(context(None, connected=False))

    use_ours(made, never_full)
    (dial,) = made.handle_event(events.Start())
    assert isinstance(dial, commands.OpenConnection)
    (told,) = made.handle_event(events.OpenConnectionCompleted(dial, "refused"))

    assert isinstance(told, RegisterHttpConnection)
    assert told.err == "refused"
    assert spoken_by(made) is None


def test_below_tls_it_is_ours_too() -> None:
    made = context(b"h2")
    outer, inner = ServerTLSLayer(made), HttpClient(made)
    outer.child_layer = inner

    use_ours(outer, never_full)

    assert type(inner) is FilterHttpClient


def test_a_server_that_speaks_first_is_understood_by_ours() -> None:
    made = Http2Client(context(b"h2"))

    use_ours(made, never_full)

    assert type(made) is FilterHttp2Client
