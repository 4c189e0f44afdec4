# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses and networks of a database: one sorted table that is searched where it lies on disk.

Networks are either apart or one inside the other. So in their order (the wider first where two begin alike) the last
one that begins at or before an address is inside whatever covers that address, and each knows the one around it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping

from filterd.policy.networks import BITS, Network

_OUTERMOST = 0xFFFFFFFF  # nothing is around it
_WORD = (1 << 64) - 1
ENTRY_SIZE = 8 + 8 + 4 + 4 + 1


def pack_networks(numbers: Mapping[Network, int]) -> bytes:
    """Return the section for networks with the number of the set of each."""
    ordered = sorted(numbers)
    parents = array("I")
    around: list[int] = []  # what the network at hand is inside of, the outermost first
    for at, network in enumerate(ordered):
        while around and ordered[around[-1]].last < network.first:
            around.pop()
        parents.append(around[-1] if around else _OUTERMOST)
        around.append(at)
    columns = (
        array("Q", (network.first >> 64 for network in ordered)),
        array("Q", (network.first & _WORD for network in ordered)),
        parents,
        array("I", (numbers[network] for network in ordered)),
        array("B", (network.length for network in ordered)),
    )
    return b"".join(column.tobytes() for column in columns)


class NetworkTable:
    """The section as it is read; a network's entries are the set whose number stands beside it."""

    __slots__ = ("_first_v6", "_high", "_lengths", "_low", "_parents", "_sets", "count")

    def __init__(self, section: memoryview, count: int) -> None:
        """Take *section*, which holds *count* networks.

        Raises:
            ValueError: it does not.
        """
        if len(section) != count * ENTRY_SIZE:
            raise ValueError(f"{len(section)} bytes for {count} networks")
        self.count = count
        self._high = section[: 8 * count].cast("Q")
        self._low = section[8 * count : 16 * count].cast("Q")
        self._parents = section[16 * count : 20 * count].cast("I")
        self._sets = section[20 * count : 24 * count].cast("I")
        self._lengths = section[24 * count :]
        self._first_v6 = bisect_right(self._high, 0)  # IPv4's high words are 0: known once, not at each look-up

    def __iter__(self) -> Iterator[tuple[Network, int]]:
        """Yield each network, in order, and the number of its set."""
        for high, low, length, number in zip(self._high, self._low, self._lengths, self._sets, strict=True):
            yield Network(high << 64 | low, length), number

    def covering(self, address: int) -> Iterator[tuple[Network, int]]:
        """Yield the networks that *address* is in, the most specific first, and the number of the set of each."""
        high, low = address >> 64, address & _WORD
        begin = bisect_left(self._high, high)
        end = bisect_right(self._high, high, begin)
        at = bisect_right(self._low, low, begin, end) - 1
        while 0 <= at < self.count:
            network = Network(self._high[at] << 64 | self._low[at], self._lengths[at])
            if address <= network.last:
                yield network, self._sets[at]
            at = self._parents[at]

    def holds(self, address: int) -> bool:
        """Return whether *address* is in any of the networks."""
        high, low = address >> 64, address & _WORD
        begin, end = (0, self._first_v6) if not high else (self._first_v6, self.count)
        if high:
            begin = bisect_left(self._high, high, begin)
            end = bisect_right(self._high, high, begin)
        at = bisect_right(self._low, low, begin, end) - 1
        while 0 <= at < self.count:
            beside = BITS - self._lengths[at]
            if address >> beside == (self._high[at] << 64 | self._low[at]) >> beside:
                return True
            at = self._parents[at]
        return False

    def is_sound(self, sets: int) -> bool:
        """Return whether the networks are in order, each after the one around it, with sets that there are."""
        before = Network(-1, 0)
        for at, (network, number) in enumerate(self):
            parent = self._parents[at]
            if not (before < network and 0 < number < sets and (parent < at or parent == _OUTERMOST)):
                return False
            before = network
        return True
