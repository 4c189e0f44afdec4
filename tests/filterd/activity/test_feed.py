# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions reach control or are counted as lost; nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.activity import feed
from filterd.activity.feed import MAX_DATAGRAM, Batch, Counted, Event, RoleState, Sender, decode, encode, event_of
from filterd.policy.model import Allow, Block, Cause, Client, Decision, Reason, Request, Stage

REQUEST = Request(
    Stage.REQUEST, Client(), datetime(2026, 1, 1, tzinfo=UTC), "a.example", url="http://a.example/?q=secret"
)
REFUSED = Decision(REQUEST, Block(Reason(Cause.CATEGORY_LIST, rule="example", list="l", category="gambling")), "child")


@contextlib.contextmanager
def receiver(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(5)
        yield listening


def test_a_decision_arrives_without_path_or_query(tmp_path: Path) -> None:
    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s") as listening:
        sender.send(REFUSED)
        datagram = listening.recv(9000)
    sender.close()

    assert b"secret" not in datagram
    assert decode(datagram) == event_of(REFUSED)
    assert sender.dropped == 0


def test_without_control_decisions_are_counted_as_lost(tmp_path: Path) -> None:
    sender = Sender(str(tmp_path / "absent"))
    sender.send(REFUSED)

    assert sender.dropped == 1


def test_a_full_socket_holds_nobody_up(tmp_path: Path) -> None:
    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s"):
        for _ in range(5000):
            sender.send(REFUSED)
    sender.close()

    assert sender.dropped > 0


def test_control_restarted_is_found_again(tmp_path: Path) -> None:
    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s"):
        sender.send(REFUSED)
    (tmp_path / "s").unlink()
    with receiver(tmp_path / "s") as second:
        sender.send(REFUSED)  # lost: the old socket is gone
        sender.send(REFUSED)
        arrived = decode(second.recv(9000))
    sender.close()

    assert arrived == event_of(REFUSED)


@given(st.binary(max_size=60))
def test_a_foreign_datagram_is_refused(datagram: bytes) -> None:
    try:
        message = decode(datagram)
    except ValueError:
        return

    assert decode(encode(message)) == message


def test_an_allowed_request_without_a_reason_is_told_too() -> None:
    event = event_of(Decision(REQUEST, Allow(), "adult"))

    assert (event.action, event.cause, event.category) == ("allow", "", "")


@pytest.mark.parametrize(
    "message",
    [
        RoleState("dns", "ready", pid=7),
        Event("allow", "child", "a", 1.0, "query"),
        Batch((Event("allow", "child", "a", 1.0, "query", count=3), Event("block", "child", "b", 1.0, "query"))),
        Counted("dns", dropped=2, counters={"queries": 7}),
    ],
)
def test_messages_survive_the_way(message: feed.Message) -> None:
    assert decode(encode(message)) == message


def decided(host: str) -> Decision:
    return Decision(Request(Stage.QUERY, Client(), REQUEST.when, host), Allow(), "child")


def arrived(listening: socket.socket) -> list[Event]:
    """Return the events that lie in the socket, whichever way they came."""
    events: list[Event] = []
    listening.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            datagram = listening.recv(1 << 20)
            assert len(datagram) <= MAX_DATAGRAM
            message = decode(datagram)
            events += message.events if isinstance(message, Batch) else [message] if isinstance(message, Event) else []
    return events


def test_in_a_loop_decisions_travel_together(tmp_path: Path) -> None:
    async def work() -> None:
        for n in range(30):
            sender.send(decided(f"n{n}.example"), count=n + 1, when=REQUEST.when + timedelta(days=1))
        assert arrived(listening) == []
        await asyncio.sleep(2 * feed.GATHER_S)

    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s") as listening:
        asyncio.run(work())
        datagram = decode(listening.recv(MAX_DATAGRAM))
    sender.close()

    assert isinstance(datagram, Batch)
    assert [(event.host, event.count) for event in datagram.events] == [(f"n{n}.example", n + 1) for n in range(30)]
    assert {event.when for event in datagram.events} == {(REQUEST.when + timedelta(days=1)).timestamp()}


def test_many_decisions_do_not_wait(tmp_path: Path) -> None:
    async def work() -> int:
        for n in range(feed.MAX_GATHERED):
            sender.send(decided(f"n{n}.example"))
        return len(arrived(listening))

    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s") as listening:
        told = asyncio.run(work())
    sender.close()

    assert told == feed.MAX_GATHERED


def test_long_names_take_more_datagrams(tmp_path: Path) -> None:
    async def work() -> None:
        for n in range(feed.MAX_GATHERED):
            sender.send(decided(f"{'x' * 240}{n}.example"))

    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s") as listening:
        asyncio.run(work())
        events = arrived(listening)
    sender.close()

    assert len(events) == feed.MAX_GATHERED


def test_what_was_gathered_is_sent_at_the_end(tmp_path: Path) -> None:
    async def work() -> None:
        sender.send(decided("a.example"))
        sender.close()

    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s") as listening:
        asyncio.run(work())

        assert [event.host for event in arrived(listening)] == ["a.example"]
    assert sender.dropped == 0


def test_what_control_has_no_room_for_waits_for_the_next_time(tmp_path: Path) -> None:
    async def work() -> int:
        for n in range(5000):
            sender.send(decided(f"n{n}.example"))
        events = arrived(listening)
        while len(events) < 5000:
            await asyncio.sleep(feed.GATHER_S / 4)
            events += arrived(listening)
        return len({event.host for event in events})

    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s") as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        told = asyncio.run(work())
    sender.close()

    assert (told, sender.dropped) == (5000, 0)


def test_what_waits_is_bounded_and_the_lost_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_WAITING", 300)

    async def work() -> None:
        for n in range(5000):
            sender.send(decided(f"n{n}.example"), count=2)
            assert len(sender._waiting) <= 300

    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s") as listening:
        asyncio.run(work())
        sender.close()
        told = sum(event.count for event in arrived(listening))

    assert sender.dropped > 0
    assert told + sender.dropped == 10_000


def test_the_state_of_a_role_waits_for_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        sender.send(decided("a.example"))
        sender.post(RoleState("dns", "ready"))
        assert decode(listening.recv(MAX_DATAGRAM)) == RoleState("dns", "ready")

    sender = Sender(str(tmp_path / "s"))
    with receiver(tmp_path / "s") as listening:
        asyncio.run(work())
        sender.close()
