# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and networks of both families as spans of one line of numbers.

An IPv4 address stands where IPv6 maps it (``::ffff:0:0/96``), so one order, one search and one table serve both.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

BITS = 128
_V4 = 0xFFFF << 32
_NAT64 = 0x64FF9B << 64  # RFC 6052 §2.1: 64:ff9b::/96 holds every IPv4 address once more
_V4_OFFSET = 96  # what an IPv4 prefix grows by
_WIDEST_V4, _WIDEST_V6 = 8, 16


class Network(NamedTuple):
    """A network, or the one address that a network of full length is; in their order a wider one stands first."""

    first: int
    length: int  # of the prefix, out of 128

    @property
    def last(self) -> int:
        """The last address."""
        return self.first | ((1 << (BITS - self.length)) - 1)

    @property
    def is_v4(self) -> bool:
        """Whether it is IPv4's."""
        return self.length >= _V4_OFFSET and self.first >> 32 == 0xFFFF

    @property
    def is_too_wide(self) -> bool:
        """Whether it is wider than anything that one operator's misdeeds can be about, or no network of one family."""
        if self.is_v4:
            return self.prefix_length < _WIDEST_V4
        return self.length < _WIDEST_V6 or self.first <= _V4 <= self.last

    @property
    def prefix_length(self) -> int:
        """The length of the prefix as its own family counts it."""
        return self.length - _V4_OFFSET if self.is_v4 else self.length

    def prefix(self) -> str:
        """Return it as a prefix, an address as one of full length."""
        address = ipaddress.IPv4Address(self.first & 0xFFFFFFFF) if self.is_v4 else ipaddress.IPv6Address(self.first)
        return f"{address}/{self.prefix_length}"

    def __str__(self) -> str:
        """Return it as a rule carries it: an address where it is one, else a prefix."""
        return self.prefix().partition("/")[0] if self.length == BITS else self.prefix()


def is_network(domain: str) -> bool:
    """Return whether *domain*, of a rule, is a network: no name holds a slash."""
    return "/" in domain


def parse_network(text: str) -> Network:
    """Return the address or network that *text* is; an address in brackets is one as well.

    Raises:
        ValueError: it is none, or bits are set behind the prefix: then it is more likely a host and a page.
    """
    bare, slash, length = text.partition("/")
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    parsed = ipaddress.ip_network(bare + slash + length)
    if parsed.version == 4:
        return Network(_V4 | int(parsed.network_address), parsed.prefixlen + _V4_OFFSET)
    return Network(int(parsed.network_address), parsed.prefixlen)


def address_number(text: str) -> int:
    """Return where the address *text*, a normalised host, stands on the line; one for NAT64 as what it stands for.

    Raises:
        ValueError: it is no address.
    """
    try:
        return packed_number(ipaddress.ip_address(text).packed)
    except ValueError as error:
        raise ValueError(f"{text!r} is no address") from error


def packed_number(packed: bytes) -> int:
    """Return where the address *packed*, of 4 or 16 bytes, stands on the line: where `address_number` says."""
    number = int.from_bytes(packed)
    if len(packed) == 4:
        return _V4 | number
    return _V4 | number & 0xFFFFFFFF if number >> 32 == _NAT64 else number


class NetworkSet:
    """Some networks, asked for what they have in common with another."""

    def __init__(self, networks: Iterable[Network] = (), *, apart_from: Iterable[Network] = ()) -> None:
        """Keep *networks*; what lies whole in one of *apart_from* is in none of them."""
        self._spans = merge((network.first, network.last) for network in networks)
        self._starts = [first for first, _ in self._spans]
        self._apart = NetworkSet(apart_from) if apart_from else None

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._spans)

    def __iter__(self) -> Iterator[Network]:
        """Yield them, joined where they touch."""
        return summarise(self._spans)

    def digest(self) -> bytes:
        """Return a text that is another where the networks are."""
        return repr((self._spans, self._apart and self._apart.digest())).encode()

    def touches(self, network: Network) -> bool:
        """Return whether *network* and these have an address in common."""
        if self._apart is not None and self._apart.holds(network):
            return False
        at = bisect_right(self._starts, network.last) - 1
        return at >= 0 and self._spans[at][1] >= network.first

    def holds(self, network: Network) -> bool:
        """Return whether every address of *network* is in these."""
        at = bisect_right(self._starts, network.first) - 1
        return at >= 0 and self._spans[at][1] >= network.last


def merge(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return *spans*, first and last each, in order and joined where they overlap or touch."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def subtract(spans: list[tuple[int, int]], taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what is left of *spans* without *taken*; both as `merge` returns them."""
    at = 0
    for first, last in spans:
        while at < len(taken) and taken[at][1] < first:
            at += 1
        here = at
        while here < len(taken) and taken[here][0] <= last:
            if taken[here][0] > first:
                yield first, taken[here][0] - 1
            first = taken[here][1] + 1
            here += 1
        if first <= last:
            yield first, last


def summarise(spans: Iterable[tuple[int, int]]) -> Iterator[Network]:
    """Yield the fewest networks that make up *spans*."""
    for first, last in spans:
        while first <= last:
            room = min((first & -first).bit_length() - 1 if first else BITS, (last - first + 1).bit_length() - 1)
            yield Network(first, BITS - room)
            first += 1 << room


# Addresses that mean something on one machine or network only, or are no host's: RFC 6890, 6598, 5771, 4193, 4291,
# 6052. The documentation ranges (RFC 5737, 3849) are not among them: nothing is lost by blocking them, and who
# tries a list out writes one of them.
SPECIAL = NetworkSet(
    map(
        parse_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "224.0.0.0/3",
            "::/96",  # unspecified, loopback, compatible
            "64:ff9b::/96",  # every IPv4 address once more
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/32",  # Teredo
            "2002::/16",  # 6to4
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
