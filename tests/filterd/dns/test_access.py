# SPDX-License-Identifier: GPL-3.0-or-later
"""Private addresses are answered, others are named first."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns.access import Access, parse_network


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.7.9", "100.64.0.1",
        "100.127.255.255", "169.254.3.4", "::1", "fe80::1", "fe80::1%eth0", "fd00::7", "fc00::1", "::ffff:10.1.2.3",
    ],
)  # fmt: skip
def test_private_addresses_are_answered(address: str) -> None:
    assert Access().allows(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "172.32.0.1", "172.15.255.255", "100.128.0.1", "192.169.0.1", "192.0.2.1", "0.0.0.0", "::", "::2",
        "2001:db8::1", "::ffff:8.8.8.8", "fec0::1", "224.0.0.251", "", "localhost", "10.1", "/run/x.sock",
    ],
)  # fmt: skip
def test_others_are_not(address: str) -> None:
    assert not Access().allows(address)


@given(st.ip_addresses())
def test_an_open_resolver_is_named_in_both_families(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    is_ipv4 = address.version == 4 or address.ipv4_mapped is not None

    assert Access(("0.0.0.0/0", "::/0")).allows(str(address))
    assert Access(("0.0.0.0/0",)).allows(str(address)) is is_ipv4
    assert Access(("::/0",)).allows(str(address)) is not is_ipv4
    assert not Access(()).allows(str(address))


def test_what_is_named_takes_the_place_of_the_private_ranges() -> None:
    access = Access(("198.51.100.7", "2001:db8:7::/48"))

    assert access.allows("198.51.100.7")
    assert access.allows("2001:db8:7:9::1")
    assert not access.allows("198.51.100.8")
    assert not access.allows("192.168.1.1")


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.168.7.9/24", "192.168.7.0/24"),
        (" 10.0.0.1 ", "10.0.0.1/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::/0", "::/0"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_a_network_is_read(text: str, network: str) -> None:
    assert str(parse_network(text)) == network


@pytest.mark.parametrize("text", ["", "lan", "10.0.0.0/33", "10.0.0", "any"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        Access((text,))
