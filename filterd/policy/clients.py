# SPDX-License-Identifier: GPL-3.0-or-later
"""Which profile a client gets."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from filterd.policy.model import Client

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class ClientRule:
    """One `[[clients]]` entry: one of *user*, *device* (a MAC address or a device's id) and *network* is given."""

    profile: str
    user: str | None = None
    device: str | None = None
    network: Network | None = None


def profile_of(client: Client, rules: Sequence[ClientRule], default: str) -> str:
    """Return the profile's id for *client*.

    The listener's own profile goes first, then the user, then the device, then the smallest network that holds the
    address, then *default*: who is known better is judged by what is known better.
    """
    if client.profile is not None:
        return client.profile
    if not rules:
        return default
    for rule in rules:
        if rule.user is not None and rule.user == client.user:
            return rule.profile
    for rule in rules:
        if rule.device is not None and client.device is not None and rule.device.lower() == client.device.lower():
            return rule.profile
    return _by_network(client.address, rules) or default


def _by_network(address: str | None, rules: Sequence[ClientRule]) -> str | None:
    if address is None:
        return None
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    fitting = [rule for rule in rules if rule.network is not None and found in rule.network]
    best = max(fitting, key=lambda rule: rule.network.prefixlen if rule.network else 0, default=None)
    return best.profile if best else None
