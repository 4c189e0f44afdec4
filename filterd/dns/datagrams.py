# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams taken and answered many at a time, where the system can do it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from filterd.dns.batches import BATCH, ID_SIZE, MAX_QUERY, Batches, can_batch
from filterd.dns.peer import ANCILLARY_SIZE, Peer, as_sources, ask_for_destination, is_wildcard, send_one


class Datagrams[P](Protocol):
    """A socket read and written in batches. A message's id, its first two bytes, stays here: a reply has the same."""

    def receive(self) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """Return what has arrived, at most `BATCH` messages without ids, and for each its sender's packed address."""

    def message(self, at: int) -> bytes:
        """Return message *at* of the last batch, id and all."""

    def peer(self, at: int) -> P:
        """Return the sender of message *at* of the last batch, to answer later."""

    def send(self, replies: Sequence[bytes | None]) -> int:
        """Answer the last batch (``None``: not now) with *replies* without ids; return how many could not be sent."""

    def send_late(self, replies: Sequence[tuple[P, bytes]]) -> int:
        """Answer each peer with its reply, id and all; return how many could not be sent."""


def open_datagrams(sock: socket.socket) -> Datagrams[Any]:  # peers are for none but the one who gave them
    """Return *sock*, which is bound, ready to be read without waiting."""
    sock.setblocking(False)
    if is_wildcard(sock):
        # Each query comes with the address it was sent to: a machine with several must answer from that one.
        ask_for_destination(sock)
    return Batches(sock) if can_batch() else OneByOne(sock)


class OneByOne:
    """The same with the calls that every system has."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._wildcard = is_wildcard(sock)
        self._messages: list[bytes] = []
        self._peers: list[Peer] = []

    def receive(self) -> tuple[list[bytes], list[bytes]]:
        """Return what has arrived."""
        messages: list[bytes] = []
        self._messages, self._peers = messages, []
        while len(messages) < BATCH:
            try:
                message, peer = self._receive_one()
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an error of an answer sent before (its receiver is gone), reported here by the system
            messages.append(message)
            self._peers.append(peer)
        return [message[ID_SIZE:] for message in messages], [_pack(peer.address) for peer in self._peers]

    def message(self, at: int) -> bytes:
        """Return message *at* of the last batch."""
        return self._messages[at]

    def peer(self, at: int) -> Peer:
        """Return the sender of message *at* of the last batch."""
        return self._peers[at]

    def send(self, replies: Sequence[bytes | None]) -> int:
        """Answer the last batch; return how many could not be sent."""
        answered = zip(self._peers, self._messages, replies, strict=True)
        return self.send_late([(peer, raw[:ID_SIZE] + reply) for peer, raw, reply in answered if reply is not None])

    def send_late(self, replies: Sequence[tuple[Peer, bytes]]) -> int:
        """Answer each peer; return how many could not be sent."""
        return sum(not send_one(self._sock, peer, reply) for peer, reply in replies)

    def _receive_one(self) -> tuple[bytes, Peer]:
        if not self._wildcard:
            message, address = self._sock.recvfrom(MAX_QUERY)
            return message, Peer(address, [])
        message, ancillary, _, address = self._sock.recvmsg(MAX_QUERY, ANCILLARY_SIZE)
        return message, Peer(address, as_sources(ancillary))


def _pack(address: tuple[Any, ...]) -> bytes:
    """Return the host of *address*, as sockets give it, packed as `Batches` gives it."""
    if len(address) == 2:
        return socket.inet_pton(socket.AF_INET, address[0])
    host = socket.inet_pton(socket.AF_INET6, address[0].partition("%")[0])
    return host + int(address[3]).to_bytes(4, sys.byteorder)
