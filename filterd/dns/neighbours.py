# SPDX-License-Identifier: GPL-3.0-or-later
"""The hardware addresses of the machines on our links, as the kernel knows them (Linux: rtnetlink).

Whoever sends us a query had to find our address first, and the kernel noted who asked for it. A hardware address is a
claim like any other: a few words at a prompt change it.
"""

from __future__ import annotations

import logging
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

REFRESH_S = 5.0
REFRESH_FOR_UNKNOWN_S = 0.5  # an address never seen before is looked for sooner
REMEMBER_S = 600.0  # the kernel forgets who is silent for a minute; who takes the address over makes itself known
MAX_KNOWN = 16_384

_header = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_neighbour = struct.Struct("=BxHiHBB")  # ndmsg: family, padding, interface, state, flags, type
_attribute = struct.Struct("=HH")  # rtattr: length, type
_NLMSG_ERROR, _NLMSG_DONE, _RTM_NEWNEIGH, _RTM_GETNEIGH = 2, 3, 28, 30
_NLM_F_REQUEST_DUMP = 0x301
_NDA_DST, _NDA_LLADDR = 1, 2
_KNOWN = 0x02 | 0x04 | 0x08 | 0x10 | 0x80  # NUD_REACHABLE, STALE, DELAY, PROBE, PERMANENT: the address is there
_BUFFER = 64 << 10
_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}  # by the length of their addresses
_TIMEOUT_S = 0.02  # the kernel answers at once

Table = Mapping[str, str]
"""Address to hardware address, both in canonical form."""


class Neighbours:
    """Remembers who had which address; *read* returns the present table, which a look-up may read anew."""

    def __init__(self, read: Callable[[], Table], now: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._now = now
        self._known: dict[str, tuple[str, float]] = {}
        self._read_at = float("-inf")
        self._failed = False

    def mac_of(self, address: str) -> str | None:
        """Return the hardware address of *address*, in canonical form; ``None`` where it is not on our links."""
        now = self._now()
        found = self._known.get(address)
        if now - self._read_at >= (REFRESH_S if found else REFRESH_FOR_UNKNOWN_S):
            self._refresh(now)
            found = self._known.get(address)
        return found[0] if found else None

    def _refresh(self, now: float) -> None:
        self._read_at = now
        try:
            table = self._read()
        except OSError as error:
            if not self._failed:
                logger.warning("the neighbour table cannot be read: %s; profiles by mac do not apply", error)
            self._failed = True
            table = {}
        else:
            self._failed = False
        fresh = {address: known for address, known in self._known.items() if now - known[1] < REMEMBER_S}
        fresh.update((address, (mac, now)) for address, mac in table.items())
        self._known = fresh if len(fresh) <= MAX_KNOWN else {address: (mac, now) for address, mac in table.items()}


def parse_neighbours(raw: bytes) -> tuple[list[tuple[str, str]], bool]:
    """Return the address pairs in *raw*, messages of the kernel, and whether the table ends with them.

    Raises:
        OSError: the kernel reports an error.
    """
    pairs: list[tuple[str, str]] = []
    at = 0
    while at + _header.size <= len(raw):
        length, kind, *_ = _header.unpack_from(raw, at)
        if length < _header.size or at + length > len(raw):
            break
        if kind == _NLMSG_DONE:
            return pairs, True
        body = raw[at + _header.size : at + length]
        if kind == _NLMSG_ERROR:
            code = -int.from_bytes(body[:4], sys.byteorder, signed=True)
            raise OSError(code, "the kernel refused to list its neighbours")
        if kind == _RTM_NEWNEIGH and (pair := _parse_neighbour(body)):
            pairs.append(pair)
        at += _aligned(length)
    return pairs, False


def _parse_neighbour(body: bytes) -> tuple[str, str] | None:
    if len(body) < _neighbour.size or not _neighbour.unpack_from(body)[3] & _KNOWN:
        return None
    address = mac = b""
    at, end = _neighbour.size, len(body) - _attribute.size
    while at <= end and not (address and mac):
        length, kind = _attribute.unpack_from(body, at)
        if length < _attribute.size:
            break
        if kind == _NDA_DST:
            address = body[at + _attribute.size : at + length]
        elif kind == _NDA_LLADDR:
            mac = body[at + _attribute.size : at + length]
        at += _aligned(length)
    if len(address) not in _FAMILIES or len(mac) != 6 or not any(mac):
        return None
    return socket.inet_ntop(_FAMILIES[len(address)], address), mac.hex(":")


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _to_table(pairs: list[tuple[str, str]]) -> dict[str, str]:
    table: dict[str, str] = {}
    contested: set[str] = set()
    for address, mac in pairs:
        if table.setdefault(address, mac) != mac:
            contested.add(address)  # the same address on two links: it says nothing
    return {address: mac for address, mac in table.items() if address not in contested}


if sys.platform == "linux":

    def read_neighbours() -> Table:
        """Return the kernel's table for IPv4 and IPv6.

        Raises:
            OSError: it cannot be had.
        """
        pairs: list[tuple[str, str]] = []
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.settimeout(_TIMEOUT_S)
            for family in (socket.AF_INET, socket.AF_INET6):
                body = _neighbour.pack(family, 0, 0, 0, 0, 0)
                head = _header.pack(_header.size + len(body), _RTM_GETNEIGH, _NLM_F_REQUEST_DUMP, family, 0)
                netlink.send(head + body)
                ended = False
                while not ended:
                    more, ended = parse_neighbours(netlink.recv(_BUFFER))
                    pairs += more
        return _to_table(pairs)

else:

    def read_neighbours() -> Table:
        """Return nothing: this system's table is not read yet."""
        return {}
