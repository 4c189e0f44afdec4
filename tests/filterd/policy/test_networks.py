# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and networks as spans of one line."""

from __future__ import annotations

import ipaddress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.networks import (
    SPECIAL,
    Network,
    NetworkSet,
    address_number,
    is_network,
    merge,
    packed_number,
    parse_network,
    subtract,
    summarise,
)

prefixes_v4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda drawn: ipaddress.IPv4Network(drawn, strict=False)
)
prefixes_v6 = st.tuples(st.integers(2**64, 2**128 - 1), st.integers(0, 128)).map(
    lambda drawn: ipaddress.IPv6Network(drawn, strict=False)
)


@given(prefixes_v4 | prefixes_v6)
def test_a_network_comes_back_as_it_is_written(prefix: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
    network = parse_network(str(prefix))

    assert network.prefix() == str(prefix)
    assert network.prefix_length == prefix.prefixlen
    assert parse_network(str(network)) == network
    assert is_network(str(network)) == (prefix.num_addresses > 1)
    assert network.first == address_number(str(prefix[0]))
    assert network.last == address_number(str(prefix[-1]))


@pytest.mark.parametrize("text", ["", "example.com", "1.2.3.4/24", "1.2.3.0/33", "2001:db8::1/32", "1.2.3", "[1::"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_network(text)


def test_an_address_for_nat64_is_the_ipv4_address_that_it_leads_to() -> None:
    assert address_number("64:ff9b::101:101") == address_number("1.1.1.1")
    assert address_number("64:ff9b:0:1::101:101") != address_number("1.1.1.1")


def test_ipv4_is_ipv4_however_it_is_written() -> None:
    assert str(parse_network("::ffff:203.0.113.0/120")) == "203.0.113.0/24"
    assert str(parse_network("[::ffff:1.2.3.4]")) == "1.2.3.4"


@pytest.mark.parametrize("text", ["0.0.0.0/0", "8.0.0.0/7", "::/0", "2000::/3", "2a00::/15", "::fffe:0:0/95"])
def test_a_network_wider_than_any_list_needs_is_known(text: str) -> None:
    assert parse_network(text).is_too_wide


@pytest.mark.parametrize("text", ["8.0.0.0/8", "1.1.1.1", "2a00::/16", "2001:db8::1"])
def test_a_network_of_some_size_is_not_too_wide(text: str) -> None:
    assert not parse_network(text).is_too_wide


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3",
        "127.0.0.1",
        "169.254.1.1",
        "192.168.7.0/24",
        "100.69.180.29",
        "fe80::1",
        "::1",
        "::",
        "255.255.255.255",
        "239.1.1.1",
        "192.0.0.0/8",
        "64:ff9b::101:101",
    ],
)
def test_what_means_something_only_here_is_special(text: str) -> None:
    assert SPECIAL.touches(parse_network(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "203.0.113.7", "2001:db8::1", "2606:4700:4700::1111", "192.0.2.0/24"])
def test_a_public_address_is_not_special(text: str) -> None:
    assert not SPECIAL.touches(parse_network(text))


def test_what_is_set_apart_is_in_none_of_the_networks() -> None:
    shared = NetworkSet(map(parse_network, ["203.0.113.0/24"]), apart_from=map(parse_network, ["203.0.113.8/30"]))

    assert not shared.touches(parse_network("203.0.113.9"))
    assert shared.touches(parse_network("203.0.113.8/29"))
    assert shared.holds(parse_network("203.0.113.128/25"))
    assert not shared.holds(parse_network("203.0.112.0/23"))


def test_a_set_says_whether_it_is_empty_and_what_it_holds() -> None:
    halves = NetworkSet(map(parse_network, ["203.0.113.128/25", "203.0.113.0/25"]))

    assert not NetworkSet()
    assert [str(network) for network in halves] == ["203.0.113.0/24"]
    assert halves.digest() == NetworkSet([parse_network("203.0.113.0/24")]).digest() != NetworkSet().digest()


# --- spans, against sets of numbers ---

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1])), max_size=8)


def numbers(some: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in some for number in range(first, last + 1)}


@given(spans)
def test_merging_keeps_every_number_and_leaves_gaps(some: list[tuple[int, int]]) -> None:
    merged = merge(some)

    assert numbers(merged) == numbers(some)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(merged))


@given(spans, spans)
def test_subtracting_leaves_the_rest(some: list[tuple[int, int]], taken: list[tuple[int, int]]) -> None:
    assert numbers(list(subtract(merge(some), merge(taken)))) == numbers(some) - numbers(taken)


@given(spans)
def test_a_summary_holds_the_same_numbers_in_whole_networks(some: list[tuple[int, int]]) -> None:
    networks = list(summarise(merge(some)))

    assert numbers([(network.first, network.last) for network in networks]) == numbers(some)
    assert all(network.first % (network.last - network.first + 1) == 0 for network in networks)


@given(spans, st.integers(0, 90), st.integers(121, 128))
def test_a_set_touches_and_holds_as_sets_of_numbers_do(some: list[tuple[int, int]], at: int, length: int) -> None:
    held = NetworkSet(summarise(merge(some)))
    network = Network(at - at % (1 << (128 - length)), length)
    own = numbers([(network.first, network.last)])

    assert held.touches(network) == bool(own & numbers(some))
    assert held.holds(network) == (own <= numbers(some))


@given(st.ip_addresses())
def test_an_address_has_one_number_however_it_is_given(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert packed_number(address.packed) == address_number(str(address))


@pytest.mark.parametrize("text", ["www.example", "1.2.3", "1.2.3.4.5", "1.2.3.400", "example.1", ""])
def test_a_name_has_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        address_number(text)
