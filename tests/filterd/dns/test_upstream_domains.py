# SPDX-License-Identifier: GPL-3.0-or-later
"""The longest domain counts, in any letter case, and only whole labels."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.upstream_domains import DomainTable, parse_domain

LABELS = st.lists(st.sampled_from(["a", "b", "lan", "home", "xn--a"]), min_size=1, max_size=5)


@given(st.dictionaries(LABELS.map(".".join), st.integers(), max_size=8), LABELS)
def test_the_longest_suffix_counts(entries: dict[str, int], labels: list[str]) -> None:
    suffixes = [".".join(labels[at:]) for at in range(len(labels))]
    expected = next((entries[suffix] for suffix in suffixes if suffix in entries), None)
    table = DomainTable(entries)

    assert table.find_host(".".join(labels)) == expected
    packet = wire.make_question(wire.encode_name(".".join(labels).upper()), wire.A)
    assert table.find(packet, at=wire.HEADER_SIZE) == expected


def test_the_root_has_nothing_of_its_own() -> None:
    assert DomainTable({"lan": 1}).find(wire.ROOT) is None


def test_a_label_may_hold_any_byte() -> None:
    assert DomainTable({"lan": 1}).find(b"\3a\0b\3LAN\0") == 1


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("home.lan", "home.lan"),
        (" Home.LAN. ", "home.lan"),
        ("*.home.lan", "home.lan"),
        ("192.168.7.0/24", "7.168.192.in-addr.arpa"),
        ("10.0.0.0/8", "10.in-addr.arpa"),
        ("fd00::/8", "d.f.ip6.arpa"),
        ("2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_a_domain_is_a_name_or_a_networks_reverse_zone(text: str, domain: str) -> None:
    assert parse_domain(text) == domain


@pytest.mark.parametrize(
    "text", ["", "192.168.7.1", "192.168.7.0/23", "192.168.7.1/24", "0.0.0.0/0", "a b", "fd00::/7"]
)
def test_what_names_no_domain_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|is an"):
        parse_domain(text)


@given(st.ip_addresses(v=4), st.sampled_from([8, 16, 24]))
def test_the_addresses_of_a_network_are_in_its_reverse_zone(address: ipaddress.IPv4Address, length: int) -> None:
    network = ipaddress.ip_network((address, length), strict=False)

    assert DomainTable({parse_domain(str(network)): 1}).find_host(address.reverse_pointer) == 1
