# SPDX-License-Identifier: GPL-3.0-or-later
"""How each family resolver says no, and what is no objection."""

from __future__ import annotations

import pytest

from filterd.dns import wire
from filterd.dns.answer import Answer, read_answer
from filterd.dns.objections import Opinion, objects, read_opinion
from filterd.dns.wire import ExtendedError
from tests.filterd.dns.fakes import Zone

QUESTION = wire.make_question(wire.encode_name("www.example"), wire.A)


def said(zone: str) -> Answer:
    return read_answer(Zone(zone).respond(QUESTION))


def refused(rcode: int, *, code: int | None = None) -> Answer:
    error = ExtendedError(code) if code else None
    return read_answer(wire.reply(wire.parse_query(QUESTION), rcode=rcode, error=error))


@pytest.mark.parametrize(
    ("answer", "opinion"),
    [
        pytest.param(said("www.example. 60 IN A 192.0.2.1"), Opinion.FINE, id="an address"),
        pytest.param(said("www.example. 60 IN AAAA 2001:db8::1"), Opinion.FINE, id="no address of the kind"),
        pytest.param(said("www.example. 60 IN A 0.0.0.0"), Opinion.OBJECTS, id="Cloudflare"),
        pytest.param(said("www.example. 60 IN A 146.112.61.106"), Opinion.OBJECTS, id="OpenDNS"),
        pytest.param(said("www.example. 60 IN A 146.112.61.112"), Opinion.FINE, id="beside OpenDNS's pages"),
        pytest.param(
            said("www.example. 60 IN CNAME family-block.example.\nfamily-block.example. 60 IN A 94.140.14.35"),
            Opinion.OBJECTS,
            id="AdGuard",
        ),
        pytest.param(said("www.example. 60 IN A 93.158.134.250"), Opinion.OBJECTS, id="Yandex"),
        pytest.param(said(""), Opinion.ABSENT, id="CleanBrowsing, or no such name"),
        pytest.param(refused(wire.REFUSED, code=17), Opinion.OBJECTS, id="refused as filtered"),
        pytest.param(refused(wire.NXDOMAIN, code=15), Opinion.OBJECTS, id="absent as blocked"),
        pytest.param(refused(wire.NOERROR, code=16), Opinion.OBJECTS, id="empty as censored"),
        pytest.param(refused(wire.REFUSED), Opinion.UNKNOWN, id="refused without a word"),
        pytest.param(refused(wire.SERVFAIL, code=22), Opinion.UNKNOWN, id="failed"),
    ],
)
def test_an_answer_is_an_opinion(answer: Answer, opinion: Opinion) -> None:
    assert read_opinion(answer) is opinion


@pytest.mark.parametrize(
    ("opinion", "ours", "objecting"),
    [
        pytest.param(Opinion.OBJECTS, said("www.example. 60 IN A 192.0.2.1"), True, id="no"),
        pytest.param(Opinion.ABSENT, said("www.example. 60 IN A 192.0.2.1"), True, id="absent, yet we know it"),
        pytest.param(Opinion.ABSENT, said("www.example. 60 IN AAAA 2001:db8::1"), False, id="absent, as is ours"),
        pytest.param(Opinion.ABSENT, said(""), False, id="absent, and so say we"),
        pytest.param(Opinion.FINE, said("www.example. 60 IN A 192.0.2.1"), False, id="fine"),
        pytest.param(Opinion.UNKNOWN, said("www.example. 60 IN A 192.0.2.1"), False, id="unknown"),
    ],
)
def test_an_opinion_speaks_against_an_answer_or_not(opinion: Opinion, ours: Answer, objecting: bool) -> None:
    assert objects(opinion, ours) == objecting
