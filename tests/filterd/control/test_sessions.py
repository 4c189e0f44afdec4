# SPDX-License-Identifier: GPL-3.0-or-later
"""A session is good for its account, until it was idle, too long, or ended."""

from __future__ import annotations

import pytest

from filterd.control.sessions import IDLE_S, LONGEST_S, MAX_PER_ACCOUNT, Sessions


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(now=clock)


def test_a_token_is_good_for_its_account_only(sessions: Sessions) -> None:
    token = sessions.open("uid 1000")

    assert sessions.check(token, "uid 1000")
    assert not sessions.check(token, "uid 1001")
    assert not sessions.check(token[:-1], "uid 1000")
    assert not sessions.check("", "uid 1000")


def test_idle_minutes_end_it_and_use_keeps_it(sessions: Sessions, clock: Clock) -> None:
    token = sessions.open("uid 1000")
    for _ in range(5):
        clock.now += IDLE_S - 1
        assert sessions.check(token, "uid 1000")
    clock.now += IDLE_S

    assert not sessions.check(token, "uid 1000")


def test_no_session_lasts_the_day(sessions: Sessions, clock: Clock) -> None:
    token = sessions.open("uid 1000")
    while clock.now < LONGEST_S - IDLE_S:
        clock.now += IDLE_S / 2
        assert sessions.check(token, "uid 1000")
    clock.now = LONGEST_S

    assert not sessions.check(token, "uid 1000")


def test_it_can_be_ended_alone_or_with_all(sessions: Sessions) -> None:
    first, second, third = (sessions.open("uid 1000") for _ in range(3))
    sessions.end(first)

    assert [sessions.check(t, "uid 1000") for t in (first, second, third)] == [False, True, True]
    sessions.end_all()
    assert len(sessions) == 0


def test_one_account_cannot_crowd_out_another(sessions: Sessions, clock: Clock) -> None:
    own = sessions.open("uid 1000")
    tokens = []
    for _ in range(MAX_PER_ACCOUNT + 3):
        clock.now += 1
        tokens.append(sessions.open("uid 1001"))

    assert sessions.check(own, "uid 1000")
    assert not sessions.check(tokens[0], "uid 1001")
    assert sessions.check(tokens[-1], "uid 1001")
    assert len(sessions) == MAX_PER_ACCOUNT + 1


def test_a_look_into_the_memory_finds_no_token(sessions: Sessions) -> None:
    token = sessions.open("uid 1000")

    assert token.encode() not in sessions._sessions
    assert token not in repr(sessions._sessions)
