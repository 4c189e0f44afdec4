# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection of a client: how long it lives, how much it may ask and leave unread.

It lives on by whole questions only: bytes that drip buy no time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from filterd.dns.limits import client_key

if TYPE_CHECKING:
    from filterd.dns.listener import Listener

logger = logging.getLogger(__name__)

MAX_UNDER_WAY = 32  # questions on a connection, which is not read meanwhile: answers that nobody takes are memory
MAX_A_TURN = 32  # questions of a connection, then the loop's other work: who pipelines thousands makes nobody wait
MAX_UNSENT = 256 << 10  # bytes of answers that a client has not taken


class Conversation(asyncio.BufferedProtocol):
    """One connection. A subclass reads its protocol in `receive` and `proceed`, and answers by `start` and `send`."""

    def __init__(self, listener: Listener, address: str) -> None:
        self.listener = listener
        self.address = address
        self.key = client_key(address)
        self.transport: asyncio.Transport | None = None  # what is written to: TLS or plain
        self._socket: asyncio.Transport | None = None  # what is below it; the same where there is no TLS
        self.under_way = 0
        self._blocked = False  # the client does not take what it asked for
        self._last = False  # nothing more is taken: the client said so, or we end
        self._closing = False
        self._ended = False
        self._stepping = False
        self._begun = 0  # questions in this turn of the loop
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + listener.timeouts.first_s
        self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    def receive(self, data: bytes) -> None:
        """Take in *data*."""
        raise NotImplementedError

    def proceed(self) -> None:
        """Begin the questions that are here whole, as long as `must_wait` is false."""
        raise NotImplementedError

    def opened(self) -> None:
        """The transport is there."""

    @property
    def must_wait(self) -> bool:
        """Whether no further question may begin now."""
        turn_is_over = self._begun >= MAX_A_TURN
        return self._blocked or self._closing or self._ended or turn_is_over or self.under_way >= MAX_UNDER_WAY

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Answer one question by *work*; the connection was used."""
        self.touch()
        self.listener.counters.queries += 1
        self.under_way += 1
        self._begun += 1
        if self._begun == 1:
            self._loop.call_soon(self._begin_turn)
        # Eager: most questions need no upstream and are answered before this returns.
        task = asyncio.Task(work, loop=self._loop, eager_start=True)
        if task.done():
            self._conclude(task)
        else:
            self.listener.tasks.add(task)
            task.add_done_callback(self._answered)

    def _begin_turn(self) -> None:
        self._begun, over = 0, self._begun >= MAX_A_TURN
        if over and not self._ended:
            self.step()

    def send(self, data: bytes) -> None:
        """Send *data*; who does not take what it asks for is let go."""
        if not data or self.transport is None or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            self._let_go_unread()
            return
        self.transport.write(data)

    def touch(self) -> None:
        """Note that something whole happened: the connection may stay for longer."""
        self._set_deadline(self.listener.timeouts.idle_s)
        self.listener.gate.connections.touch(self)

    def close(self) -> None:
        """End it once what was sent is taken."""
        if self._closing or self._ended:
            return
        self._closing = True
        if self.transport is None or self._socket is None:
            self.evict()
            return
        self._set_deadline(self.listener.timeouts.send_s)
        all_sent = not self.transport.get_write_buffer_size()
        self.transport.close()
        if all_sent:
            self._socket.close()  # for TLS: the other side's goodbye is not waited for

    def finish(self) -> None:
        """Take no more, answer what is here, then end."""
        self._last = True
        if self.transport is None:
            self.evict()
        else:
            self.step()

    def evict(self) -> None:
        """Close now, whatever is under way."""
        self._closing = True
        if self._socket is not None:
            self._socket.abort()

    def step(self) -> None:
        """Go on as far as the client's bounds allow."""
        if self._stepping:
            return  # writing an answer may tell us at once that there is room for more
        self._stepping = True
        try:
            self.proceed()
        finally:
            self._stepping = False
        if self.transport is None or self.transport.is_closing():
            return
        if self._last and not self.under_way and not self._blocked and self._begun < MAX_A_TURN:
            self.close()
        elif self.must_wait or self._last:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    # What asyncio calls.

    def attach(self, transport: asyncio.Transport) -> None:
        """Take the transport of the socket."""
        self._socket = transport
        if self._closing:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)  # a stream's, for we open no other
        if self._socket is None:
            self.attach(self.transport)
        self.opened()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Return where to read to: all connections share it, for it is emptied at once."""
        return self.listener.scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what was read."""
        if self._closing:
            return
        self.receive(bytes(self.listener.scratch[:nbytes]))
        self.step()

    def eof_received(self) -> bool:
        """Answer what was asked before: the client only said that it asks no more. TLS ends both ways at once."""
        self._last = True
        self.step()
        return self._socket is self.transport

    def pause_writing(self) -> None:
        """Read no more questions while answers are not taken."""
        self._blocked = True
        self._set_deadline(self.listener.timeouts.send_s)

    def resume_writing(self) -> None:
        """Go on."""
        self._blocked = False
        self.touch()
        self.step()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget it."""
        self.end()

    def end(self) -> None:
        """Forget it; also called where it ends before it began."""
        self._ended = True
        self._timer.cancel()
        self.listener.forget(self)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self.listener.tasks.discard(task)
        self._conclude(task)
        if self._ended:
            return
        if not self._closing and not self._blocked:
            self.touch()
        self.step()

    def _conclude(self, task: asyncio.Task[None]) -> None:
        self.under_way -= 1
        if not task.cancelled() and (error := task.exception()):
            logger.error("a connection is closed for a bug", exc_info=error)
            self.evict()

    def _set_deadline(self, seconds: float) -> None:
        self._deadline = self._loop.time() + seconds
        # The timer looks again when it is due: one that is early costs less than a new one for each question.
        if self._deadline < self._timer.when() and not self._ended:
            self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        now = self._loop.time()
        if now >= self._deadline:
            if self._blocked or self._closing:
                self._let_go_unread()
                return
            if not self.under_way:
                self.listener.counters.timed_out += 1
                self.close()
                return
            self._deadline = now + self.listener.timeouts.idle_s  # the upstreams' time, which has an end of its own
        self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    def _let_go_unread(self) -> None:
        self.listener.counters.not_reading += 1
        self.evict()
