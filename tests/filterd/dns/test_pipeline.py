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
from filterd.dns.answer import Answer
from filterd.dns.blocking import REBINDING, BlockKind
from filterd.dns.cache import AnswerCache
from filterd.dns.designated import Designated
from filterd.dns.leads import AnswerRules, Consultation
from filterd.dns.local_names import LocalNames
from filterd.dns.pipeline import Pipeline, Reply, Transport
from filterd.dns.resolver import Ask
from filterd.dns.upstream_spec import UpstreamError
from filterd.policy.model import Allow, Block, Cause, Client, Decide, Decision, Reason, Request, Rewrite, Verdict
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
inward.example.   300  IN A 192.168.1.1
both.example.     300  IN A 192.168.1.1
both.example.     300  IN A 192.0.2.1
ipv4only.arpa.    300  IN A 192.0.0.170
home.arpa.        300  IN DS 1 8 2 aa
"""
SAFE = Rewrite(Reason(Cause.SAFE_SEARCH), "safe.example")


async def dead(_question: bytes) -> bytes:
    raise UpstreamError("udp://192.0.2.53: no answer in time", ede=22)


class Edge:
    """A pipeline with what it was told and what it asked."""

    def __init__(
        self,
        decide: Decide | None = None,
        ask: Ask | None = None,
        *,
        until: dt.datetime | None = None,
        rules: AnswerRules | None = None,
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
            rules=rules,
        )

    def ask(self, raw: bytes, *, transport: Transport = Transport.UDP) -> bytes | None:
        return run(self.pipeline.answer(raw, CLIENT, transport=transport))

    def reply(self, raw: bytes) -> Reply:
        return run(self.pipeline.reply(raw, CLIENT, transport=Transport.UDP))


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


def test_the_alias_that_a_refusal_is_for_is_told() -> None:
    edge = Edge(
        FakeDecide({"casino.example": Block(Reason(Cause.CATEGORY_PATTERN, rule="casin", category="gambling"))})
    )

    assert extended_error(edge.ask(question("alias.example"))) == (17, "gambling: casin via casino.example")


def test_a_public_name_that_leads_into_the_house_is_refused_with_a_word_why() -> None:
    edge = Edge()

    reply = edge.reply(question("inward.example"))

    assert (read(reply.message).header.rcode, answers(reply.message), reply.ready_s) == (wire.NOERROR, [], 10)
    code, text = extended_error(reply.message) or (0, "")
    assert (code, text) == (15, f"a public name that leads to a private address: 192.168.1.1 ({REBINDING})")
    assert [decision.verdict for decision in edge.observed] == [
        Block(Reason(Cause.CATEGORY_LIST, rule="192.168.1.1", list=REBINDING))
    ]
    assert answers(edge.ask(question("both.example"))) == [("both.example.", "A", "192.0.2.1")]


def test_an_inspected_profile_gets_services_without_http_3() -> None:
    zone = Zone("www.example. 60 IN HTTPS 1 . alpn=h3,h2")
    edge = Edge(ask=zone.ask, rules=AnswerRules(inspected={"child"}))

    assert answers(edge.ask(question("www.example", "HTTPS")))[0][2] == "1 . alpn=h2"
    edge.pipeline.swap(FakeDecide(), rules=AnswerRules())
    assert answers(edge.ask(question("www.example", "HTTPS")))[0][2] == "1 . alpn=h3,h2"
    assert len(zone.asked) == 1


def test_an_answer_that_must_be_changed_and_cannot_is_a_failure() -> None:
    async def bent(asked: bytes) -> bytes:
        query = wire.parse_query(asked)
        soa = wire.Record(wire.MX, 60, b"\0\1\xff\xff")
        return wire.reply(query, answers=[soa, wire.Record(wire.A, 60, b"\xc0\xa8\1\1")])

    edge = Edge(ask=bent)

    assert read(edge.ask(question("www.example"))).header.rcode == wire.SERVFAIL
    assert edge.pipeline.counters.errors == 0


HOUSE = LocalNames.parse({"nas.home.arpa": ["192.168.1.5"], "casino.example": ["192.168.1.6"]})


def test_a_name_of_the_house_is_answered_without_the_world_and_after_the_policy() -> None:
    edge = Edge(blocking("casino.example"), dead, rules=AnswerRules(local_names=HOUSE))

    reply = edge.reply(question("nas.home.arpa"))

    assert (answers(reply.message), reply.ready_s) == ([("nas.home.arpa.", "A", "192.168.1.5")], 300)
    assert answers(edge.ask(question("5.1.168.192.in-addr.arpa", "PTR")))[0][2] == "nas.home.arpa."
    assert read(edge.ask(question("box.home.arpa"))).header.rcode == wire.NXDOMAIN
    assert answers(edge.ask(question("casino.example")))[0][2] == "0.0.0.0"
    assert len(edge.observed) == 3


def test_our_encrypted_resolvers_are_told_where_there_are_any() -> None:
    edge = Edge()
    asked = question("_dns.resolver.arpa", "SVCB")
    assert (read(edge.ask(asked)).header.rcode, answers(edge.ask(asked))) == (wire.NOERROR, [])

    edge.pipeline.swap(FakeDecide(), rules=AnswerRules(designated=(Designated("dns.example", 853),)))

    assert [found[:2] for found in answers(edge.ask(asked))] == [("_dns.resolver.arpa.", "SVCB")]
    assert answers(edge.ask(question("_dns.resolver.arpa", "A"))) == []
    assert edge.zone.asked == []


class Objector:
    """A second opinion that minds some names."""

    def __init__(self, *minded: str) -> None:
        self.minded = minded
        self.judged: list[tuple[str, int]] = []

    def consult(self, qname: bytes) -> Consultation:
        return Objection(self, wire.host_of(wire.read_name(qname, 0)[0]))


class Objection:
    """What an objector thinks of one name."""

    def __init__(self, objector: Objector, host: str) -> None:
        self.objector = objector
        self.host = host

    async def objection_to(self, answer: Answer, /) -> str | None:
        self.objector.judged.append((self.host, answer.rcode))
        return "cloudflare" if self.host in self.objector.minded else None


def test_a_second_opinion_may_object_to_what_the_policy_lets_through() -> None:
    edge = Edge(rules=AnswerRules(consult=Objector("www.example").consult))

    reply = edge.ask(question("www.example"))

    assert (answers(reply)[0][2], extended_error(reply)) == (
        "0.0.0.0",
        (17, "category-list: www.example (second-opinion:cloudflare)"),
    )
    assert edge.observed[0].verdict == Block(
        Reason(Cause.CATEGORY_LIST, rule="www.example", list="second-opinion:cloudflare")
    )
    assert answers(edge.ask(question("safe.example")))[0][2] == "192.0.2.120"


def test_a_late_objection_does_not_wait_for_the_answer_to_end() -> None:
    assert Edge().reply(question("www.example")).ready_s == 3600
    assert Edge(rules=AnswerRules(consult=Objector().consult)).reply(question("www.example")).ready_s == 10


def test_no_objection_is_waited_for_where_all_is_decided_or_nothing_exists() -> None:
    objector = Objector("www.example")
    verdicts: dict[str, Verdict] = {"casino.example": Block(GAMBLING), "www.example": Allow(Reason(Cause.ALLOW_LIST))}
    edge = Edge(FakeDecide(verdicts), rules=AnswerRules(consult=objector.consult))

    for name in ("casino.example", "www.example", "none.example", "alias.example", "localhost", "inward.example"):
        edge.ask(question(name))

    assert objector.judged == []


def test_a_national_list_is_told_apart() -> None:
    edge = Edge(blocking("casino.example"), rules=AnswerRules(national_lists={"ut1-gambling"}))

    assert (extended_error(edge.ask(question("casino.example"))) or (0, ""))[0] == 16


@pytest.mark.parametrize(("name", "qtype"), [("ipv4only.arpa", "A"), ("home.arpa", "DS")])
def test_what_only_the_world_can_answer_is_asked_of_it(name: str, qtype: str) -> None:
    edge = Edge()

    assert len(answers(edge.ask(question(name, qtype)))) == 1
    assert edge.zone.asked == [(name + ".", qtype)]


def test_upstreams_answers_are_kept_where_they_are_told_to_be() -> None:
    cache = AnswerCache(max_bytes=1)
    zone = Zone(RECORDS)
    pipeline = Pipeline(FakeDecide(), zone.ask, clock=lambda: NOON, cache=cache)

    for _ in range(2):
        run(pipeline.answer(question("www.example"), CLIENT, transport=Transport.UDP))

    assert len(zone.asked) == 2


BEGINNINGS = [
    question("www.example"),
    question("WWW.Example", "AAAA"),
    question("bad.example"),
    question("alias.example"),
    question("localhost"),
    question("."),
    question("a.1"),
    question("www.example", "AXFR"),
    question("www.example", "ANY"),
    question("www.example")[:20],
    b"",
    bytes(12),
]


@pytest.mark.parametrize("raw", BEGINNINGS)
def test_what_is_read_and_judged_together_is_answered_as_what_comes_alone(raw: bytes) -> None:
    alone, together = Edge(blocking("bad.example")), Edge(blocking("bad.example"))
    expected = alone.reply(raw)

    *_, begun = together.pipeline.begin([(message, CLIENT) for message in (*BEGINNINGS, raw)])
    reply = run(together.pipeline.reply(raw, CLIENT, transport=Transport.UDP, begun=begun))

    assert reply == expected
    assert together.observed == alone.observed
    assert together.pipeline.counters == alone.pipeline.counters


def test_a_beginning_under_an_older_policy_counts_for_nothing() -> None:
    edge, raw = Edge(), question("www.example")

    [begun] = edge.pipeline.begin([(raw, CLIENT)])
    edge.pipeline.swap(blocking("www.example"))
    reply = run(edge.pipeline.reply(raw, CLIENT, transport=Transport.UDP, begun=begun))

    assert begun is not None
    assert answers(reply.message) == [("www.example.", "A", "0.0.0.0")]


def test_a_bug_is_met_again_where_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    def decide(_request: Request) -> Decision:
        raise RuntimeError("a bug")

    edge, raw = Edge(decide), question("www.example")
    [begun] = edge.pipeline.begin([(raw, CLIENT)])
    reply = run(edge.pipeline.reply(raw, CLIENT, transport=Transport.UDP, begun=begun))

    assert read(reply.message).header.rcode == wire.SERVFAIL
    assert edge.pipeline.counters.errors == 1
    assert "a bug" in caplog.text
