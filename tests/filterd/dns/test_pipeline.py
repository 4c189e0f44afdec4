# SPDX-License-Identifier: GPL-3.0-or-later
"""From a query to its answer, with a policy and an upstream of our own."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.blocking import BlockKind
from filterd.dns.pipeline import Pipeline, Transport
from filterd.dns.resolver import Ask
from filterd.dns.upstream_spec import UpstreamError
from filterd.policy.model import Allow, Block, Cause, Client, Decide, Decision, Reason, Request, Rewrite
from tests.filterd.dns.fakes import (
    CLIENT,
    GAMBLING,
    NOON,
    FakeDecide,
    Zone,
    answers,
    blocking,
    extended_error,
    question,
    read,
    run,
)

RECORDS = """
www.example.      3600 IN A 192.0.2.1
alias.example.    300  IN CNAME casino.example.
casino.example.   300  IN A 192.0.2.66
safe.example.     300  IN A 192.0.2.120
bare.example.     300  IN A 192.0.2.122
"""
SAFE = Rewrite(Reason(Cause.SAFE_SEARCH), "safe.example")


async def dead(_question: bytes) -> bytes:
    raise UpstreamError("udp://192.0.2.53: no answer in time", ede=22)


class Edge:
    """A pipeline with what it was told and what it asked."""

    def __init__(
        self, decide: Decide | None = None, ask: Ask | None = None, *, until: dt.datetime | None = None
    ) -> None:
        self.zone = Zone(RECORDS)
        self.observed: list[Decision] = []
        self.now = NOON
        self.pipeline = Pipeline(
            decide or FakeDecide(),
            ask or self.zone.ask,
            clock=lambda: self.now,
            boundary=lambda _client, _when: until,
            observe=self.observed.append,
            safe_addresses={"known.example": ("192.0.2.121",)},
            without_cname={"bare.example"},
        )

    def ask(self, raw: bytes, *, transport: Transport = Transport.UDP) -> bytes | None:
        return run(self.pipeline.answer(raw, CLIENT, transport=transport))


def test_what_is_allowed_is_answered_by_the_upstream() -> None:
    edge = Edge()

    assert answers(edge.ask(question("www.example"))) == [("www.example.", "A", "192.0.2.1")]
    assert [decision.verdict for decision in edge.observed] == [Allow()]


def test_the_policy_is_asked_for_the_normalised_name_the_client_and_the_time() -> None:
    decide = FakeDecide()

    Edge(decide).ask(question("WWW.Example"))

    (asked,) = decide.asked
    assert (asked.host, asked.client, asked.when, asked.url) == ("www.example", CLIENT, NOON, None)


def test_what_is_blocked_never_reaches_the_upstream() -> None:
    edge = Edge(blocking("casino.example"))

    reply = edge.ask(question("CaSino.Example"))

    assert answers(reply) == [("CaSino.Example.", "A", "0.0.0.0")]
    assert extended_error(reply) == (17, "gambling: casino.example (ut1-gambling)")
    assert edge.zone.asked == []
    assert edge.pipeline.counters.blocked == 1
    assert [decision.verdict for decision in edge.observed] == [Block(GAMBLING)]


def test_a_blocked_name_has_no_data_of_other_types() -> None:
    reply = read(Edge(blocking("casino.example")).ask(question("casino.example", "HTTPS")))

    assert (reply.header.rcode, reply.rr, [rr.ttl for rr in reply.auth]) == (wire.NOERROR, [], [10])


def test_an_alias_of_a_blocked_name_is_blocked() -> None:
    edge = Edge(blocking("casino.example"))

    assert answers(edge.ask(question("alias.example"))) == [("alias.example.", "A", "0.0.0.0")]
    assert [(d.request.host, d.verdict) for d in edge.observed] == [("alias.example", Block(GAMBLING))]
    assert edge.pipeline.counters.blocked == 1


@pytest.mark.parametrize(
    ("cause", "covered"),
    [
        (Cause.PROTECTION_OFF, True), (Cause.SURVIVAL, True), (Cause.PERMISSION, True), (Cause.ALLOW_LIST, True),
        (Cause.GUARD_SITE, True), (Cause.GUARD_PLATFORM, True), (Cause.PAGE_TEXT, False), (None, False),
    ],
)  # fmt: skip
def test_an_explicit_allow_covers_aliases(cause: Cause | None, covered: bool) -> None:
    allow = Allow(Reason(cause) if cause else None)
    edge = Edge(FakeDecide({"alias.example": allow, "casino.example": Block(GAMBLING)}))

    address = answers(edge.ask(question("alias.example")))[-1][2]

    assert address == ("192.0.2.66" if covered else "0.0.0.0")


@pytest.mark.parametrize(
    ("qtype", "expected"),
    [
        ("A", [("www.engine.example.", "CNAME", "safe.example."), ("safe.example.", "A", "192.0.2.120")]),
        ("AAAA", [("www.engine.example.", "CNAME", "safe.example.")]),
        ("HTTPS", []),
        ("TXT", []),
    ],
)
def test_safe_search_is_an_alias_and_nothing_beside_it(qtype: str, expected: list[tuple[str, str, str]]) -> None:
    edge = Edge(FakeDecide({"www.engine.example": SAFE}))

    reply = edge.ask(question("www.engine.example", qtype))

    assert answers(reply) == expected
    assert extended_error(reply) == (4, "safe-search")
    assert {name for name, _ in edge.zone.asked} <= {"safe.example."}


def test_safe_search_without_an_upstream_uses_known_addresses_or_fails() -> None:
    rewritten = {"a.example": Rewrite(Reason(Cause.SAFE_SEARCH), "known.example"), "b.example": SAFE}
    edge = Edge(FakeDecide(rewritten), dead)

    assert answers(edge.ask(question("a.example")))[-1] == ("known.example.", "A", "192.0.2.121")
    assert read(edge.ask(question("b.example"))).header.rcode == wire.SERVFAIL


@pytest.mark.parametrize(("host", "address"), [("bare.example", "192.0.2.122"), ("192.0.2.123", "192.0.2.123")])
def test_safe_search_may_be_an_address_alone(host: str, address: str) -> None:
    edge = Edge(FakeDecide({"www.engine.example": Rewrite(Reason(Cause.SAFE_SEARCH), host)}))

    assert answers(edge.ask(question("www.engine.example"))) == [("www.engine.example.", "A", address)]


def test_a_dead_upstream_is_servfail_with_the_reason_and_without_its_address() -> None:
    reply = Edge(ask=dead).ask(question("www.example"))

    assert (read(reply).header.rcode, extended_error(reply)) == (wire.SERVFAIL, (22, "no upstream answers"))


def test_special_names_are_answered_before_the_policy_and_without_an_upstream() -> None:
    decide = FakeDecide()
    edge = Edge(decide)

    assert read(edge.ask(question("use-application-dns.net"))).header.rcode == wire.NXDOMAIN
    assert read(edge.ask(question("use-application-dns.net", "AAAA"))).header.rcode == wire.NXDOMAIN
    assert answers(edge.ask(question("localhost"))) == [("localhost.", "A", "127.0.0.1")]
    assert (decide.asked, edge.zone.asked, edge.observed) == ([], [], [])


def test_the_demonstration_zone_needs_no_network_and_obeys_the_policy() -> None:
    edge = Edge(blocking("gambling.prueba.home.arpa"), dead)

    assert answers(edge.ask(question("gambling.prueba.home.arpa")))[0][2] == "0.0.0.0"
    assert answers(edge.ask(question("permitido.prueba.home.arpa")))[0][2] == "127.0.0.1"
    assert answers(edge.ask(question("permitido.prueba.home.arpa", "AAAA")))[0][2] == "::1"


def test_any_is_answered_with_hinfo_unless_the_name_is_blocked() -> None:
    edge = Edge(blocking("casino.example"))

    assert answers(edge.ask(question("www.example", "ANY")))[0][1] == "HINFO"
    assert answers(edge.ask(question("casino.example", "ANY"))) == []
    assert edge.zone.asked == []


def test_the_root_has_no_name_to_judge() -> None:
    decide = FakeDecide()
    edge = Edge(decide)

    edge.ask(question(".", "NS"))

    assert (decide.asked, edge.zone.asked) == ([], [(".", "NS")])
    assert answers(edge.ask(question(".", "ANY")))[0][1] == "HINFO"
    assert read(Edge(ask=dead).ask(question(".", "NS"))).header.rcode == wire.SERVFAIL


def test_a_name_that_ends_in_a_number_does_not_exist() -> None:
    edge = Edge()

    assert read(edge.ask(question("192.0.2.1"))).header.rcode == wire.NXDOMAIN
    assert edge.zone.asked == []


def test_zone_transfers_are_refused() -> None:
    assert read(Edge().ask(question("www.example", "AXFR"))).header.rcode == wire.REFUSED


def test_rubbish_is_formerr_and_an_answer_is_nothing() -> None:
    edge = Edge()

    assert read(edge.ask(question("www.example")[:20])).header.rcode == wire.FORMERR
    assert edge.ask(wire.reply(wire.parse_query(question("www.example")))) is None
    assert edge.ask(b"") is None
    assert edge.pipeline.counters.malformed == 3


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_get_a_reply_of_their_own_or_none(raw: bytes) -> None:
    reply = Edge().ask(raw)

    assert reply is None or (reply[:2] == raw[:2] and reply[2] & 0x80)


def test_a_bug_is_servfail_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Request, /) -> Decision:
        raise ZeroDivisionError

    edge = Edge(broken)

    reply = edge.ask(question("www.example"))

    assert (read(reply).header.rcode, extended_error(reply)) == (wire.SERVFAIL, (14, ""))
    assert edge.pipeline.counters.errors == 1
    assert caplog.records[0].levelno == logging.ERROR
    assert "ZeroDivisionError" in (caplog.records[0].exc_text or "")
    assert "www.example" not in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("name", "seconds", "ttl"),
    [("www.example", 60, 60), ("www.example", 100_000, 3600), ("casino.example", 4, 4), ("casino.example", 60, 10),
     ("www.engine.example", 7, 7), ("permitido.prueba.home.arpa", 9, 9), ("www.example", -1, 0)],
)  # fmt: skip
def test_no_answer_outlives_its_verdict(name: str, seconds: int, ttl: int) -> None:
    decide = FakeDecide({"casino.example": Block(GAMBLING), "www.engine.example": SAFE})
    edge = Edge(decide, until=NOON + dt.timedelta(seconds=seconds))

    assert {rr.ttl for rr in read(edge.ask(question(name))).rr} == {ttl}


def test_an_answer_longer_than_the_client_takes_sends_it_to_tcp() -> None:
    edge = Edge()
    edge.zone = Zone("\n".join(f"big.example. 60 IN A 192.0.2.{n}" for n in range(120)))
    edge.pipeline.swap_upstream(edge.zone.ask)

    def length(*, edns: int | None, transport: Transport = Transport.UDP) -> tuple[int, int]:
        reply = read(edge.ask(question("big.example", edns=edns), transport=transport))
        return reply.header.tc, len(reply.rr)

    assert length(edns=None) == (1, 0)
    assert length(edns=65000) == (1, 0)
    assert length(edns=None, transport=Transport.STREAM) == (0, 120)


def test_answers_are_remembered_and_verdicts_are_not() -> None:
    edge = Edge()
    edge.ask(question("www.example"))
    edge.pipeline.swap(blocking("www.example"))

    assert answers(edge.ask(question("www.example")))[0][2] == "0.0.0.0"
    edge.pipeline.swap(FakeDecide())
    assert answers(edge.ask(question("www.example")))[0][2] == "192.0.2.1"
    assert len(edge.zone.asked) == 1


def test_a_new_policy_may_bring_a_new_answer_and_a_new_boundary() -> None:
    edge = Edge()

    edge.pipeline.swap(
        blocking("casino.example"),
        blocked_answer=BlockKind.NXDOMAIN,
        boundary=lambda *_: NOON + dt.timedelta(seconds=3),
    )

    reply = read(edge.ask(question("casino.example")))
    assert (reply.header.rcode, reply.auth[0].ttl) == (wire.NXDOMAIN, 3)


def while_asking(then: Callable[[], None]) -> Ask:
    zone = Zone(RECORDS)

    async def ask(asked: bytes) -> bytes:
        await asyncio.sleep(0)
        then()
        return zone.respond(asked)

    return ask


def test_a_query_under_way_when_the_policy_changes_is_judged_anew() -> None:
    edge = Edge(ask=while_asking(lambda: edge.pipeline.swap(blocking("www.example"))))

    assert answers(edge.ask(question("www.example")))[0][2] == "0.0.0.0"
    assert [decision.verdict for decision in edge.observed] == [Block(GAMBLING)]


def test_a_boundary_that_passed_while_the_upstream_was_asked_leaves_no_time() -> None:
    def pass_time() -> None:
        edge.now += dt.timedelta(seconds=2)

    edge = Edge(ask=while_asking(pass_time), until=NOON + dt.timedelta(seconds=1))

    assert [rr.ttl for rr in read(edge.ask(question("www.example"))).rr] == [0]


def test_the_boundary_is_that_of_the_client() -> None:
    asked: list[Client] = []

    def boundary(client: Client, _when: dt.datetime) -> None:
        asked.append(client)

    pipeline = Pipeline(FakeDecide(), Zone(RECORDS).ask, clock=lambda: NOON, boundary=boundary)
    run(pipeline.answer(question("www.example"), CLIENT, transport=Transport.UDP))

    assert asked == [CLIENT]
