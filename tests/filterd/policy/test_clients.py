# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is known better is judged by what is known better."""

from __future__ import annotations

import ipaddress

import pytest

from filterd.policy.clients import ClientRule, id_device, mac_device, profile_of
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


@pytest.mark.parametrize(
    "text",
    [
        "02:00:5e:10:00:01", "02:00:5E:10:00:01", "02-00-5E-10-00-01", "0200.5E10.0001", "02005e100001",
        "2:0:5e:10:0:1", " 02:00:5e:10:00:01 ",
    ],
)  # fmt: skip
def test_a_hardware_address_in_any_writing_is_the_same(text: str) -> None:
    assert mac_device(text) == "02:00:5e:10:00:01"


@pytest.mark.parametrize(
    "text",
    ["", "ana", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "02-00:5e-10:00:01", "02:00:5e:10:00:0g", "0200:5e10:0001"],
)
def test_what_is_no_hardware_address_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no hardware address: write it as"):
        mac_device(text)


def test_an_id_is_never_a_hardware_address() -> None:
    assert id_device(" Ana-Tablet ") == "id:ana-tablet"
    assert id_device("02005e100001") != mac_device("02005e100001")


@pytest.mark.parametrize("text", ["", "02:00:5e:10:00:01", "ana.tablet", "-ana", "a" * 64, "ñ"])
def test_an_id_that_fits_into_no_host_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no device id"):
        id_device(text)
