# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries by UDP: batch by batch, ready answers first.

The socket is read as long as it has something to give: asyncio's own datagram transport goes through the whole loop for
each datagram, and cannot say which of our addresses a query was sent to.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from filterd.dns import wire
from filterd.dns.batches import BATCH, ID_SIZE
from filterd.dns.beginnings import Begun
from filterd.dns.callers import Caller, Callers
from filterd.dns.datagrams import Datagrams, open_datagrams
from filterd.dns.errands import Errand
from filterd.dns.fastpath import FastPath
from filterd.dns.pipeline import Pipeline, Reply, Transport
from filterd.policy.model import Client

BATCHES = 4  # taken at a time, then the loop's other work
MAX_UNDER_WAY = 4096  # waiting for an upstream; a bound for memory
_QR = wire.QR >> 8

_Waiting = tuple[int, bytes, Caller]  # where in the batch, the question without its id, who asks


@dataclass(slots=True)
class UdpCounters:
    """What never reached the pipeline."""

    ready: int = 0  # answered with a ready answer
    limited: int = 0  # not answered: the client asks too much
    refused: int = 0  # not served at that address


class UdpServer:
    """Answers what comes to *sock*, which is bound."""

    def __init__(self, sock: socket.socket, pipeline: Pipeline, callers: Callers, fast: FastPath) -> None:
        self.counters = UdpCounters()
        self._sock = sock
        self._pipeline = pipeline
        self._callers = callers
        self._fast = fast
        self._under_way: dict[Errand[Reply], Any] = {}  # with their peers, as the socket's `Datagrams` gives them
        self._idle: asyncio.Future[None] | None = None  # to be told when nothing is under way any more
        self._late: list[tuple[Any, bytes]] = []

    async def start(self) -> None:
        """Begin to answer."""
        self._datagrams: Datagrams[Any] = open_datagrams(self._sock)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock, self._read)

    async def stop(self, *, grace_s: float) -> None:
        """Take no more queries, answer those under way within *grace_s*, close the socket."""
        if self._sock.fileno() < 0:
            return
        self._loop.remove_reader(self._sock)
        if self._under_way:
            self._idle = self._loop.create_future()
            await asyncio.wait({self._idle}, timeout=grace_s)
            for errand in [*self._under_way]:
                errand.cancel()
        self._flush()
        self._sock.close()

    def _read(self) -> None:
        for _ in range(BATCHES):
            questions, hosts = self._datagrams.receive()
            if not questions:
                return
            replies = self._answer_batch(questions, hosts)
            self._pipeline.counters.dropped += self._datagrams.send(replies)
            if len(questions) < BATCH:
                return  # what has come meanwhile is better taken together with what comes next

    def _answer_batch(self, questions: Sequence[bytes], hosts: Sequence[bytes]) -> list[bytes | None]:
        """Return the replies that can be given at once, ``None`` for the others. This loop is what speed is about."""
        now = self._fast.tick()
        callers = self._callers
        caller_of = callers.refresh(now).get
        find = self._fast.find
        replies: list[bytes | None] = []
        reply_with = replies.append
        waiting: list[_Waiting] = []
        limited = 0
        for question, host in zip(questions, hosts, strict=True):
            caller = caller_of(host) or callers.meet(host)
            if caller.left > 0:
                caller.left -= 1
            elif not callers.admit(caller, now):
                limited += 1
                reply_with(None)
                continue
            reply = find(caller.ready, question, now)
            if reply is None:
                waiting.append((len(replies), question, caller))
            reply_with(reply)
        self.counters.limited += limited
        self.counters.ready += len(replies) - limited - len(waiting)
        if waiting:
            self._think(waiting, replies)
        return replies

    def _think(self, waiting: Sequence[_Waiting], replies: list[bytes | None]) -> None:
        """Put the replies to *waiting* into *replies*, as far as nobody needs to be waited for."""
        served: list[tuple[int, Caller, bytes, Client]] = []
        for at, question, caller in waiting:
            raw = self._datagrams.message(at)
            if caller.client is None:
                replies[at] = self._refuse(raw)
            elif len(self._under_way) + len(served) >= MAX_UNDER_WAY:
                self._pipeline.counters.dropped += 1
            else:
                served.append((at, caller, raw, caller.client))
                if uses := self._fast.uses_of_ended(caller.ready, question):
                    self._pipeline.note_uses(raw, uses)
        begun = self._pipeline.begin([(raw, client) for _, _, raw, client in served])
        for (at, caller, raw, client), beginning in zip(served, begun, strict=True):
            replies[at] = self._begin_to_answer(at, caller, raw, client, beginning)

    def _refuse(self, raw: bytes) -> bytes | None:
        self.counters.refused += 1
        is_query = len(raw) > 2 and not raw[2] & _QR
        return _without_id(wire.error_reply(raw, wire.REFUSED)) if is_query else None

    def _begin_to_answer(
        self, at: int, caller: Caller, raw: bytes, client: Client, begun: Begun | None
    ) -> bytes | None:
        generation = self._fast.generation
        work = self._pipeline.reply(raw, client, transport=Transport.UDP, begun=begun)
        errand = Errand(work, self._send_late)
        # Most queries need no upstream and are answered before this returns.
        if not errand.begin():
            self._under_way[errand] = self._datagrams.peer(at)
            return None
        if errand.result is None:
            return None
        self._fast.put(raw, errand.result, profile=caller.profile, generation=generation)
        return _without_id(errand.result.message)

    def _send_late(self, errand: Errand[Reply]) -> None:
        """Send the reply of *errand* with others of this turn of the loop."""
        # It becomes ready when it is asked for again, from the cache: most names are asked for once.
        peer, reply = self._under_way.pop(errand), errand.result
        if reply is not None and reply.message is not None:
            if not self._late:
                self._loop.call_soon(self._flush)
            self._late.append((peer, reply.message))
        if self._idle and not self._under_way and not self._idle.done():
            self._idle.set_result(None)

    def _flush(self) -> None:
        replies, self._late = self._late, []
        if self._sock.fileno() < 0:
            return  # what came in the last moment, after `stop`
        self._pipeline.counters.dropped += self._datagrams.send_late(replies)


def _without_id(reply: bytes | None) -> bytes | None:
    return None if reply is None else reply[ID_SIZE:]
