# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody has more than a share, and nobody's share fills the memory."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns.limits import ConnectionLimits, RateLimiter, client_key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:0:7::1", "2001:db8:0:7:ffff::9", True),
        ("2001:db8:0:7::1", "2001:db8:0:8::1", False),
        ("fe80::1%eth0", "fe80::1", True),
    ],
)
def test_a_client_is_an_address_or_the_prefix_of_a_customer(one: str, other: str, *, same: bool) -> None:
    assert (client_key(one) == client_key(other)) is same


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_a_burst_passes_then_the_rate() -> None:
    clock = Clock()
    limiter = RateLimiter(10, 5, clock)

    assert [limiter.admit("a") for _ in range(7)] == [True] * 5 + [False] * 2
    clock.time += 0.21
    assert [limiter.admit("a") for _ in range(3)] == [True, True, False]


def test_one_client_s_flood_does_not_touch_another() -> None:
    limiter = RateLimiter(1, 1, Clock())

    assert [limiter.admit("flood") for _ in range(1000)].count(True) == 1
    assert limiter.admit("honest")


def test_without_a_rate_everything_passes_and_nothing_is_remembered() -> None:
    limiter = RateLimiter(0, 0, Clock())

    assert all(limiter.admit(str(n)) for n in range(100))
    assert len(limiter) == 0


def test_made_up_clients_do_not_fill_the_memory() -> None:
    limiter = RateLimiter(10, 10, Clock(), max_keys=100)
    for n in range(10_000):
        assert limiter.admit(str(n))

    assert len(limiter) == 100


@given(st.lists(st.floats(0, 2), max_size=200), st.integers(1, 50), st.integers(1, 20))
def test_no_more_pass_than_the_rate_and_the_burst(pauses: list[float], per_second: int, burst: int) -> None:
    clock = Clock()
    limiter = RateLimiter(per_second, burst, clock)
    passed = 0
    for pause in pauses:
        clock.time += pause
        passed += limiter.admit("a")

    assert passed <= burst + per_second * sum(pauses) + 1e-6 * len(pauses) + 1


@dataclass(eq=False)
class FakeConnection:
    name: str
    closed: bool = False

    def evict(self) -> None:
        self.closed = True


def enter(limits: ConnectionLimits, *addresses: str) -> list[FakeConnection]:
    connections = [FakeConnection(address) for address in addresses]
    for connection in connections:
        limits.enter(connection, connection.name)
    return connections


def closed(connections: list[FakeConnection]) -> list[int]:
    return [n for n, connection in enumerate(connections) if connection.closed]


def test_the_connection_unused_for_longest_makes_room() -> None:
    limits = ConnectionLimits(total=3, per_client=10)
    connections = enter(limits, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    limits.touch(connections[0])

    connections += enter(limits, "192.0.2.4")

    assert closed(connections) == [1]
    assert (len(limits), limits.evicted) == (3, 1)


def test_a_client_over_its_share_loses_its_own() -> None:
    limits = ConnectionLimits(total=10, per_client=2)

    connections = enter(limits, "192.0.2.1", *["2001:db8::1", "2001:db8::2", "2001:db8::3"])

    assert closed(connections) == [1]


def test_who_left_is_not_counted() -> None:
    limits = ConnectionLimits(total=2, per_client=1)
    first, second = enter(limits, "192.0.2.1", "192.0.2.2")
    limits.leave(first)
    limits.leave(first)
    limits.touch(first)

    enter(limits, "192.0.2.1")

    assert closed([first, second]) == []


def test_there_may_be_nobody_to_make_room() -> None:
    limits = ConnectionLimits(total=1, per_client=1)

    limits.make_room()

    assert limits.evicted == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["enter", "touch", "leave"]))))
def test_the_limits_hold_whatever_happens(steps: list[tuple[int, str]]) -> None:
    limits = ConnectionLimits(total=6, per_client=2)
    opened: list[FakeConnection] = []
    gone: set[FakeConnection] = set()
    for at, step in steps:
        if step == "enter":
            opened += enter(limits, f"192.0.2.{at}")
        elif at < len(opened):
            getattr(limits, step)(opened[at])
            gone.update(opened[at : at + 1] if step == "leave" else ())
        here = [c for c in opened if not c.closed and c not in gone]
        assert len(here) == len(limits) <= 6
        assert all(sum(c.name == other.name for c in here) <= 2 for other in here)
