# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sent a datagram, and from which of our addresses the answer must come."""

from __future__ import annotations

import socket
import sys
from typing import Any, NamedTuple

ANCILLARY_SIZE = 128  # room for struct in_pktinfo and in6_pktinfo with their headers

Ancillary = tuple[int, int, bytes]
"""Level, type and data, as `socket.recvmsg` gives them."""


class Peer(NamedTuple):
    """Who sent a datagram, and (as ancillary data) from which of our addresses the answer must come."""

    address: Any
    ancillary: list[Ancillary]


def address_of(packed: bytes) -> str:
    """Return the address that *packed* is; one of a link is followed by its zone."""
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    address = socket.inet_ntop(socket.AF_INET6, packed[:16])
    scope = int.from_bytes(packed[16:], sys.byteorder)
    return f"{address}%{scope}" if scope else address


def send_one(sock: socket.socket, peer: Peer, reply: bytes) -> bool:
    """Send *reply* to *peer*; return whether there was room and a way."""
    try:
        if peer.ancillary:
            sock.sendmsg([reply], peer.ancillary, 0, peer.address)
        else:
            sock.sendto(reply, peer.address)
    except OSError:
        return False  # no room or no way: as if lost on the wire, the client asks again
    return True


def is_wildcard(sock: socket.socket) -> bool:
    """Return whether *sock* takes what is sent to any address of this machine."""
    return sock.getsockname()[0] in ("0.0.0.0", "::")


if sys.platform == "linux":
    _DESTINATIONS = ((socket.IPPROTO_IP, socket.IP_PKTINFO), (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO))

    def ask_for_destination(sock: socket.socket) -> None:
        """Have *sock* say to which of our addresses each datagram was sent."""
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_PKTINFO, 1)  # an IPv6 socket may take IPv4 too

    def as_sources(ancillary: list[Ancillary]) -> list[Ancillary]:
        """Return what came with a datagram as what goes with its answer: destinations become sources."""
        return [_as_source(item) for item in ancillary if item[:2] in _DESTINATIONS]

    def _as_source(item: Ancillary) -> Ancillary:
        level, kind, packed = item
        if level != socket.IPPROTO_IP:
            return item
        # struct in_pktinfo: interface, local address, destination. The system fills them when it receives and reads
        # the middle one when it sends. Interface 0: the routing table knows the way back.
        return level, kind, bytes(4) + packed[4:8] + bytes(4)

else:

    def ask_for_destination(sock: socket.socket) -> None:
        """Do nothing: elsewhere the routing table chooses the source, which is right with one address."""

    def as_sources(_ancillary: list[Ancillary]) -> list[Ancillary]:
        """Return nothing: see above."""
        return []
