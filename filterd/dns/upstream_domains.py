# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names have upstreams of their own: the router knows the house, and nobody else need hear of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from filterd.dns import wire
from filterd.policy.domains import InvalidHost, is_address, normalise_host


def parse_domain(text: str) -> str:
    """Return the domain that *text* names: ``home.lan``, or a network whose reverse zone is meant: ``192.168.7.0/24``.

    Raises:
        ValueError: it names none; the message says what would.
    """
    if "/" in text:
        return _reverse_zone(text)
    try:
        domain = normalise_host(text.strip().removeprefix("*.").strip("."))
    except InvalidHost as error:
        raise ValueError(f"{text!r} is no domain: {_USAGE}") from error
    if is_address(domain):
        raise ValueError(f"{text!r} is an address: {_USAGE}")
    return domain


class DomainTable[T]:
    """What stands for a domain and all that is in it; the longest domain counts."""

    def __init__(self, entries: Mapping[str, T]) -> None:
        self._entries = {wire.encode_name(domain): value for domain, value in entries.items()}

    def __bool__(self) -> bool:
        """Return whether anything is in it."""
        return bool(self._entries)

    def find(self, packet: bytes, *, at: int = 0) -> T | None:
        """Return what stands for the name at *at* of *packet*, uncompressed, in any letter case; ``None``: nothing."""
        # Lengths are below 64, so that lower() touches letters only.
        name = packet[at : wire.skip_name(packet, at)].lower()
        at = 0
        while at < len(name) - 1:
            found = self._entries.get(name[at:])
            if found is not None:
                return found
            at += name[at] + 1
        return None

    def find_host(self, host: str) -> T | None:
        """Return what stands for *host*; ``None``: nothing."""
        return self.find(wire.encode_name(host)) if self._entries else None


def _reverse_zone(text: str) -> str:
    """Return the zone of the addresses in the network *text* (RFC 1035 §3.5, RFC 3596 §2.5)."""
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"{text!r} is no network: {error}") from error
    digit_bits = 8 if network.version == 4 else 4
    digits, rest = divmod(network.prefixlen, digit_bits)
    if rest or not digits:
        raise ValueError(f"{text!r} is no reverse zone: its length must be a multiple of {digit_bits}, above 0")
    labels = network.network_address.reverse_pointer.split(".")
    return ".".join(labels[-(digits + 2) :])


_USAGE = "write a name like home.lan, or a network like 192.168.7.0/24 for its reverse zone"
