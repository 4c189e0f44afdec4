# SPDX-License-Identifier: GPL-3.0-or-later
"""mitmproxy's HTTP layers, as we changed them, without any I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from mitmproxy import http
from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http._hooks import HttpConnectHook, HttpRequestHeadersHook
from mitmproxy.test import tflow

from filterd.proxy.answer import Page
from filterd.proxy.client import LayerOptions
from filterd.proxy.relays import Review
from filterd.proxy.streams import TIMED_OUT, FilterHttpLayer, Route, route_of, set_route
from filterd.wording import Notice

GET = b"GET http://shop.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n"
CONNECT = b"CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example\r\n\r\n"
TWO = Route(("192.0.2.1", "192.0.2.2"), 80)


class Conversation:
    """A client on one side of the layer and the world on the other: we play both."""

    def __init__(self, *, route: Route | None = TWO, excuse_fails: bool = False) -> None:
        self.client: Client = tflow.tclient_conn()
        self.client.state = ConnectionState.OPEN
        context = Context(self.client, cast("Options", LayerOptions()))
        self.layer = FilterHttpLayer(context, HTTPMode.regular, self)
        self.route = route
        self.excuse_fails = excuse_fails
        self.forbidden = False
        self.excuses: list[Notice] = []
        self.errors: list[str | None] = []  # how each dial ends, in order; then: well
        self.dialled: list[tuple[str, int] | None] = []
        self.hooks: list[str] = []
        self.server: Server | None = None
        self.sent = b""
        self.passed_on = b""
        self.closed = False
        self.give(events.Start())

    def refuse_tunnel(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response:
        return self.page(flow, notice)

    def page(self, _flow: http.HTTPFlow, notice: Notice, /) -> http.Response:
        if self.excuse_fails:
            raise RuntimeError("a bug in the page")
        self.excuses.append(notice)
        return http.Response.make(502, b"trouble", {"Connection": "close"})

    def malformed(self, _connection: Connection, /) -> Page:
        return Page(400, (), b"malformed")

    def refuse_arrival(self, _client: Client, _notice: Notice, /) -> None:
        raise AssertionError("nobody arrived")

    def speaks(self, _layer: FilterHttpLayer, /) -> None:
        pass

    def begun(self, _client: Client, /) -> None:
        pass

    def review(self, _flow: http.HTTPFlow, /) -> http.Response | None:
        return http.Response.make(403, b"no longer") if self.forbidden else None

    def may_pass(self, _client: Client, /) -> bool:
        return not self.forbidden

    def say(self, data: bytes) -> None:
        self.give(events.DataReceived(self.client, data))

    def answer(self, data: bytes) -> None:
        assert self.server
        self.give(events.DataReceived(self.server, data))

    def give(self, event: events.Event) -> None:
        for reply in list(self.follow(self.layer.handle_event(event))):
            self.give(reply)

    def follow(self, given: Iterator[commands.Command]) -> Iterator[events.Event]:
        for command in given:
            match command:
                case commands.SendData() if command.connection is self.client:
                    self.sent += command.data
                case commands.SendData():
                    self.passed_on += command.data
                case commands.CloseConnection() if command.connection is self.client:
                    self.closed = True
                case commands.OpenConnection():
                    self.dialled.append(command.connection.address)
                    error = self.errors.pop(0) if self.errors else None
                    command.connection.error = error
                    command.connection.state = ConnectionState.CLOSED if error else ConnectionState.OPEN
                    command.connection.timestamp_start = 1.0
                    self.server = command.connection
                    yield events.OpenConnectionCompleted(command, error)
                case HttpRequestHeadersHook(flow) | HttpConnectHook(flow):
                    flow.request.stream = True
                    if self.route:
                        set_route(flow, self.route)
                    yield events.HookCompleted(command)
                case commands.StartHook():
                    self.hooks.append(command.name)
                    yield events.HookCompleted(command)
                case _:
                    pass


def test_the_first_address_that_takes_us_serves() -> None:
    talk = Conversation()
    talk.errors = ["refused", None]

    talk.say(GET)

    assert talk.dialled == [("192.0.2.1", 80), ("192.0.2.2", 80)]
    assert talk.excuses == []


@pytest.mark.parametrize(
    ("error", "notice"),
    [
        ("[Errno 111] refused", Notice.UNREACHABLE),
        (TIMED_OUT, Notice.CONNECT_TIMEOUT),
        ("Connection killed: not cleared by a verdict", Notice.PRIVATE_TARGET),
    ],
)
@pytest.mark.parametrize("head", [GET, CONNECT], ids=["request", "tunnel"])
def test_where_no_address_takes_us_the_last_reason_is_told(head: bytes, error: str, notice: Notice) -> None:
    talk = Conversation()
    talk.errors = ["first", error]

    talk.say(head)

    assert talk.excuses == [notice]
    assert talk.sent.startswith(b"HTTP/1.1 502")
    assert talk.sent.endswith(b"trouble")


def test_a_tunnel_is_open_only_when_the_server_is_there() -> None:
    talk = Conversation()
    talk.errors = ["refused", None]

    talk.say(CONNECT)

    assert talk.sent.startswith(b"HTTP/1.1 200")
    assert len(talk.dialled) == 2


@pytest.mark.parametrize("head", [GET, CONNECT], ids=["request", "tunnel"])
def test_without_a_route_nothing_is_dialled(head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that did not run, for whatever reason, is no leave to go on."""
    talk = Conversation(route=None)

    talk.say(head)

    assert talk.dialled == []
    assert talk.closed
    assert "KeyError" in caplog.text


def test_a_bug_below_hangs_up(caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(excuse_fails=True)
    talk.errors = ["refused", "refused"]

    talk.say(GET)

    assert talk.closed
    assert "a bug in the page" in caplog.text


def test_a_head_without_end_hangs_up() -> None:
    talk = Conversation()

    talk.say(b"GET http://shop.example/ HTTP/1.1\r\n")
    for _ in range(300):
        talk.say(b"X-Filler: " + b"a" * 1000 + b"\r\n")

    assert talk.closed


def test_requests_without_waiting_for_the_answers_hang_up() -> None:
    talk = Conversation()

    talk.say(GET)
    talk.say(GET * 10)
    assert not talk.closed

    talk.say(GET * 6000)
    assert talk.closed


def test_what_waits_for_a_connection_is_counted() -> None:
    talk = Conversation()
    upload = b"POST http://shop.example/ HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000\r\n\r\n"
    given = [events.DataReceived(talk.client, upload), *[events.DataReceived(talk.client, bytes(10))] * 5]

    for event in given:
        for _ in talk.layer.handle_event(event):
            pass  # no reply: the hook has not come back yet

    assert talk.layer.backlog() == 5


def test_nothing_is_kept_of_a_request_that_was_answered() -> None:
    failed, served = Conversation(), Conversation()
    failed.errors = ["refused", "refused"]

    for talk in (failed, served):
        talk.say(GET)
    served.answer(b"HTTP/1.1 204 No Content\r\n\r\n")

    assert failed.layer.streams == served.layer.streams == {}


def test_a_websocket_is_relayed_and_not_kept() -> None:
    talk = Conversation()

    talk.say(
        GET.replace(b"\r\n\r\n", b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n")
    )
    talk.answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi")
    talk.say(b"\x81\x82abcd")

    assert talk.sent.endswith(b"\x81\x02hi")
    assert talk.passed_on.endswith(b"\x81\x82abcd")
    assert not [hook for hook in talk.hooks if hook.startswith(("tcp_", "websocket_"))], "mitmproxy keeps what it tells"


def test_a_flow_knows_its_route() -> None:
    flow = tflow.tflow()
    set_route(flow, TWO)

    assert route_of(flow) is TWO


def test_a_flow_without_a_route_says_so() -> None:
    with pytest.raises(KeyError):
        route_of(tflow.tflow())


def test_a_verdict_that_changed_ends_an_answer_that_has_begun() -> None:
    talk = Conversation()
    talk.errors = [None]
    talk.say(GET)
    talk.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun")
    talk.give(Review())
    assert not talk.closed, "it is still allowed"

    talk.forbidden = True
    talk.give(Review())

    assert (talk.closed, talk.hooks[-1]) == (True, "error")


def test_a_verdict_that_changed_before_the_answer_is_told() -> None:
    talk = Conversation()
    talk.errors = [None]
    talk.say(GET)
    talk.forbidden = True

    talk.give(Review())

    assert talk.sent.startswith(b"HTTP/1.1 403")
    assert talk.sent.endswith(b"no longer")


def test_a_websocket_ends_with_its_verdict() -> None:
    talk = Conversation()
    talk.errors = [None]
    talk.say(b"GET http://shop.example/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    talk.answer(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    talk.give(Review())
    assert not talk.closed, "it is still allowed"

    talk.forbidden = True
    talk.give(Review())

    assert talk.closed


def test_a_connection_without_a_request_survives_a_review() -> None:
    talk = Conversation()
    talk.errors = [None]
    talk.say(GET)
    talk.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    talk.forbidden = True

    talk.give(Review())

    assert not talk.closed, "its next request is judged anew"
