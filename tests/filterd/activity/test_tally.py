# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody keeps travels as numbers, and all of it is counted."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filterd.activity.counts import Counts
from filterd.activity.feed import Batch, Event, Sender, decode
from filterd.activity.tally import Tally
from filterd.policy.model import Allow, Block, Cause, Client, Decision, Reason, Request, Stage, Verdict
from filterd.policy.profile import Record

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
GAMBLING = Reason(Cause.CATEGORY_LIST, rule="casino.example", list="shipped", category="gambling")
LEVELS = {"child": Record.BLOCKED, "adult": Record.NONE, "watched": Record.ALL}


def decision(host: str, verdict: Verdict | None = None, profile: str = "child") -> Decision:
    return Decision(Request(Stage.QUERY, Client(), NOON, host), verdict or Allow(), profile)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "s"))
        receiver.setblocking(False)
        yield receiver


@pytest.fixture
def tally(control: socket.socket) -> Iterator[Tally]:
    sender = Sender(control.getsockname())
    yield Tally(sender, LEVELS)
    sender.close()


def received(control: socket.socket) -> list[Event]:
    events: list[Event] = []
    while True:
        try:
            message = decode(control.recv(1 << 16))
        except BlockingIOError:
            return events
        events += message.events if isinstance(message, Batch) else [message] if isinstance(message, Event) else []


def test_what_is_kept_goes_on_at_once_with_its_name(tally: Tally, control: socket.socket) -> None:
    tally.send(decision("casino.example", Block(GAMBLING)))
    tally.send(decision("www.example", profile="watched"))

    assert [event.host for event in received(control)] == ["casino.example", "www.example"]


def test_what_nobody_keeps_is_one_number_without_a_name(tally: Tally, control: socket.socket) -> None:
    for number in range(3):
        tally.send(decision(f"{number}.example"), count=2)
    before = received(control)
    tally.tell()
    tally.tell()

    assert before == []
    assert [(event.host, event.count) for event in received(control)] == [("", 6)]


def test_refusals_that_nobody_keeps_tell_their_category_and_neither_rule_nor_list(
    tally: Tally, control: socket.socket
) -> None:
    tally.send(decision("casino.example", Block(GAMBLING), "adult"))
    tally.tell()

    (event,) = received(control)
    assert (event.category, event.rule, event.list, event.host) == ("gambling", "", "", "")


def test_totals_are_the_same_whatever_is_kept(tally: Tally, control: socket.socket) -> None:
    decisions = [
        decision(f"{number}.example", verdict, profile)
        for number in range(4)
        for verdict in (Allow(), Allow(Reason(Cause.GUARD_SITE)), Block(GAMBLING))
        for profile in LEVELS
    ]
    counts = Counts()
    for one in decisions:
        tally.send(one)
        for event in received(control):  # the system keeps few datagrams
            counts.add(event)
    tally.tell()
    for event in received(control):
        counts.add(event)

    assert counts.by_action == {"allow": 24, "block": 12}
    assert counts.by_stage == {"query": 36}
    assert counts.blocked_by_category == {"gambling": 12}
    assert counts.blocked_by_profile == dict.fromkeys(LEVELS, 4)


def test_a_profile_that_is_not_known_keeps_nothing(tally: Tally, control: socket.socket) -> None:
    tally.send(decision("www.example", profile="new"))
    tally.tell()

    assert [event.host for event in received(control)] == [""]
