# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an answer that is out of date."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.answer import Answer, read_answer
from filterd.dns.stale import STALE_TTL_S, error_codes, is_outage, stale_answer
from filterd.dns.wire import ExtendedError
from tests.filterd.dns.fakes import Zone, answers, extended_error, question, read

NAME = wire.encode_name("www.example")


def said(zone: str) -> Answer:
    return read_answer(Zone(zone).respond(wire.make_question(NAME, wire.A)))


@pytest.mark.parametrize(
    ("zone", "code"), [("www.example. 3600 IN A 192.0.2.1", 3), ("", 19)], ids=["an address", "no such name"]
)
def test_a_stale_answer_is_short_lived_and_says_so(zone: str, code: int) -> None:
    query = wire.parse_query(question("www.example"))

    message = stale_answer(said(zone)).for_client(query)

    assert max(rr.ttl for rr in (*read(message).rr, *read(message).auth)) == STALE_TTL_S
    assert extended_error(message) == (code, "")
    assert answers(message) == answers(said(zone).for_client(query))


def test_a_stale_answer_does_not_claim_to_be_authentic() -> None:
    message = bytearray(Zone("www.example. 60 IN A 192.0.2.1").respond(wire.make_question(NAME, wire.A)))
    message[3] |= wire.AD

    stale = stale_answer(read_answer(bytes(message)))

    assert not stale.message[3] & wire.AD
    assert stale.keep_s <= 5


def failure(rcode: int, *codes: int) -> Answer:
    errors = b"".join(wire.encode_error(ExtendedError(code, "text")) for code in codes)
    return Answer(bytes(12), rcode, (), (), errors, 0)


@pytest.mark.parametrize(
    ("answer", "outage"),
    [
        (failure(wire.SERVFAIL), True),
        (failure(wire.REFUSED, 22), True),
        (failure(wire.SERVFAIL, 6), False),
        (failure(wire.SERVFAIL, 22, 9), False),
        (failure(wire.REFUSED, 17), False),
        (failure(wire.NXDOMAIN), False),
        (failure(wire.NOERROR), False),
    ],
)
def test_an_upstream_that_says_why_not_is_no_outage(answer: Answer, outage: bool) -> None:
    assert is_outage(answer) == outage


@given(st.lists(st.tuples(st.integers(0, 65535), st.text(max_size=20)), max_size=5))
def test_all_codes_are_read(errors: list[tuple[int, str]]) -> None:
    options = b"".join(wire.encode_error(ExtendedError(code, text)) for code, text in errors)

    assert error_codes(options) == {code for code, _ in errors}


@given(st.binary(max_size=60))
def test_any_options_are_read_to_their_end(options: bytes) -> None:
    assert len(error_codes(options)) <= len(options)
