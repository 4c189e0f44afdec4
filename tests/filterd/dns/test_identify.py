# SPDX-License-Identifier: GPL-3.0-or-later
"""A device is known by its hardware address or by what it says of itself, and nobody can be another by saying so."""

from __future__ import annotations

import pytest

from filterd.dns.identify import Identifier
from filterd.dns.neighbours import Neighbours
from filterd.policy.clients import ClientRule, id_device, mac_device, profile_of
from filterd.policy.model import Client

MAC = "02:00:5e:10:00:01"
RULES = [
    ClientRule("tablet", device=mac_device(MAC)),
    ClientRule("laptop", device=id_device("ana-laptop")),
]


def make(rules: list[ClientRule] | None = None) -> Identifier:
    table = {"192.168.7.9": MAC, "192.168.7.10": "02:00:5e:10:00:09", "fe80::9": MAC}
    return Identifier(RULES if rules is None else rules, make_neighbours=lambda: Neighbours(lambda: table, lambda: 0.0))


@pytest.mark.parametrize(
    ("address", "given", "profile"),
    [
        ("192.168.7.9", None, "tablet"),
        ("::ffff:192.168.7.9", None, "tablet"),
        ("fe80::9%eth0", None, "tablet"),
        ("192.168.7.9", "ana-laptop", "tablet"),
        ("192.168.7.10", None, "child"),
        ("192.168.7.10", "Ana-Laptop", "laptop"),
        ("198.51.100.1", "ana-laptop", "laptop"),
        ("198.51.100.1", "somebody", "child"),
        ("198.51.100.1", MAC, "child"),
        ("198.51.100.1", "02005e100001", "child"),
        ("198.51.100.1", "id:ana-laptop", "child"),
        ("198.51.100.1", "", "child"),
    ],
)
def test_the_profile_of_who_asks(address: str, given: str | None, profile: str) -> None:
    assert profile_of(make()(address, given), RULES, "child") == profile


def test_the_same_client_is_the_same_object() -> None:
    identify = make()

    assert identify("192.168.7.9") is identify("192.168.7.9", "whatever")
    assert identify("::ffff:192.0.2.1") == Client(address="192.0.2.1")


def test_without_a_mac_in_the_rules_nobody_looks_for_one() -> None:
    def fail() -> Neighbours:
        raise AssertionError

    identify = Identifier([RULES[1]], make_neighbours=fail)

    assert identify("192.168.7.9") == Client(address="192.168.7.9")


def test_new_rules_hold_at_once() -> None:
    identify = make([])
    assert identify("192.168.7.9").device is None

    identify.swap(RULES)
    assert identify("192.168.7.9").device == MAC
    identify.swap([RULES[1]])
    assert identify("192.168.7.9", "ana-laptop").device == "id:ana-laptop"


def test_clients_without_end_do_not_fill_the_memory() -> None:
    identify = make()
    for n in range(10_000):
        identify(f"10.0.{n >> 8}.{n & 255}", f"id{n}")

    assert len(identify._clients) <= 4096
