# SPDX-License-Identifier: GPL-3.0-or-later
"""Senders' addresses, and where answers come from."""

from __future__ import annotations

import socket
import sys

import pytest

from filterd.dns.peer import Peer, address_of, as_sources, is_wildcard, send_one


def test_addresses_are_spelled_as_people_do() -> None:
    assert address_of(bytes([192, 0, 2, 7])) == "192.0.2.7"
    assert address_of(bytes(15) + b"\1" + bytes(4)) == "::1"
    scoped = address_of(bytes.fromhex("fe80") + bytes(13) + b"\1" + (7).to_bytes(4, sys.byteorder))
    assert scoped == "fe80::1%7"


@pytest.mark.parametrize(("host", "wildcard"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("::1", False)])
def test_a_wildcard_is_known(host: str, wildcard: bool) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))

        assert is_wildcard(sock) is wildcard


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own structures")
def test_a_destination_becomes_the_source_and_the_interface_the_routing_table_s_choice() -> None:
    interface, ours, destination = (7).to_bytes(4, sys.byteorder), bytes([192, 0, 2, 1]), bytes([192, 0, 2, 255])
    received = [
        (socket.IPPROTO_IP, socket.IP_PKTINFO, interface + ours + destination),
        (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(15) + b"\1" + interface),
        (socket.SOL_SOCKET, socket.SO_BROADCAST, bytes(4)),
    ]

    assert as_sources(received) == [
        (socket.IPPROTO_IP, socket.IP_PKTINFO, bytes(4) + ours + bytes(4)),
        (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(15) + b"\1" + interface),
    ]


def test_what_has_no_way_is_not_sent() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert send_one(sock, Peer(("127.0.0.1", 9), []), b"x")
        assert not send_one(sock, Peer(("127.0.0.1", 9), []), b"x" * 66_000)
