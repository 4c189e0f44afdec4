# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer is judged by where it leads."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.message
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.answer import Answer, addresses, read_answer
from filterd.dns.blocking import REBINDING, UPSTREAM
from filterd.dns.leads import AnswerRules, Consultation, Refusal, begin_to_consult, covers_targets, examine
from filterd.dns.rebinding import PrivateSpace, is_private, plain_address
from filterd.policy.model import Allow, Block, Cause, Decision, Reason, Request, Stage, Verdict
from tests.filterd.dns.fakes import CLIENT, GAMBLING, NOON, question

SHOP = "shop.example"
BAD4, BAD6 = "192.0.2.66", "2001:db8::66"
BY_ADDRESS = Reason(Cause.CATEGORY_LIST, rule="192.0.2.64/26", list="bad-networks", category="gambling")
QTYPES = {"A": wire.A, "AAAA": wire.AAAA, "HTTPS": wire.HTTPS, "CNAME": wire.CNAME, "MX": 15}
JUDGES = AnswerRules(judges_address=lambda packed: plain_address(packed) in (BAD4, BAD6))


class Judge:
    """A policy that refuses some hosts and counts what it is asked."""

    def __init__(self, *refused: str, reason: Reason = GAMBLING) -> None:
        self.refused = refused
        self.reason = reason
        self.asked: list[str] = []

    def __call__(self, host: str) -> Verdict:
        self.asked.append(host)
        if host in self.refused:
            return Block(BY_ADDRESS if host in (BAD4, BAD6) else self.reason)
        return Allow()


def answer_of(records: str, qtype: str = "A") -> Answer:
    """Return the answer that holds *records*, lines of a zone file."""
    message = dns.message.make_response(dns.message.make_query(SHOP, qtype))
    for line in records.splitlines():
        name, ttl, rclass, rtype, data = line.split(" ", 4)
        message.answer.append(dns.rrset.from_text(name, int(ttl), rclass, rtype, data))
    return read_answer(message.to_wire())


def shown(found: Answer | Refusal) -> list[str]:
    """Return the data of the records in *found*."""
    assert isinstance(found, Answer)
    return [rdata.to_text() for rrset in dns.message.from_wire(found.message).answer for rdata in rrset]


def look(
    records: str,
    *,
    qtype: str = "A",
    judge: Callable[[str], Verdict] | None = None,
    rules: AnswerRules | None = None,
    cause: Cause | None = None,
    profile: str = "child",
) -> Answer | Refusal:
    answer = answer_of(records, qtype)
    allow = Allow(Reason(cause) if cause else None)
    decision = Decision(Request(Stage.QUERY, CLIENT, NOON, SHOP), allow, profile)
    return examine(answer, QTYPES[qtype], decision, judge=judge or Judge(), rules=rules or AnswerRules())


def left(found: Answer | Refusal, qtype: int = wire.A) -> list[str]:
    assert isinstance(found, Answer)
    return [str(address) for address, _ in addresses(found, qtype)]


def test_an_answer_that_leads_nowhere_bad_is_not_touched() -> None:
    answer = answer_of(f"{SHOP}. 60 IN A 192.0.2.1")
    decision = Decision(Request(Stage.QUERY, CLIENT, NOON, SHOP), Allow(), "child")

    assert examine(answer, wire.A, decision, judge=Judge(), rules=JUDGES) is answer


@pytest.mark.parametrize(
    "records",
    [
        f"{SHOP}. 60 IN CNAME casino.example.\ncasino.example. 60 IN A 192.0.2.1",
        f"{SHOP}. 60 IN CNAME a.example.\na.example. 60 IN CNAME casino.example.\ncasino.example. 60 IN A 192.0.2.1",
    ],
)
def test_an_alias_of_a_refused_name_is_refused_and_named(records: str) -> None:
    assert look(records, judge=Judge("casino.example")) == Refusal(GAMBLING, "casino.example")


def test_a_dname_leads_somewhere_too() -> None:
    raw = question(SHOP, edns=None)
    dname = wire.Record(wire.DNAME, 60, wire.encode_name("casino.example"), b"\xc0\x11")
    answer = read_answer(wire.reply(wire.parse_query(raw), answers=[dname]))
    decision = Decision(Request(Stage.QUERY, CLIENT, NOON, SHOP), Allow(), "child")

    found = examine(answer, wire.A, decision, judge=Judge("casino.example"), rules=AnswerRules())

    assert found == Refusal(GAMBLING, "casino.example")


def test_one_refused_address_goes_and_the_others_stay() -> None:
    records = f"{SHOP}. 60 IN A 192.0.2.1\n{SHOP}. 60 IN A {BAD4}"

    assert left(look(records, judge=Judge(BAD4), rules=JUDGES)) == ["192.0.2.1"]


@pytest.mark.parametrize(("qtype", "address"), [("A", BAD4), ("AAAA", BAD6)])
def test_a_name_without_another_address_is_refused(qtype: str, address: str) -> None:
    found = look(f"{SHOP}. 60 IN {qtype} {address}", qtype=qtype, judge=Judge(address), rules=JUDGES)

    assert found == Refusal(BY_ADDRESS, address)


@pytest.mark.parametrize("address", [f"::ffff:{BAD4}", f"64:ff9b::{BAD4}"])
def test_an_address_inside_another_is_the_same_address(address: str) -> None:
    found = look(f"{SHOP}. 60 IN AAAA {address}", qtype="AAAA", judge=Judge(BAD4), rules=JUDGES)

    assert found == Refusal(BY_ADDRESS, BAD4)


def test_refused_addresses_are_not_hinted_at() -> None:
    records = f'{SHOP}. 60 IN HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.1,{BAD4} ipv6hint={BAD6}'

    found = look(records, qtype="HTTPS", judge=Judge(BAD4, BAD6), rules=JUDGES)

    assert isinstance(found, Answer)
    assert found.packed == (ip_address("192.0.2.1").packed,)


def test_an_address_is_judged_once_an_answer_and_only_where_the_policy_may_know_it() -> None:
    records = "".join(f"{SHOP}. 60 IN A 192.0.2.{n}\n" for n in range(60, 70)) + f"{SHOP}. 60 IN A {BAD4}\n"
    judge = Judge(BAD4)

    look(records, judge=judge, rules=JUDGES)
    assert judge.asked == [BAD4]

    look(records, judge=judge)
    assert judge.asked == [BAD4]


COVERING = [
    Cause.PROTECTION_OFF, Cause.SURVIVAL, Cause.PERMISSION, Cause.ALLOW_LIST, Cause.GUARD_SITE, Cause.GUARD_PLATFORM,
]  # fmt: skip


@pytest.mark.parametrize("cause", COVERING)
def test_an_allow_of_the_name_covers_aliases_and_addresses(cause: Cause) -> None:
    records = f"{SHOP}. 60 IN CNAME casino.example.\ncasino.example. 60 IN A {BAD4}"

    assert left(look(records, judge=Judge(BAD4, "casino.example"), rules=JUDGES, cause=cause)) == [BAD4]


@pytest.mark.parametrize("cause", [*Cause, None])
def test_no_other_cause_covers_them(cause: Cause | None) -> None:
    allow = Allow(Reason(cause) if cause else None)

    assert covers_targets(allow) is (cause in COVERING)


def test_a_public_name_leads_to_no_private_address() -> None:
    assert look(f"{SHOP}. 60 IN A 192.168.1.1") == Refusal(
        Reason(Cause.CATEGORY_LIST, rule="192.168.1.1", list=REBINDING), "192.168.1.1"
    )
    assert left(look(f"{SHOP}. 60 IN A 192.168.1.1\n{SHOP}. 60 IN A 192.0.2.1")) == ["192.0.2.1"]


@pytest.mark.parametrize(("qtype", "address"), [("A", "0.0.0.0"), ("AAAA", "::")])
def test_the_upstreams_own_refusal_is_one_and_is_not_dialled_as_loopback(qtype: str, address: str) -> None:
    found = look(f"{SHOP}. 60 IN {qtype} {address}", qtype=qtype)

    assert found == Refusal(Reason(Cause.CATEGORY_LIST, rule=address, list=UPSTREAM), address)


def test_private_addresses_are_not_hinted_at() -> None:
    found = look(f"{SHOP}. 60 IN HTTPS 1 . ipv4hint=192.168.1.1 ipv6hint=fd00::1", qtype="HTTPS")

    assert isinstance(found, Answer)
    assert (found.packed, found.services) == ((), True)


@pytest.mark.parametrize(
    ("cause", "through"),
    [(Cause.ALLOW_LIST, True), (Cause.PERMISSION, True), (Cause.PROTECTION_OFF, True), (Cause.GUARD_PLATFORM, False),
     (Cause.SURVIVAL, False), (Cause.CATEGORY_OPEN, False), (None, False)],
)  # fmt: skip
def test_an_adults_own_word_opens_private_addresses_a_shipped_list_does_not(cause: Cause | None, through: bool) -> None:
    assert isinstance(look(f"{SHOP}. 60 IN A 192.168.1.1", cause=cause), Answer) is through


def test_a_name_of_the_house_may_lead_into_it() -> None:
    rules = AnswerRules(private_space=PrivateSpace.parse([SHOP]))

    assert left(look(f"{SHOP}. 60 IN A 192.168.1.1", rules=rules)) == ["192.168.1.1"]


@pytest.mark.parametrize("cause", [None, Cause.ALLOW_LIST])
def test_an_inspected_profile_is_told_of_services_without_http_3(cause: Cause | None) -> None:
    records = f'{SHOP}. 60 IN HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.1'
    rules = AnswerRules(inspected={"child"})

    def alpn(profile: str) -> str:
        return shown(look(records, qtype="HTTPS", rules=rules, cause=cause, profile=profile))[0]

    assert alpn("child") == '1 . alpn="h2" ipv4hint="192.0.2.1"'
    assert alpn("adult") == '1 . alpn="h2,h3" ipv4hint="192.0.2.1"'


def test_a_service_by_http_3_alone_is_none_where_connections_are_inspected() -> None:
    found = look(
        f'{SHOP}. 60 IN HTTPS 1 . alpn="h3" no-default-alpn',
        qtype="HTTPS",
        rules=AnswerRules(inspected={"child"}),
    )

    assert shown(found) == []


@settings(deadline=None)
@given(st.lists(st.ip_addresses(), min_size=1, max_size=8, unique=True), st.sampled_from(["A", "AAAA"]))
def test_what_is_left_is_exactly_what_is_not_refused(given: list[IPv4Address | IPv6Address], qtype: str) -> None:
    asked = [address for address in given if address.version == (4 if qtype == "A" else 6)]
    private = [str(address) for address in asked if is_private(address.packed)]
    refused = {plain_address(address.packed) for address in asked if address.packed[-1] % 3 == 0}

    found = look(
        "\n".join(f"{SHOP}. 60 IN {qtype} {address}" for address in asked),
        qtype=qtype,
        judge=Judge(*refused, reason=BY_ADDRESS),
        rules=AnswerRules(judges_address=lambda _: True),
    )

    through = [str(a) for a in asked if str(a) not in private and plain_address(a.packed) not in refused]
    if through or not asked:
        assert left(found, QTYPES[qtype]) == through
    else:
        assert isinstance(found, Refusal)


def test_an_address_record_of_a_wrong_length_is_nobodys_address() -> None:
    message = wire.reply(
        wire.parse_query(question(SHOP, edns=None)),
        answers=[wire.Record(wire.A, 60, b"\1\2"), wire.Record(wire.A, 60, bytes(4))],
    )
    decision = Decision(Request(Stage.QUERY, CLIENT, NOON, SHOP), Allow(), "child")

    found = examine(read_answer(message), wire.A, decision, judge=Judge(), rules=AnswerRules())

    assert isinstance(found, Refusal)


class Opinion:
    """What others think of one name: nothing."""

    async def objection_to(self, _answer: Answer, /) -> str | None:
        return None


@pytest.mark.parametrize(
    ("host", "qtype", "cause", "asked"),
    [
        (SHOP, "A", None, True),
        (SHOP, "HTTPS", Cause.CATEGORY_OPEN, True),
        pytest.param(SHOP, "A", Cause.ALLOW_LIST, False, id="what an adult allowed"),
        pytest.param(SHOP, "MX", None, False, id="what shows no way"),
        pytest.param("nas.lan", "A", None, False, id="a name of this network"),
        pytest.param("git.company.example", "A", None, False, id="a name with an upstream of its own"),
    ],
)
def test_others_are_asked_about_what_concerns_them(host: str, qtype: str, cause: Cause | None, asked: bool) -> None:
    heard: list[bytes] = []

    def consult(qname: bytes) -> Consultation:
        heard.append(qname)
        return Opinion()

    rules = AnswerRules(consult=consult, private_space=PrivateSpace.parse(["company.example"]))
    query = wire.parse_query(question(host, qtype))
    decision = Decision(Request(Stage.QUERY, CLIENT, NOON, host), Allow(Reason(cause) if cause else None), "child")

    assert (begin_to_consult(query, decision, rules) is not None) is asked
    assert heard == ([query.qname] if asked else [])


def test_without_a_second_opinion_nobody_is_asked() -> None:
    decision = Decision(Request(Stage.QUERY, CLIENT, NOON, SHOP), Allow(), "child")

    assert begin_to_consult(wire.parse_query(question(SHOP)), decision, AnswerRules()) is None
