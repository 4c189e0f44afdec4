# SPDX-License-Identifier: GPL-3.0-or-later
"""Each hook by itself; what they do together is shown by test_runner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import mitmproxy.proxy.layers  # noqa: F401 - defines the hooks that all_hooks lists
import pytest
from mitmproxy import connection, http
from mitmproxy.hooks import all_hooks
from mitmproxy.net.http.http1 import read_request_head
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import TCPLayer
from mitmproxy.proxy.layers.modes import HttpProxy
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import tflow

from filterd.policy.model import Decide, Decision, Verdict
from filterd.proxy.addon import FilterAddon
from filterd.proxy.client import LayerOptions
from filterd.proxy.fail_closed import Refused
from filterd.proxy.relays import PassingLayer
from filterd.proxy.streams import FilterHttpLayer, route_of
from tests.filterd.proxy.support import GAMBLING, Table, broken, rulebook

HERE = {"shop.example": ["127.0.0.1"], "casino.example": ["127.0.0.1"]}
NOT_HOOKS = {"swap", "on_swap", "know_listeners", "expect", "judge", "actions"}
NOT_HOOKS |= {"client_of", "busy", "requests_of", "backlog_of"}  # what the runner asks
NOT_HOOKS |= {
    "page",
    "malformed",
    "refuse_tunnel",
    "refuse_arrival",
    "speaks",
    "begun",
    "review",
    "may_pass",
}  # the layers


def addon(
    decide: Decide | Mapping[str, Verdict], told: list[Decision] | None = None, *, allow_unknown_protocols: bool = False
) -> FilterAddon:
    policy = Table(decide) if isinstance(decide, Mapping) else decide
    observe = told.append if told is not None else lambda _: None
    return FilterAddon(rulebook(policy, HERE), observe=observe, allow_unknown_protocols=allow_unknown_protocols)


def flow_of(*lines: str, client: connection.Client | None = None) -> http.HTTPFlow:
    """Return the flow of a request that mitmproxy read from *lines*."""
    flow = tflow.tflow(client_conn=client or live_client())
    flow.request = read_request_head([line.encode() for line in lines])
    return flow


def live_client() -> connection.Client:
    client = tflow.tclient_conn()
    client.timestamp_end = None
    return client


def get(host: str, client: connection.Client | None = None) -> http.HTTPFlow:
    return flow_of(f"GET http://{host}/ HTTP/1.1", f"Host: {host}", client=client)


def connect(host: str, client: connection.Client | None = None) -> http.HTTPFlow:
    return flow_of(f"CONNECT {host}:443 HTTP/1.1", client=client)


def tunnel_layer(client: connection.Client, *said: bytes) -> layer.NextLayer:
    """Return what mitmproxy asks about once a tunnel is open and the client has *said* something."""
    context = Context(client, LayerOptions())  # type: ignore[arg-type]  # the part of them that is read
    HttpProxy(context)
    TCPLayer(context, ignore=True)  # stands for the HTTP layer of the CONNECT
    nextlayer = layer.NextLayer(context)
    nextlayer.events.extend(events.DataReceived(client, data) for data in said)
    return nextlayer


def dial(client: connection.Client, address: tuple[str, int] | None) -> ServerConnectionHookData:
    return ServerConnectionHookData(connection.Server(address=address), client)


def test_every_hook_fails_closed() -> None:
    hooks = {name for name in dir(FilterAddon) if not name.startswith("_")} - NOT_HOOKS

    assert hooks <= set(all_hooks), "no hook of mitmproxy has that name: it would never be called"
    assert all(hasattr(getattr(FilterAddon, name), "__wrapped__") for name in hooks)


@pytest.mark.parametrize("hook", ["requestheaders", "http_connect"])
def test_a_policy_that_fails_refuses_the_request(hook: str) -> None:
    flow = get("shop.example") if hook == "requestheaders" else connect("shop.example")

    asyncio.run(getattr(addon(broken), hook)(flow))

    assert flow.response
    assert flow.response.status_code == 502


def test_a_policy_that_fails_refuses_the_greeting() -> None:
    client, filterer = live_client(), addon({})
    asyncio.run(filterer.http_connect(connect("shop.example", client)))
    filterer.swap(rulebook(broken, HERE))
    nextlayer = tunnel_layer(client, _hello("casino.example"))

    filterer.next_layer(nextlayer)

    assert isinstance(nextlayer.layer, Refused)


def test_an_observer_that_fails_refuses_the_request() -> None:
    def full_disk(_: Decision) -> None:
        raise OSError("no space left on device")

    flow = get("shop.example")

    asyncio.run(FilterAddon(rulebook(Table({}), HERE), observe=full_disk).requestheaders(flow))

    assert flow.response
    assert flow.response.status_code == 502


def test_an_answer_that_is_not_there_kills_the_flow() -> None:
    flow = get("shop.example")
    flow.response = None

    addon({}).responseheaders(flow)

    assert flow.error


def test_an_allowed_request_knows_its_route_and_streams() -> None:
    flow = get("shop.example")

    asyncio.run(addon({}).requestheaders(flow))

    assert flow.response is None
    assert flow.request.stream is True
    assert route_of(flow).addresses == ("127.0.0.1",)


def test_a_blocked_request_has_its_answer() -> None:
    flow = get("casino.example")
    told: list[Decision] = []

    asyncio.run(addon({"casino.example": GAMBLING}, told).requestheaders(flow))

    assert flow.response
    assert flow.response.status_code == 403
    assert [decision.verdict for decision in told] == [GAMBLING]


def test_a_malformed_request_is_left_to_mitmproxy() -> None:
    flow = get("shop.example")
    flow.error = tflow.terr("malformed")

    asyncio.run(addon(broken).requestheaders(flow))

    assert flow.response is None


def test_only_what_was_cleared_is_dialled() -> None:
    client, filterer = live_client(), addon({})
    addresses = [("127.0.0.1", 80), ("127.0.0.1", 81), ("8.8.8.8", 80), None]
    cleared, *others = [dial(client, address) for address in addresses]
    others.append(dial(live_client(), ("127.0.0.1", 80)))  # nothing was granted to that one

    async def dial_all() -> None:
        await filterer.requestheaders(get("shop.example", client))
        for data in (cleared, *others):
            filterer.server_connect(data)

    asyncio.run(dial_all())

    assert cleared.server.error is None
    assert all(data.server.error for data in others)


def test_what_a_client_was_granted_ends_with_it() -> None:
    client, filterer = live_client(), addon({})
    asyncio.run(filterer.requestheaders(get("shop.example", client)))

    client.timestamp_end = 1.0
    filterer.client_disconnected(client)
    late = dial(client, ("127.0.0.1", 80))
    filterer.server_connect(late)

    assert late.server.error
    assert len(filterer._conversations) == 0


def test_our_own_ports_are_not_dialled() -> None:
    client, filterer = live_client(), addon({})
    filterer.know_listeners({}, {80})
    asyncio.run(filterer.requestheaders(get("shop.example", client)))
    data = dial(client, ("127.0.0.1", 80))

    filterer.server_connect(data)

    assert data.server.error == "the proxy itself"


def test_a_dial_is_given_up_after_a_while_and_not_once_it_succeeded() -> None:
    client, filterer = live_client(), FilterAddon(rulebook(Table({}), HERE), observe=print, connect_timeout_s=0.01)

    async def dial_and_wait(*, succeed: bool) -> str:
        data = dial(client, ("127.0.0.1", 80))
        filterer.server_connect(data)
        if succeed:
            filterer.server_connected(data)
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError as error:
            filterer.server_connect_error(data)
            return str(error)
        return "served"

    async def both() -> Sequence[str]:
        await filterer.requestheaders(get("shop.example", client))
        tasks = [asyncio.create_task(dial_and_wait(succeed=ok)) for ok in (True, False)]
        return await asyncio.gather(*tasks)

    assert asyncio.run(both()) == ["served", "no connection in time"]
    assert filterer._clocks == {}


@pytest.mark.parametrize(
    ("said", "adult", "expected"),
    [
        (b"", False, None),
        (b"\x16\x03", False, None),
        (b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n", False, FilterHttpLayer),
        (b"SSH-2.0-x\r\n", False, Refused),
        (b"SSH-2.0-x\r\n", True, PassingLayer),
    ],
    ids=["nothing", "half a greeting", "HTTP", "SSH", "SSH for adults"],
)
def test_a_tunnel_is_understood_from_what_is_said_first(
    said: bytes, expected: type[layer.Layer] | None, *, adult: bool
) -> None:
    client, filterer = live_client(), addon({}, allow_unknown_protocols=adult)
    asyncio.run(filterer.http_connect(connect("shop.example", client)))
    nextlayer = tunnel_layer(client, said)

    filterer.next_layer(nextlayer)

    assert type(nextlayer.layer) is (expected or type(None))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop.example", PassingLayer),
        ("good.example", PassingLayer),
        ("casino.example", Refused),
        ("CASINO.example.", Refused),
        ("a b", Refused),
    ],
)
def test_a_greeting_is_judged_by_the_name_in_it(name: str, expected: type[layer.Layer]) -> None:
    client, filterer = live_client(), addon({"casino.example": GAMBLING})
    asyncio.run(filterer.http_connect(connect("shop.example", client)))
    nextlayer = tunnel_layer(client, _hello(name))

    filterer.next_layer(nextlayer)

    assert type(nextlayer.layer) is expected


def test_a_tunnel_that_nobody_granted_is_refused() -> None:
    nextlayer = tunnel_layer(live_client(), b"GET / HTTP/1.1\r\n\r\n")

    addon({}).next_layer(nextlayer)

    assert isinstance(nextlayer.layer, Refused)


def _hello(name: str) -> bytes:
    """Return a small ClientHello for *name*."""
    host = name.encode()
    names = b"\0" + len(host).to_bytes(2) + host
    body = (len(names)).to_bytes(2) + names
    extension = b"\0\0" + len(body).to_bytes(2) + body
    message = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0" + len(extension).to_bytes(2) + extension
    handshake = b"\x01" + len(message).to_bytes(3) + message
    return b"\x16\x03\x01" + len(handshake).to_bytes(2) + handshake
