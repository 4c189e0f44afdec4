# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of this network that no name of the public Internet may lead to (DNS rebinding).

A page of a stranger's whose name suddenly means 192.168.1.1 could speak to the router as if it were the router's own.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from filterd.policy.domains import InvalidHost, covers, is_address, normalise_host

_Network = IPv4Network | IPv6Network

# Not the documentation ranges (RFC 5737, RFC 3849): nothing is there, and examples and tests live on them.
_NETWORKS4 = (
    "0.0.0.0/8",  # Linux and macOS dial 0.0.0.0 as loopback
    "10.0.0.0/8",
    "100.64.0.0/10",  # RFC 6598: behind the provider's own translation
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    *(f"{first}.0.0.0/8" for first in range(224, 240)),  # multicast
    "255.255.255.255/32",
)
# Number and mask of each, by the first byte, which is whole in all of them: every address of an answer is looked at.
_PRIVATE4 = {
    network.network_address.packed[0]: (int(network.network_address), int(network.netmask))
    for network in map(IPv4Network, _NETWORKS4)
}
_EMBEDDED = (
    bytes(10) + b"\xff\xff",  # RFC 4291 §2.5.5.2: IPv4-mapped
    bytes(12),  # §2.5.5.1: IPv4-compatible; :: and ::1 are in here too
    bytes.fromhex("0064ff9b") + bytes(8),  # RFC 6052: NAT64
)
# Names that the public root does not hold: nobody outside can own one, and people give them to their own machines.
_NEVER_PUBLIC = ("corp", "home", "home.arpa", "internal", "intranet", "lan", "local", "localdomain", "private")


def is_private(packed: bytes) -> bool:
    """Return whether the address *packed* means something on this machine or network only."""
    if len(packed) == 4:
        network = _PRIVATE4.get(packed[0])
        return network is not None and int.from_bytes(packed) & network[1] == network[0]
    first = packed[0]
    if first == 0:
        return packed[:12] in _EMBEDDED and (packed[:12] == bytes(12) or is_private(packed[12:]))
    # fc00::/7 unique local, fe80::/10 link-local and the fec0::/10 that it followed, ff00::/8 multicast
    return first in (0xFC, 0xFD, 0xFF) or (first == 0xFE and packed[1] >= 0x80)


def is_unspecified(packed: bytes) -> bool:
    """Return whether *packed* is ``0.0.0.0`` or ``::``, with which resolvers say "blocked"."""
    return not any(packed)


def plain_packed(packed: bytes) -> bytes:
    """Return the address *packed*, what is embedded in IPv6 as IPv4."""
    if len(packed) == 4 or packed[:12] not in _EMBEDDED or not any(packed[:12]):
        return packed
    return packed[12:]


def plain_address(packed: bytes) -> str:
    """Return the address *packed* as the host that the policy judges: what is embedded in IPv6 comes out as IPv4."""
    packed = plain_packed(packed)
    # For IPv6 systems differ in how they write it, and the policy knows one way.
    return socket.inet_ntop(socket.AF_INET, packed) if len(packed) == 4 else str(ip_address(packed))


@dataclass(frozen=True, slots=True)
class PrivateSpace:
    """Names that may lead to private addresses, and private addresses that any name may lead to.

    *has_own_upstream* tells names that a resolver of the house is asked for.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[_Network, ...] = ()
    has_own_upstream: Callable[[str], bool] | None = None

    @classmethod
    def parse(
        cls, entries: Iterable[str] = (), *, has_own_upstream: Callable[[str], bool] | None = None
    ) -> PrivateSpace:
        """Return the space that *entries* open: domains (with what is below them), addresses, networks.

        Raises:
            ValueError: naming the entry that is none of these.
        """
        names: set[str] = set()
        networks: list[_Network] = []
        for entry in entries:
            try:
                host = entry.strip() if "/" in entry else normalise_host(entry)
                if "/" in host or is_address(host):
                    networks.append(ip_network(host, strict=False))
                else:
                    names.add(host)
            except (InvalidHost, ValueError) as error:
                raise ValueError(f"{entry!r} is no domain, address or network") from error
        return cls(frozenset(names), tuple(networks), has_own_upstream)

    def holds(self, host: str) -> bool:
        """Return whether *host* is a name of this network, of no account outside."""
        if "." not in host or any(covers(domain, host) for domain in (*_NEVER_PUBLIC, *self.names)):
            return True
        return self.has_own_upstream is not None and self.has_own_upstream(host)

    def permits(self, host: str, packed: bytes) -> bool:
        """Return whether *host* may lead to *packed*, a private address."""
        if self.holds(host):
            return True
        where: IPv4Address | IPv6Address = ip_address(plain_address(packed))
        return any(where in network for network in self.networks)
