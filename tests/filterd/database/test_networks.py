# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of networks finds what a look at each of them finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.database.networks import NetworkTable, pack_networks
from filterd.policy.networks import Network, address_number, parse_network

BASES = [0, 0xFFFF << 32 | 0xCB007100, 0x20010DB8 << 96, (0x20010DB8 << 96) + (1 << 64)]
addresses = st.tuples(st.sampled_from(BASES), st.integers(0, 40)).map(sum)
networks = st.tuples(addresses, st.integers(16, 128)).map(lambda n: Network(n[0] >> 128 - n[1] << 128 - n[1], n[1]))


def table(numbers: dict[Network, int]) -> NetworkTable:
    return NetworkTable(memoryview(pack_networks(numbers)), len(numbers))


@given(st.dictionaries(networks, st.integers(1, 9), max_size=40), st.lists(addresses, min_size=1, max_size=20))
def test_the_networks_around_an_address_come_the_narrowest_first(numbers: dict[Network, int], asked: list[int]) -> None:
    packed = table(numbers)

    for address in [*asked, *(network.last for network in numbers)]:
        around = sorted((n for n in numbers if n.first <= address <= n.last), key=lambda n: -n.length)
        assert list(packed.covering(address)) == [(network, numbers[network]) for network in around]
        assert packed.holds(address) == bool(around)
    assert dict(packed) == numbers
    assert packed.is_sound(10)


def test_an_empty_table_covers_nothing() -> None:
    assert list(table({}).covering(address_number("203.0.113.7"))) == list(table({})) == []


def test_a_section_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="24 bytes for 1 networks"):
        NetworkTable(memoryview(bytes(24)), 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 1)], ids=["out of order", "twice"])
def test_a_table_in_disorder_is_not_sound(order: tuple[int, int]) -> None:
    some = [parse_network("203.0.113.0/24"), parse_network("198.51.100.0/24")]
    whole = [pack_networks({some[at]: 1}) for at in order]
    columns = [(0, 8), (8, 16), (16, 20), (20, 24), (24, 25)]
    mixed = b"".join(part[first:last] for first, last in columns for part in whole)

    assert not NetworkTable(memoryview(mixed), 2).is_sound(2)


def test_a_set_that_is_not_there_is_not_sound() -> None:
    assert not table({parse_network("203.0.113.0/24"): 7}).is_sound(7)
