# SPDX-License-Identifier: GPL-3.0-or-later
"""Which profile a client gets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from filterd.policy.model import Client

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_ID = "id:"  # before what a device says of itself, so that no stranger can say that it is somebody's hardware address
_mac_shape = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}|[0-9a-f]{1,2}(?:-[0-9a-f]{1,2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}"
).fullmatch
_id = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?").fullmatch


@dataclass(frozen=True, slots=True)
class ClientRule:
    """One `[[clients]]` entry: one of *user*, *device* and *network* is given.

    *device* is what `mac_device` or `id_device` returns.
    """

    profile: str
    user: str | None = None
    device: str | None = None
    network: Network | None = None


def mac_device(text: str) -> str:
    """Return the device with the hardware address *text*: aa:bb:cc:dd:ee:ff, AA-BB-…, aabb.ccdd.eeff or without signs.

    Raises:
        ValueError: it is none.
    """
    lower = text.strip().lower()
    if not _mac_shape(lower):
        raise ValueError(f"{text!r} is no hardware address: write it as 02:00:5e:10:00:01")
    digits = "".join(part.zfill(2) for part in re.split(r"[:-]", lower)).replace(".", "")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def id_device(text: str) -> str:
    """Return the device that calls itself *text* (encrypted DNS); letter case is no difference.

    Raises:
        ValueError: it fits into no host name.
    """
    lower = text.strip().lower()
    if not is_device_id(lower):
        raise ValueError(f"{text!r} is no device id: up to 63 letters a-z, digits and hyphens, as in ana-tablet")
    return _ID + lower


def is_device_id(text: str) -> bool:
    """Return whether *text*, in lower case, can be a device's id: it must fit into a host name as a label."""
    return _id(text) is not None


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
