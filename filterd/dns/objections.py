# SPDX-License-Identifier: GPL-3.0-or-later
"""How family resolvers say that they would not give a name out."""

from __future__ import annotations

import enum
from ipaddress import IPv4Address, ip_network

from filterd.dns import wire
from filterd.dns.answer import Answer, addresses
from filterd.dns.stale import error_codes

# RFC 8914 §4.16-4.18: blocked, censored, filtered.
_REFUSALS = frozenset({15, 16, 17})

# Where block pages stand, as their owners publish them; nothing else does.
_BLOCK_PAGES = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/32",  # Cloudflare, and AdGuard by default
        "146.112.61.104/29",  # OpenDNS FamilyShield, Umbrella
        "94.140.14.33/32", "94.140.14.35/32", "94.140.14.36/32",  # AdGuard: standard-, family-block
        "93.158.134.250/32", "213.180.193.250/32",  # Yandex
    )
)  # fmt: skip


class Opinion(enum.Enum):
    """What a family resolver says about a name."""

    FINE = enum.auto()
    OBJECTS = enum.auto()
    ABSENT = enum.auto()  # there is no such name: CleanBrowsing and Mullvad mean no by it, where others know the name
    UNKNOWN = enum.auto()  # it failed, or may not answer us: a bare REFUSED says nothing about the name


def read_opinion(answer: Answer) -> Opinion:
    """Return what *answer*, a family resolver's to a question for A, means."""
    if _REFUSALS & error_codes(answer.errors):
        return Opinion.OBJECTS
    if answer.rcode == wire.NXDOMAIN:
        return Opinion.ABSENT
    if answer.rcode != wire.NOERROR:
        return Opinion.UNKNOWN
    found = [address for address, _ in addresses(answer, wire.A)]
    return Opinion.OBJECTS if any(map(_is_block_page, found)) else Opinion.FINE


def objects(opinion: Opinion, ours: Answer) -> bool:
    """Return whether *opinion* speaks against giving out *ours*."""
    if opinion is Opinion.ABSENT:
        return ours.rcode == wire.NOERROR and ours.message[6:8] != b"\0\0"
    return opinion is Opinion.OBJECTS


def _is_block_page(address: object) -> bool:
    return isinstance(address, IPv4Address) and any(address in network for network in _BLOCK_PAGES)
