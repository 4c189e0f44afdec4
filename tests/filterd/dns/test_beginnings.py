# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries read and judged together."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.beginnings import begin_together
from filterd.policy.model import Client, Decision, Request, Stage
from tests.filterd.dns.fakes import FakeDecide, question

CLIENT, OTHER = Client("192.0.2.7"), Client("192.0.2.8")
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def test_each_is_judged_for_its_own_client_at_one_time() -> None:
    decide = FakeDecide()
    messages = [(question("WWW.Example"), CLIENT), (question("other.example"), OTHER)]

    begun = begin_together(messages, decide, when=NOON)

    assert [each and each.query for each in begun] == [wire.parse_query(raw) for raw, _ in messages]
    assert [each and each.decision.request for each in begun] == [
        Request(Stage.QUERY, CLIENT, NOON, "www.example"),
        Request(Stage.QUERY, OTHER, NOON, "other.example"),
    ]


def test_what_has_no_name_to_judge_is_not_begun() -> None:
    messages = [(raw, CLIENT) for raw in (b"", question("www.example")[:20], question("."), question("a.1"))]

    assert begin_together(messages, FakeDecide(), when=NOON) == [None] * 4


def test_a_bug_is_that_querys_own() -> None:
    def decide(request: Request) -> Decision:
        if request.host == "bug.example":
            raise RuntimeError("a bug")
        return FakeDecide()(request)

    messages = [(question("bug.example"), CLIENT), (question("www.example"), CLIENT)]
    first, second = begin_together(messages, decide, when=NOON)

    assert first is None
    assert second is not None


@given(st.lists(st.binary(max_size=64)))
def test_any_bytes_are_begun_or_not(raws: list[bytes]) -> None:
    assert len(begin_together([(raw, CLIENT) for raw in raws], FakeDecide(), when=NOON)) == len(raws)
