# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions reach control or are counted as lost; nobody waits."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.activity.feed import Event, RoleState, Sender, decode, encode, event_of
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


@pytest.mark.parametrize("message", [RoleState("dns", "ready", pid=7), Event("allow", "child", "a", 1.0, "query")])
def test_messages_survive_the_way(message: RoleState | Event) -> None:
    assert decode(encode(message)) == message
