# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken out of an answer costs its signature and AD; all else stays as it was."""

from __future__ import annotations

from typing import Any

import dns.flags
import dns.message
import dns.rdata
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.answer import Answer, read_answer
from filterd.dns.trimming import trim
from filterd.dns.wire import ProtocolError

SIGNATURE = "8 2 300 20300101000000 20200101000000 1 Example.com. AAAA"
RECORDS = [
    "www.example.com. 300 IN CNAME Cdn.Example.com.",
    f"www.example.com. 300 IN RRSIG CNAME {SIGNATURE}",
    "cdn.example.com. 60 IN A 192.0.2.1",
    "cdn.example.com. 60 IN A 192.0.2.66",
    f"cdn.example.com. 60 IN RRSIG A {SIGNATURE}",
    "cdn.example.com. 60 IN AAAA 2001:db8::1",
    f"cdn.example.com. 60 IN RRSIG AAAA {SIGNATURE}",
    "example.com. 60 IN MX 10 mx.cdn.example.com.",
    "example.com. 60 IN SRV 1 2 3 srv.example.com.",
    "example.com. 60 IN TXT x y",
    "example.com. 60 IN TYPE65333 \\# 4 c00cc00c",
]
AUTHORITY = [
    "example.com. 900 IN SOA ns.example.com. root.example.com. 1 2 3 4 600",
    "example.com. 900 IN NS ns.example.com.",
]
BAD = bytes([192, 0, 2, 66])


def rrsets(lines: list[str]) -> list[Any]:
    sets: list[Any] = []
    for line in lines:
        name, ttl, rclass, rtype, data = line.split(" ", 4)
        sets.append(dns.rrset.from_text(name, int(ttl), rclass, rtype, data))
    return sets


def message_of(records: list[str] = RECORDS, *, additional: list[str] | None = None) -> bytes:
    message = dns.message.make_response(dns.message.make_query("www.example.com", "A", use_edns=0, want_dnssec=True))
    message.flags |= dns.flags.AD
    message.answer, message.authority = rrsets(records), rrsets(AUTHORITY)
    message.additional = rrsets(additional or [])
    return message.to_wire(max_size=65535)


def lines(answer: Answer) -> list[str]:
    """Return the records, with names in lower case: the owner of several is written once, in the first one's case."""
    message = dns.message.from_wire(answer.message)
    return [text.lower() for part in message.sections[1:] for rrset in part for text in rrset.to_text().splitlines()]


def without(bad: bytes) -> Answer:
    return trim(read_answer(message_of()), lambda _, rdata: None if rdata == bad else rdata)


def test_what_nobody_changes_is_the_same_object() -> None:
    answer = read_answer(message_of())

    assert trim(answer, lambda _, rdata: rdata) is answer


def test_a_record_that_goes_takes_the_signature_of_its_set_and_nothing_else() -> None:
    before = lines(read_answer(message_of()))

    left = lines(without(BAD))

    gone = [line for line in before if line not in left]
    assert [line.split()[3:5] for line in gone] == [["a", "192.0.2.66"], ["rrsig", "a"]]
    assert [line for line in before if line in left] == left


def test_a_changed_answer_is_not_authentic() -> None:
    assert read_answer(message_of()).message[3] & wire.AD
    assert not without(BAD).message[3] & wire.AD


def test_rcode_errors_and_age_are_the_originals_and_the_ttls_found_anew() -> None:
    before, left = read_answer(message_of()), without(BAD)

    assert (left.rcode, left.errors, left.keep_s) == (before.rcode, before.errors, before.keep_s)
    assert len(left.ttls) == len(before.ttls) - 2
    assert left.packed == (bytes([192, 0, 2, 1]), before.packed[-1])
    assert left.targets == before.targets


def test_ttls_that_were_shortened_stay_so() -> None:
    before = read_answer(message_of())
    short = before._replace(ttls=tuple((at, 7) for at, _ in before.ttls))

    left = trim(short, lambda _, rdata: None if rdata == BAD else rdata)

    assert {ttl for _, ttl in left.ttls} == {7}


def test_data_may_grow() -> None:
    answer = read_answer(message_of())

    left = trim(answer, lambda rtype, rdata: b"\x03now" if rtype == 16 else rdata)

    assert 'example.com. 60 in txt "now"' in lines(left)
    assert len(lines(left)) == len(lines(answer))


def test_records_beside_the_answer_may_go_and_those_under_authority_do_not() -> None:
    answer = read_answer(message_of(additional=["cdn.example.com. 60 IN A 192.0.2.66"]))

    left = trim(answer, lambda rtype, rdata: None if rtype in (wire.A, wire.SOA) else rdata)

    assert not any(" in a 192" in line for line in lines(left))
    assert any(" in soa " in line for line in lines(left))


def test_a_message_of_the_largest_size_keeps_its_pointers_right() -> None:
    many = [f"n{n}.example.com. 60 IN MX 1 mx{n}.example.com." for n in range(1200)]
    answer = read_answer(message_of(["x.example.com. 60 IN A 192.0.2.66", *many]))

    left = trim(answer, lambda _, rdata: None if rdata == BAD else rdata)

    assert lines(left)[:-2] == [line.lower() for line in many]


def test_a_name_that_leads_nowhere_is_an_error() -> None:
    message = bytearray(message_of())
    at = message.index(b"\x00\x0f\x00\x01") + 12  # the name of the mail exchange
    message[at : at + 2] = b"\xff\xff"
    answer = read_answer(bytes(message))

    with pytest.raises(ProtocolError):
        trim(answer, lambda _, rdata: None if rdata == BAD else rdata)


@settings(deadline=None)
@given(st.sets(st.integers(0, len(RECORDS) - 1)))
def test_whatever_goes_the_rest_stays_in_order(goes: set[int]) -> None:
    answer = read_answer(message_of())
    seen = iter(range(len(RECORDS) + 1))

    left = lines(trim(answer, lambda _, rdata: None if next(seen) in goes else rdata))

    kept = [line for n, line in enumerate(lines(answer)[: len(RECORDS)]) if n not in goes]
    assert [line for line in left[:-2] if " rrsig " not in line] == [line for line in kept if " rrsig " not in line]
    for line in left[:-2]:
        assert line in kept


@settings(deadline=None)
@given(st.data())
def test_a_bent_answer_is_trimmed_or_refused(data: st.DataObject) -> None:
    message = bytearray(message_of())
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(12, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        answer = read_answer(bytes(message))
        left = trim(answer, lambda rtype, rdata: None if rtype in (wire.A, wire.AAAA) else rdata)
    except ProtocolError:
        return

    assert read_answer(left.message).ttls == left.ttls
