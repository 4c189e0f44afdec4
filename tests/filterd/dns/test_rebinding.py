# SPDX-License-Identifier: GPL-3.0-or-later
"""No name of a stranger's leads into the house."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns.rebinding import PrivateSpace, is_private, is_unspecified, plain_address, plain_packed

_NETWORKS = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "255.255.255.255/32",
)  # fmt: skip

ROUTER = ip_address("192.168.1.1").packed


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8", "169.254.169.254",
     "172.16.0.1", "172.31.255.255", "192.168.0.1", "224.0.0.251", "239.255.255.250", "255.255.255.255",
     "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12::1", "ff02::fb",
     "::ffff:192.168.1.1", "::ffff:127.0.0.1", "::192.168.1.1", "64:ff9b::10.0.0.1"],
)  # fmt: skip
def test_an_address_of_this_network_is_private(address: str) -> None:
    assert is_private(ip_address(address).packed)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.0.0.1", "128.0.0.1", "169.253.0.1",
     "172.15.255.255", "172.32.0.0", "192.167.1.1", "192.169.0.1", "223.255.255.255", "192.0.0.170", "240.0.0.1",
     "192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1",
     "2620:fe::fe", "fe00::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "64:ff9b:1::a00:1"],
)  # fmt: skip
def test_a_public_address_and_those_of_documentation_are_not(address: str) -> None:
    assert not is_private(ip_address(address).packed)


def test_the_unspecified_address_is_a_resolvers_no() -> None:
    assert is_unspecified(bytes(4))
    assert is_unspecified(bytes(16))
    assert not is_unspecified(ROUTER)


@pytest.mark.parametrize(
    ("address", "shown"),
    [("192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"),
     ("64:ff9b::192.0.2.1", "192.0.2.1"), ("::1", "::1"), ("::", "::")],
)  # fmt: skip
def test_an_address_has_one_spelling(address: str, shown: str) -> None:
    assert plain_address(ip_address(address).packed) == shown


@given(st.integers(0, 2**32 - 1))
def test_an_address_is_as_private_in_ipv6_as_in_ipv4(value: int) -> None:
    packed = IPv4Address(value).packed

    assert is_private(packed) == is_private(bytes(10) + b"\xff\xff" + packed)


@given(st.ip_addresses())
def test_what_the_standard_library_calls_loopback_link_local_or_multicast_is_private(
    address: IPv4Address | IPv6Address,
) -> None:
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert is_private(address.packed)


@pytest.mark.parametrize("host", ["nas", "nas.lan", "x.home.arpa", "fritz.internal", "a.example.com", "example.com"])
def test_a_name_of_the_house_may_lead_into_it(host: str) -> None:
    assert PrivateSpace.parse(["example.com"]).permits(host, ROUTER)


@pytest.mark.parametrize("host", ["notexample.com", "example.com.evil.example", "lan.example", "evil.example"])
def test_no_other_may(host: str) -> None:
    assert not PrivateSpace.parse(["example.com", "10.0.0.0/8"]).permits(host, ROUTER)


def test_a_name_with_an_upstream_of_its_own_may() -> None:
    space = PrivateSpace.parse(has_own_upstream=lambda host: host.endswith(".company.example"))

    assert space.permits("git.company.example", ROUTER)
    assert not space.permits("git.other.example", ROUTER)
    assert (space.holds("git.company.example"), space.holds("git.other.example")) == (True, False)


@pytest.mark.parametrize("entry", ["192.168.1.0/24", "192.168.1.1"])
def test_an_address_may_be_open_to_any_name(entry: str) -> None:
    space = PrivateSpace.parse([entry])

    assert space.permits("evil.example", ROUTER)
    assert space.permits("evil.example", ip_address("::ffff:192.168.1.1").packed)
    assert not space.permits("evil.example", ip_address("192.168.2.1").packed)


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "a b", ""])
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is no domain, address or network"):
        PrivateSpace.parse([entry])


@given(st.ip_addresses())
def test_an_address_is_packed_as_it_is_spelled(address: IPv4Address | IPv6Address) -> None:
    packed = plain_packed(address.packed)

    assert str(ip_address(packed)) == plain_address(address.packed)
    assert plain_packed(packed) == packed


@given(st.ip_addresses(v=4))
def test_private_ipv4_is_what_lies_in_one_of_the_networks(address: IPv4Address) -> None:
    networks = (*_NETWORKS, *(f"{first}.0.0.0/8" for first in range(224, 240)))

    assert is_private(address.packed) == any(address in ip_network(network) for network in networks)
