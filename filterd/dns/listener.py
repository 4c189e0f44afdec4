# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come in, and how many stay, at a listening socket.

It accepts for itself: asyncio's own accept admits anybody, and when descriptors run out says so in a hundred tracebacks
at a time.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from filterd.dns.access import Access
from filterd.dns.conversation import Conversation
from filterd.dns.limits import ConnectionLimits, RateLimiter, client_key

logger = logging.getLogger(__name__)

READ_SIZE = 16 << 10  # at a time from one connection, which holds no more of what is not yet answered
MAX_ALL_UNDER_WAY = 4096  # questions on a listener
_ACCEPT_BATCH = 64  # connections at a time, then the loop's other work
_EXHAUSTED_PAUSE_S = 0.1
_EXHAUSTED_ROOM = 16  # connections that make room when descriptors run out
_TELL_AGAIN_S = 60.0


@dataclass(slots=True)
class StreamCounters:
    """What happened on a listener since the start."""

    accepted: int = 0
    queries: int = 0
    refused: int = 0  # from addresses that are not served
    timed_out: int = 0  # connections on which nothing whole came in time
    malformed: int = 0  # connections that spoke something else, requests that asked nothing
    not_reading: int = 0  # connections that asked and did not take the answers
    rate_limited: int = 0  # queries and TLS handshakes
    overloaded: int = 0  # queries refused because too many were under way
    exhausted: int = 0  # times that no connection could be accepted: no descriptor, no memory


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a connection has: for its first question (TLS handshake included), for the next, to take answers."""

    first_s: float = 5.0
    idle_s: float = 10.0  # RFC 7766 §6.2.3: a few seconds
    send_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Gate:
    """Who comes in: *access* says whether, *connections* how many, *queries* and *handshakes* how often.

    Listeners may share one; a rate of 0 is no limit.
    """

    access: Access = field(default_factory=Access)
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    queries: RateLimiter = field(default_factory=lambda: RateLimiter(0, 0))
    # A handshake costs as much as ten answers; a school behind one address makes many when the day begins.
    handshakes: RateLimiter = field(default_factory=lambda: RateLimiter(20, 200))


class Listener:
    """Accepts on *sock*, which listens, and has *converse* make a conversation for each client that *gate* lets in."""

    def __init__(
        self,
        sock: socket.socket,
        converse: Callable[[Listener, str], Conversation],
        *,
        gate: Gate,
        timeouts: Timeouts,
        wrap: Callable[[Conversation], asyncio.BaseProtocol] | None = None,
    ) -> None:
        self.gate = gate
        self.timeouts = timeouts
        self.counters = StreamCounters()
        self.tasks: set[asyncio.Task[None]] = set()
        self.scratch = memoryview(bytearray(READ_SIZE))
        self._sock = sock
        self._converse = converse
        self._wrap = wrap
        self._conversations: set[Conversation] = set()
        self._empty = asyncio.Event()
        self._retry: asyncio.TimerHandle | None = None
        self._told = -_TELL_AGAIN_S

    async def start(self) -> None:
        """Begin to accept."""
        self._loop = asyncio.get_running_loop()
        self._sock.setblocking(False)
        self._loop.add_reader(self._sock, self._accept)

    async def stop(self, *, grace_s: float) -> None:
        """Take no more, answer what is under way within *grace_s*, close everything."""
        if self._sock.fileno() < 0:
            return
        if self._retry:
            self._retry.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()
        for conversation in list(self._conversations):
            conversation.finish()
        try:
            async with asyncio.timeout(grace_s):
                while self._conversations or self.tasks:
                    self._empty.clear()
                    await self._empty.wait() if self._conversations else await asyncio.wait(self.tasks)
        except TimeoutError:
            await self._end_now()

    def is_overloaded(self) -> bool:
        """Return whether as many questions are under way as may be."""
        return len(self.tasks) >= MAX_ALL_UNDER_WAY

    def forget(self, conversation: Conversation) -> None:
        """Take note that *conversation* is over."""
        self._conversations.discard(conversation)
        self.gate.connections.leave(conversation)
        if not self._conversations:
            self._empty.set()

    async def _end_now(self) -> None:
        for conversation in list(self._conversations):
            conversation.evict()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.sleep(0)  # for the transports to close

    def _accept(self) -> None:
        for _ in range(_ACCEPT_BATCH):
            try:
                sock, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue  # gone before it was taken
            except OSError as error:
                self._wait_for_room(error)
                return
            self._admit(sock, str(peer[0]))

    def _admit(self, sock: socket.socket, address: str) -> None:
        if not self.gate.access.allows(address):
            self.counters.refused += 1
            sock.close()
            return
        if self._wrap and not self.gate.handshakes.admit(client_key(address)):
            self.counters.rate_limited += 1
            sock.close()
            return
        self.counters.accepted += 1
        sock.setblocking(False)
        conversation = self._converse(self, address)
        self._conversations.add(conversation)
        self.gate.connections.enter(conversation, address)
        task = self._loop.create_task(self._open(conversation, sock))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _open(self, conversation: Conversation, sock: socket.socket) -> None:
        protocol = self._wrap(conversation) if self._wrap else conversation
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError:
            sock.close()  # gone already
            conversation.end()

    def _wait_for_room(self, error: OSError) -> None:
        """Let go of who is idle and try again soon: the system says "ready" on and on, which would be a busy loop."""
        self.counters.exhausted += 1
        for _ in range(_EXHAUSTED_ROOM):
            self.gate.connections.make_room()
        self._loop.remove_reader(self._sock)
        self._retry = self._loop.call_later(_EXHAUSTED_PAUSE_S, self._loop.add_reader, self._sock, self._accept)
        if time.monotonic() - self._told >= _TELL_AGAIN_S:
            self._told = time.monotonic()
            logger.warning("no connection can be accepted: %s; idle ones are closed", error.strerror or error)
