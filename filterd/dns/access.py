# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask: private addresses, unless the owner names others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PRIVATE = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",  # RFC 6598: behind a provider's NAT
    "169.254.0.0/16",
    "::1/128",
    "fe80::/10",
    "fc00::/7",
)
"""Addresses that no router of the Internet carries. An open resolver is asked for by name: 0.0.0.0/0 and ::/0."""

_REMEMBERED = 4096  # addresses; a bound for memory


class Access:
    """Knows whom to answer: who has an address in *networks*, such as 192.168.7.0/24 or 2001:db8::1.

    Raises:
        ValueError: one of them is no network; the message names it.
    """

    def __init__(self, networks: Iterable[str] = PRIVATE) -> None:
        self._networks = tuple(map(parse_network, networks))
        self._covers = lru_cache(maxsize=_REMEMBERED)(self._find)

    def allows(self, address: str) -> bool:
        """Return whether the client at *address* is answered; what is no address is not."""
        return self._covers(address)

    def _find(self, address: str) -> bool:
        found = parse_address(address)
        return found is not None and any(found in network for network in self._networks)


def parse_network(text: str) -> Network:
    """Return the network that *text* names; an address alone is a network of one, a mapped one that of IPv4.

    Raises:
        ValueError: *text* names none.
    """
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network: write it as 192.168.7.0/24, 2001:db8::/32 or an address") from error
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def parse_address(text: str) -> Address | None:
    """Return the address that *text* is, without zone, a mapped one as IPv4; ``None`` where it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
