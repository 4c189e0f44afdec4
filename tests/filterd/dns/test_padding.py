# SPDX-License-Identifier: GPL-3.0-or-later
"""Padded answers say what they said before, in whole blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.padding import BLOCK, pad
from filterd.dns.wire import ExtendedError, Record
from tests.filterd.dns.fakes import answers, extended_error, question, read


@given(st.integers(0, 40), st.text("abc", max_size=30), st.booleans())
def test_an_answer_fills_whole_blocks_and_says_the_same(count: int, text: str, do: bool) -> None:
    query = wire.parse_query(question("www.example", do=do))
    records = [Record(wire.A, 60, bytes([192, 0, 2, n])) for n in range(count)]
    reply = wire.reply(query, answers=records, error=ExtendedError(17, text))

    padded = pad(reply)

    assert len(padded) % BLOCK == 0
    assert len(padded) - len(reply) < BLOCK + 4
    assert answers(padded) == answers(reply)
    assert extended_error(padded) == (17, text)
    assert read(padded).header.id == 0x1234


def test_who_does_not_speak_edns_gets_no_option() -> None:
    reply = wire.reply(wire.parse_query(question("www.example", edns=None)))

    assert pad(reply) == reply


def test_an_answer_that_would_grow_too_long_stays() -> None:
    query = wire.parse_query(question("www.example"))
    reply = wire.reply(query, answers=[Record(wire.A, 60, bytes(4))] * 4093)
    assert wire.MAX_MESSAGE - BLOCK < len(reply) < wire.MAX_MESSAGE

    assert pad(reply) == reply


@given(st.binary(max_size=600))
def test_what_is_no_answer_of_ours_breaks_nothing(noise: bytes) -> None:
    opt = wire.opt_record(do=False)

    assert pad(noise).startswith(noise[:12])
    assert pad(opt[:7] + noise)
    assert len(pad(bytes(12) + opt + noise)) >= 12
