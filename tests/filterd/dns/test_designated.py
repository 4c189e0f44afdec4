# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that look for an encrypted resolver are told ours."""

from __future__ import annotations

import dns.message
import pytest

from filterd.dns.designated import Designated, discovery_reply
from filterd.dns.wire import parse_query
from tests.filterd.dns.fakes import question

OURS = (
    Designated("dns.example", 443, dohpath="/dns-query{?dns}", addresses=("192.0.2.53", "2001:db8::53")),
    Designated("dns.example", 8853, addresses=("192.0.2.53",)),
)


def discover(name: str, qtype: str = "SVCB", ours: tuple[Designated, ...] = OURS) -> list[str] | None:
    message = discovery_reply(parse_query(question(name, qtype)), ours, ttl=300)
    if message is None:
        return None
    return [record.to_text() for rrset in dns.message.from_wire(message).answer for record in rrset]


@pytest.mark.parametrize("name", ["_dns.resolver.arpa", "_DNS.Resolver.Arpa", "_dns.dns.example"])
def test_each_is_told_in_order_with_all_that_is_needed_to_reach_it(name: str) -> None:
    assert discover(name) == [
        '1 dns.example. alpn="h2" ipv4hint="192.0.2.53" ipv6hint="2001:db8::53" dohpath="/dns-query{?dns}"',
        '2 dns.example. alpn="dot" port="8853" ipv4hint="192.0.2.53"',
    ]


@pytest.mark.parametrize(
    ("name", "qtype"),
    [("_dns.resolver.arpa", "A"), ("resolver.arpa", "SVCB"), ("_dns.other.example", "SVCB"), ("dns.example", "SVCB")],
)
def test_other_questions_are_not_for_discovery(name: str, qtype: str) -> None:
    assert discover(name, qtype) is None


def test_where_nothing_is_served_encrypted_nothing_is_told() -> None:
    assert discover("_dns.resolver.arpa", ours=()) is None
