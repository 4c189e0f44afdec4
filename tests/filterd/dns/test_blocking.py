# SPDX-License-Identifier: GPL-3.0-or-later
"""How "no" is said."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from filterd.dns import wire
from filterd.dns.blocking import (
    REBINDING,
    UPSTREAM,
    BlockedAnswer,
    BlockKind,
    block_reply,
    explain,
    parse_blocked_answer,
    refuse_client,
)
from filterd.dns.wire import parse_query
from filterd.policy.model import Cause, Reason
from tests.filterd.dns.fakes import GAMBLING, answers, extended_error, question, read

PAGE4, PAGE6 = ip_address("192.0.2.80"), ip_address("2001:db8::80")


def refuse(qtype: str, answer: BlockedAnswer, *, reason: Reason = GAMBLING) -> bytes:
    return block_reply(parse_query(question("Casino.example", qtype)), reason, answer=answer)


@pytest.mark.parametrize(
    ("answer", "qtype", "rcode", "data"),
    [
        (BlockKind.NULL, "A", wire.NOERROR, ["0.0.0.0"]),
        (BlockKind.NULL, "AAAA", wire.NOERROR, ["::"]),
        (BlockKind.NULL, "HTTPS", wire.NOERROR, []),
        (BlockKind.NULL, "SVCB", wire.NOERROR, []),
        (BlockKind.NULL, "TXT", wire.NOERROR, []),
        (BlockKind.NULL, "ANY", wire.NOERROR, []),
        (BlockKind.NXDOMAIN, "A", wire.NXDOMAIN, []),
        (BlockKind.NXDOMAIN, "HTTPS", wire.NOERROR, []),
        (BlockKind.REFUSED, "AAAA", wire.REFUSED, []),
        (BlockKind.REFUSED, "HTTPS", wire.NOERROR, []),
        (PAGE4, "A", wire.NOERROR, ["192.0.2.80"]),
        (PAGE4, "AAAA", wire.NOERROR, []),
        (PAGE6, "AAAA", wire.NOERROR, ["2001:db8::80"]),
        (PAGE6, "A", wire.NOERROR, []),
        (PAGE4, "HTTPS", wire.NOERROR, []),
        (PAGE6, "SVCB", wire.NOERROR, []),
    ],
)
def test_each_setting_has_its_answer(answer: BlockedAnswer, qtype: str, rcode: int, data: list[str]) -> None:
    reply = refuse(qtype, answer)

    assert read(reply).header.rcode == rcode
    assert answers(reply) == [("Casino.example.", qtype, shown) for shown in data]


@pytest.mark.parametrize("qtype", ["A", "HTTPS", "MX"])
def test_every_refusal_is_forgotten_soon(qtype: str) -> None:
    reply = read(refuse(qtype, BlockKind.NULL))

    assert [rr.ttl for rr in [*reply.rr, *reply.auth]] == [10]


@pytest.mark.parametrize(
    ("reason", "code", "text"),
    [
        (GAMBLING, 17, "gambling: casino.example (ut1-gambling)"),
        (Reason(Cause.DENY_LIST, rule="x.example"), 17, "deny-list: x.example"),
        (Reason(Cause.CLOSED_HOURS, rule="21:00-07:00"), 17, "closed-hours: 21:00-07:00"),
        (Reason(Cause.CATEGORY_PATTERN, category="pornography"), 17, "pornography"),
        (Reason(Cause.CATEGORY_LIST, category="malware"), 15, "malware"),
        (Reason(Cause.CATEGORY_LIST, category="phishing"), 15, "phishing"),
        (Reason(Cause.CATEGORY_LIST, category="anonymizers"), 15, "anonymizers"),
        (Reason(Cause.SAFE_SEARCH), 4, "safe-search"),
        (Reason(Cause.CATEGORY_LIST, list="onai", category="gambling"), 16, "gambling (onai)"),
        (Reason(Cause.CATEGORY_LIST, list="onai", category="malware"), 16, "malware (onai)"),
        (
            Reason(Cause.CATEGORY_LIST, rule="10.0.0.1", list=REBINDING),
            15,
            "a public name that leads to a private address: 10.0.0.1 (rebinding-protection)",
        ),
        (Reason(Cause.CATEGORY_LIST, rule="0.0.0.0", list=UPSTREAM), 15, "blocked by the upstream: 0.0.0.0 (upstream)"),
        (Reason(Cause.FAILURE), 14, "failure"),
    ],
    ids=lambda value: value.cause.value if isinstance(value, Reason) else str(value),
)
def test_a_reason_has_its_code_and_a_short_text(reason: Reason, code: int, text: str) -> None:
    assert explain(reason, national_lists={"onai"}) == (code, text)


def test_the_alias_that_is_refused_is_named() -> None:
    assert explain(GAMBLING, via="www.casino.example").text.endswith("(ut1-gambling) via www.casino.example")
    assert explain(GAMBLING, via="casino.example").text == explain(GAMBLING).text


@pytest.mark.parametrize("listed", [REBINDING, UPSTREAM])
@pytest.mark.parametrize("answer", [*BlockKind, PAGE4])
def test_a_private_address_is_not_answered_with_another_that_is_dialled_as_loopback(
    answer: BlockedAnswer, listed: str
) -> None:
    reply = refuse("A", answer, reason=Reason(Cause.CATEGORY_LIST, list=listed))

    assert (read(reply).header.rcode, answers(reply)) == (wire.NOERROR, [])


def test_a_stranger_is_told_that_he_is_not_served() -> None:
    reply = refuse_client(parse_query(question("www.example")))

    assert (read(reply).header.rcode, extended_error(reply)) == (wire.REFUSED, (18, "not a client of this resolver"))


@pytest.mark.parametrize("cause", list(Cause))
def test_no_reason_has_the_code_0(cause: Cause) -> None:
    assert explain(Reason(cause)).code > 0


def test_a_long_rule_does_not_make_a_long_answer() -> None:
    assert len(refuse("A", BlockKind.NULL, reason=Reason(Cause.DENY_LIST, rule="ñ" * 1000))) <= 512


def test_a_name_that_nobody_could_judge_is_a_failure_not_a_refusal() -> None:
    reply = refuse("A", BlockKind.NULL, reason=Reason(Cause.FAILURE))

    assert (read(reply).header.rcode, answers(reply), extended_error(reply)) == (wire.SERVFAIL, [], (14, "failure"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [("null", BlockKind.NULL), ("nxdomain", BlockKind.NXDOMAIN), ("refused", BlockKind.REFUSED),
     ("192.0.2.80", PAGE4), ("2001:db8::80", PAGE6)],
)  # fmt: skip
def test_a_setting_is_read(text: str, answer: BlockedAnswer) -> None:
    assert parse_blocked_answer(text) == answer


def test_a_setting_that_names_no_answer_says_what_would() -> None:
    with pytest.raises(ValueError, match=r"'drop' is no blocked answer: use null, nxdomain, refused or an IP address"):
        parse_blocked_answer("drop")
