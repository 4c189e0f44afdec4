# SPDX-License-Identifier: GPL-3.0-or-later
"""What the layers are told between two hooks."""

from __future__ import annotations

import asyncio

from mitmproxy import connection, http
from mitmproxy.test import tflow

from filterd.policy.model import Decision
from filterd.proxy.addon import FilterAddon
from filterd.wording import Notice
from tests.filterd.proxy.support import GAMBLING, Table, rulebook

HOSTS = {"shop.example": ["127.0.0.1"]}


def an_addon(told: list[Decision]) -> tuple[FilterAddon, Table]:
    policy = Table({})
    return FilterAddon(rulebook(policy, HOSTS), observe=told.append), policy


def a_request(addon: FilterAddon) -> http.HTTPFlow:
    flow = tflow.tflow(client_conn=_client())
    flow.request = http.Request.make("GET", "http://shop.example/film")
    flow.request.data.authority = b""
    asyncio.run(addon.requestheaders(flow))
    assert flow.response is None
    return flow


def test_a_request_may_go_on_while_its_verdict_stands() -> None:
    told: list[Decision] = []
    addon, policy = an_addon(told)
    flow = a_request(addon)
    assert addon.review(flow) is None
    policy.verdicts["shop.example"] = GAMBLING

    page = addon.review(flow)

    assert page
    assert page.status_code == 403
    assert [d.verdict for d in told][-1] == GAMBLING


def test_an_address_that_became_a_blocked_one_ends_it_too() -> None:
    addon, policy = an_addon([])
    flow = a_request(addon)
    policy.verdicts["127.0.0.1"] = GAMBLING

    assert addon.review(flow)


def test_what_was_not_judged_yet_is_not_judged_again() -> None:
    addon, policy = an_addon([])
    policy.verdicts["shop.example"] = GAMBLING

    assert addon.review(tflow.tflow(client_conn=_client())) is None


def test_what_passes_untouched_stands_on_its_verdicts() -> None:
    told: list[Decision] = []
    addon, policy = an_addon(told)
    flow = a_request(addon)
    known = addon._conversations.of(flow.client_conn)
    known.standing = tuple(told)
    assert addon.may_pass(flow.client_conn)
    assert known.busy()
    policy.verdicts["shop.example"] = GAMBLING

    assert not addon.may_pass(flow.client_conn)


def test_a_tunnel_without_a_server_says_why_inside() -> None:
    addon, _ = an_addon([])
    connect = tflow.tflow(client_conn=_client())
    connect.request = http.Request.make("CONNECT", "https://shop.example:443/")
    connect.request.data.host, connect.request.data.port = "shop.example", 443
    asyncio.run(addon.http_connect(connect))

    addon.refuse_arrival(connect.client_conn, Notice.UNREACHABLE)

    tunnel = addon._conversations.of(connect.client_conn).tunnel
    assert tunnel
    assert tunnel.refusal


def test_what_is_no_request_is_answered_in_our_words() -> None:
    addon, _ = an_addon([])

    assert "Pedido no válido" in addon.malformed(_client()).body.decode()


def _client() -> connection.Client:
    client = tflow.tclient_conn()
    client.timestamp_end = None
    return client
