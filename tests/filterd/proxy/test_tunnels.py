# SPDX-License-Identifier: GPL-3.0-or-later
"""What a redirected connection is granted; tunnels that were asked for are in test_addon."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from mitmproxy import connection
from mitmproxy.test import tflow

from filterd.policy.model import Decide, Verdict
from filterd.proxy.addon import FilterAddon
from filterd.proxy.sniff import Tls, Unknown
from filterd.proxy.streams import HERE, Route
from filterd.proxy.transparent import Arrived
from tests.filterd.proxy.support import GAMBLING, Table, broken, rulebook

HOSTS = {"shop.example": ["127.0.0.1"], "casino.example": ["127.0.0.1"]}
SOMEWHERE = ("203.0.113.9", 443)


def arrive(
    spoken: Tls | Unknown,
    decide: Decide | Mapping[str, Verdict] = {},  # noqa: B006 - never changed
    *,
    destination: tuple[str, int] = SOMEWHERE,
    strict: bool = True,
    unknown: bool = False,
) -> tuple[Arrived, FilterAddon]:
    policy = Table(decide) if isinstance(decide, Mapping) else decide
    book = replace(rulebook(policy, HOSTS), strict=lambda _: strict)
    addon = FilterAddon(book, observe=lambda _: None, allow_unknown_protocols=unknown)
    arrived = Arrived(_client(), destination, spoken)
    asyncio.run(addon.arrived(arrived))
    return arrived, addon


def test_a_name_leads_where_our_resolver_says_and_not_where_the_client_was_headed() -> None:
    arrived, addon = arrive(Tls(("shop.example",)))

    tunnel = addon._conversations.of(arrived.client).tunnel
    assert arrived.route == Route(("127.0.0.1",), 443)
    assert tunnel
    assert (tunnel.host, tunnel.refusal) == ("shop.example", None)


@pytest.mark.parametrize("spoken", [Tls(("casino.example",)), Tls(("unknown.example",)), Tls(())])
def test_what_is_refused_leads_to_nobody(spoken: Tls) -> None:
    arrived, addon = arrive(spoken, {"casino.example": GAMBLING})

    tunnel = addon._conversations.of(arrived.client).tunnel
    assert arrived.route is HERE
    assert tunnel
    assert tunnel.refusal


def test_without_a_name_others_reach_the_address() -> None:
    arrived, _ = arrive(Tls(()), destination=("8.8.8.8", 443), strict=False)

    assert arrived.route == Route(("8.8.8.8",), 443)


@pytest.mark.parametrize(
    ("spoken", "destination"),
    [(Unknown(), SOMEWHERE), (Tls(("shop.example",)), ("203.0.113.9", 8443))],
    ids=["unknown protocol", "another port"],
)
def test_nothing_is_granted_by_default(spoken: Tls | Unknown, destination: tuple[str, int]) -> None:
    assert arrive(spoken, destination=destination)[0].route is None


def test_an_unknown_protocol_goes_to_an_address_that_was_judged() -> None:
    allowed, _ = arrive(Unknown(), destination=("8.8.8.8", 443), strict=False, unknown=True)
    blocked, _ = arrive(Unknown(), {"8.8.8.8": GAMBLING}, destination=("8.8.8.8", 443), strict=False, unknown=True)

    assert allowed.route == Route(("8.8.8.8",), 443)
    assert blocked.route is HERE


def test_a_policy_that_fails_grants_nothing() -> None:
    assert arrive(Tls(("shop.example",)), broken)[0].route is None


def _client() -> connection.Client:
    client = tflow.tclient_conn()
    client.timestamp_end = None
    return client
