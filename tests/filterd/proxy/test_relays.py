# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes that pass untouched end with what let them pass; TLS to servers is shown by test_tls_hooks."""

from __future__ import annotations

from typing import cast

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.test import tflow

from filterd.proxy.client import LayerOptions
from filterd.proxy.relays import PassingLayer, Review


def test_what_may_go_on_goes_on() -> None:
    client = tflow.tclient_conn()
    client.state = ConnectionState.OPEN
    context = Context(client, cast("Options", LayerOptions()))
    context.server.timestamp_start = 1.0
    passing = PassingLayer(context, lambda: True)
    list(passing.handle_event(events.Start()))

    assert list(passing.handle_event(Review())) == []
    (sent,) = passing.handle_event(events.DataReceived(client, b"on it goes"))
    assert isinstance(sent, commands.SendData)


def test_a_review_that_fails_ends_what_passes_untouched(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> bool:
        raise RuntimeError("a bug in the policy")

    client = tflow.tclient_conn()
    client.state = ConnectionState.OPEN
    passing = PassingLayer(Context(client, cast("Options", LayerOptions())), broken)

    closed = [command for command in passing.handle_event(Review()) if isinstance(command, commands.CloseConnection)]

    assert [command.connection for command in closed] == [client]
    assert "could not be judged again" in caplog.text
