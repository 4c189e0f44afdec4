# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is known better is judged by what is known better."""

from __future__ import annotations

import ipaddress

import pytest

from filterd.policy.clients import ClientRule, profile_of
from filterd.policy.model import Client

RULES = [
    ClientRule("home", network=ipaddress.ip_network("192.168.0.0/16")),
    ClientRule("children", network=ipaddress.ip_network("192.168.7.0/24")),
    ClientRule("guests", network=ipaddress.ip_network("fd00::/8")),
    ClientRule("tablet", device="02:00:5E:10:00:01"),
    ClientRule("ana", user="ana"),
]


@pytest.mark.parametrize(
    ("client", "profile"),
    [
        (Client("192.168.7.9"), "children"),
        (Client("192.168.8.9"), "home"),
        (Client("::ffff:192.168.7.9"), "children"),
        (Client("fd00::1%eth0"), "guests"),
        (Client("198.51.100.1"), "child"),
        (Client("192.168.7.9", device="02:00:5e:10:00:01"), "tablet"),
        (Client("192.168.7.9", user="ana", device="02:00:5e:10:00:01"), "ana"),
        (Client("192.168.7.9", user="luz"), "children"),
        (Client("192.168.7.9", user="ana", profile="adult"), "adult"),
        (Client(), "child"),
        (Client("not an address"), "child"),
    ],
)
def test_the_profile_of_a_client(client: Client, profile: str) -> None:
    assert profile_of(client, RULES, "child") == profile


def test_without_rules_everybody_gets_the_default() -> None:
    assert profile_of(Client("192.168.7.9"), (), "child") == "child"
