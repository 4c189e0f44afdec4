# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine's name leads to its safe host, or nowhere."""

from __future__ import annotations

import pytest

from filterd.dns import wire
from filterd.dns.cache import AnswerCache
from filterd.dns.resolver import Ask, Resolver
from filterd.dns.rewrite import SafeHosts, is_rewritten, rewrite_reply
from filterd.dns.upstream_spec import UpstreamError
from filterd.dns.wire import ExtendedError, parse_query
from tests.filterd.dns.fakes import Zone, answers, extended_error, question, read, run

SAFE = "safe.example"
FIXED: dict[str, tuple[str, ...]] = {SAFE: ("192.0.2.120", "2001:db8::120")}
FORGED = ExtendedError(4, "safe-search")


def safe_hosts(ask: Ask, fixed: dict[str, tuple[str, ...]] = FIXED) -> SafeHosts:
    return SafeHosts(Resolver(ask, cache=AnswerCache()), fixed=fixed)


async def dead(_question: bytes) -> bytes:
    raise UpstreamError("down")


def find(hosts: SafeHosts, qtype: int, host: str = SAFE) -> tuple[list[str], int]:
    found, ttl = run(hosts.find(host, qtype))
    return [str(address) for address in found], ttl


@pytest.mark.parametrize(("ttl", "said"), [(5, 60), (200, 200), (3600, 300)])
def test_the_safe_host_is_asked_of_the_upstream(ttl: int, said: int) -> None:
    hosts = safe_hosts(Zone(f"{SAFE}. {ttl} IN A 192.0.2.9").ask)

    assert find(hosts, wire.A) == (["192.0.2.9"], said)


def test_a_safe_host_without_ipv6_has_none() -> None:
    hosts = safe_hosts(Zone(f"{SAFE}. 60 IN A 192.0.2.9").ask)

    assert find(hosts, wire.AAAA)[0] == []


def test_aliases_of_the_safe_host_are_followed() -> None:
    hosts = safe_hosts(Zone(f"{SAFE}. 60 IN CNAME cdn.example.\ncdn.example. 60 IN A 192.0.2.9").ask)

    assert find(hosts, wire.A)[0] == ["192.0.2.9"]


@pytest.mark.parametrize("ask", [dead, Zone().ask], ids=["no upstream", "no such name there"])
def test_where_the_upstream_does_not_know_the_known_addresses_serve(ask: Ask) -> None:
    assert find(safe_hosts(ask), wire.A) == (["192.0.2.120"], 60)
    assert find(safe_hosts(ask), wire.AAAA) == (["2001:db8::120"], 60)


@pytest.mark.parametrize("ask", [dead, Zone().ask], ids=["no upstream", "no such name there"])
def test_where_nobody_knows_it_is_a_failure_and_never_the_engine_itself(ask: Ask) -> None:
    with pytest.raises(UpstreamError):
        find(safe_hosts(ask, {}), wire.A)


@pytest.mark.parametrize("then", [dead, Zone().ask], ids=["no upstream", "no such name there"])
def test_what_the_upstream_said_last_goes_before_the_known_addresses(then: Ask) -> None:
    zone = Zone(f"{SAFE}. 60 IN A 192.0.2.9")
    resolver = Resolver(zone.ask, cache=AnswerCache())
    hosts = SafeHosts(resolver, fixed=FIXED)
    find(hosts, wire.A)
    find(hosts, wire.AAAA)

    resolver.swap(then)

    assert find(hosts, wire.A) == (["192.0.2.9"], 60)
    assert find(hosts, wire.AAAA) == ([], 60)


def test_a_safe_host_may_be_an_address() -> None:
    assert find(safe_hosts(dead), wire.A, "192.0.2.77")[0] == ["192.0.2.77"]
    assert find(safe_hosts(dead), wire.AAAA, "192.0.2.77")[0] == []


def rewritten(qtype: str, alias: str | None = SAFE) -> bytes:
    query = parse_query(question("WWW.Engine.example", qtype))
    found, ttl = run(safe_hosts(dead).find(SAFE, query.qtype))
    return rewrite_reply(query, alias, found, ttl=ttl, error=FORGED)


@pytest.mark.parametrize(("qtype", "address"), [("A", "192.0.2.120"), ("AAAA", "2001:db8::120")])
def test_the_alias_stays_in_the_answer(qtype: str, address: str) -> None:
    reply = rewritten(qtype)

    assert answers(reply) == [
        ("WWW.Engine.example.", "CNAME", "safe.example."),
        ("safe.example.", qtype, address),
    ]
    assert extended_error(reply) == FORGED


def test_without_an_alias_the_name_has_the_addresses_itself() -> None:
    assert answers(rewritten("A", None)) == [("WWW.Engine.example.", "A", "192.0.2.120")]
    assert answers(rewritten("CNAME", None)) == []
    assert answers(rewritten("CNAME")) == [("WWW.Engine.example.", "CNAME", "safe.example.")]


def test_without_addresses_the_alias_ends_in_nothing() -> None:
    query = parse_query(question("www.engine.example", "AAAA"))

    reply = rewrite_reply(query, SAFE, [], ttl=60, error=FORGED)

    assert answers(reply) == [("www.engine.example.", "CNAME", "safe.example.")]
    assert [(str(rr.rname), rr.ttl) for rr in read(reply).auth] == [("safe.example.", 60)]


@pytest.mark.parametrize(
    ("qtype", "follows"), [(wire.A, True), (wire.AAAA, True), (wire.CNAME, True), (wire.HTTPS, False), (16, False)]
)
def test_no_other_type_shows_a_way_around(qtype: int, follows: bool) -> None:
    assert is_rewritten(qtype) is follows
