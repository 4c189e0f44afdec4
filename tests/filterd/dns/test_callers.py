# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks is known for a few seconds, asks as much as is fair, and never fills the memory."""

from __future__ import annotations

from filterd.dns import callers
from filterd.dns.callers import Callers, RateLimit
from filterd.dns.fastpath import FastPath
from filterd.policy.model import Client

HERE = bytes([192, 0, 2, 1])
THERE = bytes([192, 0, 2, 2])


class House:
    """Callers with a clock, and what they asked about whom."""

    def __init__(self, limit: RateLimit | None = None) -> None:
        self.asked: list[str] = []
        self.now = 100.0
        self.fast = FastPath(lambda client: client.user or "child")
        self.callers = Callers(self.identify, self.fast, limit)

    def identify(self, address: str) -> Client | None:
        self.asked.append(address)
        return None if address == "192.0.2.2" else Client(address=address, user="ana")

    def ask(self, host: bytes) -> bool:
        """Return whether one query of *host* is admitted, as the server's loop finds out."""
        caller = self.callers.refresh(self.now).get(host) or self.callers.meet(host)
        if caller.left > 0:
            caller.left -= 1
            return True
        return self.callers.admit(caller, self.now)


def test_who_asks_again_is_not_identified_again_for_some_seconds() -> None:
    house = House()
    for _ in range(3):
        assert house.ask(HERE)
    assert house.asked == ["192.0.2.1"]

    house.now += callers.REMEMBERED_S
    assert house.ask(HERE)
    assert house.asked == ["192.0.2.1"] * 2


def test_a_caller_has_the_answers_of_its_profile() -> None:
    house = House()
    caller = house.callers.meet(HERE)

    assert caller.profile == "ana"
    assert caller.ready is house.fast.ready_for("ana")


def test_a_change_of_policy_makes_everybody_unknown() -> None:
    house = House()
    house.ask(HERE)
    house.fast.clear(lambda _client: "adult")

    assert house.callers.refresh(house.now) == {}
    assert house.callers.meet(HERE).profile == "adult"


def test_who_is_not_served_is_known_as_such() -> None:
    house = House()

    assert house.callers.meet(THERE).client is None


def test_without_a_limit_everything_is_admitted() -> None:
    house = House()

    assert all(house.ask(HERE) for _ in range(5000))


def test_over_the_limit_nothing_is_admitted_until_time_has_passed() -> None:
    house = House(RateLimit(per_second=10, burst=50))
    assert sum(house.ask(HERE) for _ in range(200)) == 50
    house.now += 1
    assert sum(house.ask(HERE) for _ in range(200)) == 10
    house.now += 1000
    assert sum(house.ask(HERE) for _ in range(200)) == 50


def test_a_limit_without_a_burst_still_lets_one_through() -> None:
    house = House(RateLimit(per_second=1))
    admitted = 0
    for _ in range(20):
        house.now += 0.5
        admitted += house.ask(HERE)

    assert 9 <= admitted <= 11


def test_being_identified_again_gives_no_new_tokens() -> None:
    house = House(RateLimit(per_second=1, burst=80))
    assert sum(house.ask(HERE) for _ in range(75)) == 75
    house.fast.clear()

    assert sum(house.ask(HERE) for _ in range(100)) == 5


def test_the_others_are_answered_while_one_asks_too_much() -> None:
    house = House(RateLimit(per_second=10, burst=20))
    for _ in range(100):
        house.ask(THERE)

    assert house.ask(HERE)


def test_all_addresses_of_an_ipv6_network_share_one_limit() -> None:
    house = House(RateLimit(per_second=10, burst=40))
    network = bytes.fromhex("20010db800000001")
    hosts = [network + n.to_bytes(8) + bytes(4) for n in range(1, 300)]

    assert sum(house.ask(host) for host in hosts) <= 40
    assert house.ask(bytes.fromhex("20010db800000002") + bytes(8) + bytes(4))


def test_a_flood_of_made_up_senders_leaves_memory_bounded() -> None:
    house = House(RateLimit(per_second=10, burst=20))
    for n in range(3 * callers.MAX_CALLERS):
        house.ask((n + 0x0A000000).to_bytes(4))

    assert len(house.callers.known) <= callers.MAX_CALLERS
    assert len(house.callers._before) <= callers.MAX_CALLERS
    assert len(house.callers._buckets) <= callers.MAX_CALLERS
    assert house.ask(HERE)
