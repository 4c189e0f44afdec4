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
from filterd.dns.callers import Caller, Callers
from filterd.dns.datagrams import Datagrams, open_datagrams
from filterd.dns.fastpath import FastPath
from filterd.dns.pipeline import Pipeline, Transport

BATCHES = 4  # taken at a time, then the loop's other work
MAX_UNDER_WAY = 4096  # waiting for an upstream; a bound for memory
_QR = wire.QR >> 8


@dataclass(slots=True)
class UdpCounters:
    """What never reached the pipeline."""

    ready: int = 0  # answered with a ready answer
    limited: int = 0  # not answered: the client asks too much
    refused: int = 0  # not served at that address


@dataclass(slots=True)
class _Late:
    """What a query is to know that was not answered together with its batch."""

    task: asyncio.Task[bytes | None] | None = None
    peer: Any = None  # as the socket's `Datagrams` gives it


class UdpServer:
    """Answers what comes to *sock*, which is bound."""

    def __init__(self, sock: socket.socket, pipeline: Pipeline, callers: Callers, fast: FastPath) -> None:
        self.counters = UdpCounters()
        self._sock = sock
        self._pipeline = pipeline
        self._callers = callers
        self._fast = fast
        self._tasks: set[asyncio.Task[bytes | None]] = set()
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
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
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
        thought = 0
        for question, host in zip(questions, hosts, strict=True):
            caller = caller_of(host) or callers.meet(host)
            if caller.left > 0:
                caller.left -= 1
            elif not callers.admit(caller, now):
                self.counters.limited += 1
                thought += 1
                reply_with(None)
                continue
            reply = find(caller.ready, question, now)
            if reply is None:
                thought += 1
                reply = self._think(caller, question, len(replies))
            reply_with(reply)
        self.counters.ready += len(replies) - thought
        return replies

    def _think(self, caller: Caller, question: bytes, at: int) -> bytes | None:
        """Return the reply without id to *question*, message *at* of the batch, if nobody needs to be waited for."""
        raw = self._datagrams.message(at)
        if caller.client is None:
            self.counters.refused += 1
            is_query = len(raw) > 2 and not raw[2] & _QR
            return _without_id(wire.error_reply(raw, wire.REFUSED)) if is_query else None
        if len(self._tasks) >= MAX_UNDER_WAY:
            self._pipeline.counters.dropped += 1
            return None
        if uses := self._fast.uses_of_ended(caller.ready, question):
            self._pipeline.note_uses(raw, uses)
        # Eager: most queries need no upstream and are answered before this returns. A set and no TaskGroup, for
        # that would want a task of its own for as long as we serve.
        late = _Late()
        task = asyncio.Task(self._ask_pipeline(raw, caller, late), loop=self._loop, eager_start=True)
        if task.done():
            return _without_id(task.result())
        late.task, late.peer = task, self._datagrams.peer(at)
        self._tasks.add(task)
        return None

    async def _ask_pipeline(self, raw: bytes, caller: Caller, late: _Late) -> bytes | None:
        assert caller.client is not None  # noqa: S101 (asked before)
        generation = self._fast.generation
        try:
            reply = await self._pipeline.reply(raw, caller.client, transport=Transport.UDP)
        finally:
            if late.task is not None:
                self._tasks.discard(late.task)
        if late.task is None:
            self._fast.put(raw, reply, profile=caller.profile, generation=generation)
        elif reply.message is not None:
            # It becomes ready when it is asked for again, from the cache: most names are asked for once.
            self._send_late(late.peer, reply.message)
        return reply.message

    def _send_late(self, peer: Any, reply: bytes) -> None:
        """Send *reply* with others of this turn of the loop."""
        if not self._late:
            self._loop.call_soon(self._flush)
        self._late.append((peer, reply))

    def _flush(self) -> None:
        replies, self._late = self._late, []
        self._pipeline.counters.dropped += self._datagrams.send_late(replies)


def _without_id(reply: bytes | None) -> bytes | None:
    return None if reply is None else reply[ID_SIZE:]
