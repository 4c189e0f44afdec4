# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a hook is about is refused when the hook fails."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy import connection, http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import TCPLayer
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import tflow
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from filterd.proxy.block_page import Asked, failure_page, notice_page
from filterd.proxy.fail_closed import Refused, as_response, fail_closed, refuse
from filterd.wording import Notice


class Buggy:
    """Hooks that fail; *calls* shows that they were called."""

    def __init__(self) -> None:
        self.calls = 0

    @fail_closed
    async def requestheaders(self, _flow: http.HTTPFlow) -> None:
        await asyncio.sleep(0)
        self._fail()

    @fail_closed
    def http_connect(self, _flow: http.HTTPFlow) -> None:
        self._fail()

    @fail_closed
    def responseheaders(self, _flow: http.HTTPFlow) -> None:
        self._fail()

    @fail_closed
    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        nextlayer.layer = TCPLayer(nextlayer.context, ignore=True)  # it had let it through already
        self._fail()

    @fail_closed
    def server_connect(self, _data: ServerConnectionHookData) -> None:
        self._fail()

    @fail_closed
    def client_connected(self, _client: connection.Client) -> None:
        self._fail()

    def _fail(self) -> None:
        self.calls += 1
        raise RuntimeError("a bug in a hook")


def context() -> Context:
    return Context(tflow.tclient_conn(), None)  # type: ignore[arg-type]  # no layer here reads an option


def test_a_failed_request_gets_the_page_in_three_languages(caplog: pytest.LogCaptureFixture) -> None:
    flow = tflow.tflow()

    asyncio.run(Buggy().requestheaders(flow))

    assert flow.response
    assert flow.response.status_code == 502
    assert flow.response.headers["content-language"] == "es, gn, en"
    assert flow.response.headers["connection"] == "close"
    assert "requestheaders failed" in caplog.text
    assert "RuntimeError: a bug in a hook" in caplog.text


def test_a_failed_tunnel_is_not_opened() -> None:
    flow = tflow.tflow()

    Buggy().http_connect(flow)

    assert flow.response
    assert flow.response.status_code == 502


def test_a_failed_answer_is_not_passed_on() -> None:
    """The server's body would follow a page of ours: the connection is cut instead."""
    flow = tflow.tflow(resp=True)

    Buggy().responseheaders(flow)

    assert flow.error
    assert flow.error.msg == "Connection killed."


def test_an_answer_can_fail_twice(caplog: pytest.LogCaptureFixture) -> None:
    flow = tflow.tflow(resp=True)
    flow.live = False

    Buggy().responseheaders(flow)  # it was cut before: there is nothing left to kill, and that is no second failure

    assert flow.error is None
    assert caplog.text.count("Traceback") == 1


def test_a_failed_greeting_greets_nobody() -> None:
    where = context()
    data = TlsData(where.client, where, ssl_conn=SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD)))

    refuse(data, "tls_start_client")

    assert data.ssl_conn is None


def test_a_failed_choice_of_protocol_hangs_up() -> None:
    nextlayer = layer.NextLayer(context())

    Buggy().next_layer(nextlayer)

    assert isinstance(nextlayer.layer, Refused)


def test_a_failed_dial_dials_nothing() -> None:
    data = ServerConnectionHookData(tflow.tserver_conn(), tflow.tclient_conn())

    Buggy().server_connect(data)

    assert data.server.error


def test_a_failed_greeting_of_a_client_hangs_up() -> None:
    client = tflow.tclient_conn()

    Buggy().client_connected(client)

    assert client.error


def test_a_hook_that_is_cancelled_is_cancelled() -> None:
    class Slow:
        @fail_closed
        async def requestheaders(self, _flow: http.HTTPFlow) -> None:
            await asyncio.Event().wait()

    async def cancel() -> None:
        async with asyncio.timeout(0.01):
            await Slow().requestheaders(tflow.tflow())

    with pytest.raises(TimeoutError):
        asyncio.run(cancel())


def test_a_hook_keeps_its_name() -> None:
    assert Buggy.requestheaders.__name__ == "requestheaders"


def test_a_page_for_head_has_the_length_and_no_body() -> None:
    flow = tflow.tflow()
    flow.request.method = "HEAD"

    response = as_response(failure_page(), flow.request)

    assert response.raw_content == b""
    assert int(response.headers["content-length"]) == len(failure_page().body)


@pytest.mark.parametrize(
    ("notice", "closes"), [(Notice.WORKS, False), (Notice.PRIVATE_TARGET, False), (Notice.UNREACHABLE, True)]
)
def test_only_trouble_ends_the_connection(notice: Notice, *, closes: bool) -> None:
    response = as_response(notice_page(notice, Asked(), host="shop.example"), tflow.tflow().request)

    assert ("connection" in response.headers) is closes


@pytest.mark.parametrize("farewell", [b"", b"bye"])
def test_a_conversation_that_is_refused_says_farewell_and_ends(farewell: bytes) -> None:
    refused = Refused(context(), farewell)

    given = list(refused.handle_event(events.Start()))
    given += list(refused.handle_event(events.DataReceived(refused.context.client, b"more")))

    kinds = [type(command) for command in given]
    assert kinds == ([commands.SendData] if farewell else []) + [commands.CloseConnection]
