# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream reached over one connection that is kept open for the next question."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, cast

from filterd.dns.blocking import NO_REACHABLE_AUTHORITY
from filterd.dns.errands import become_task
from filterd.dns.upstream_spec import UpstreamError, UpstreamSpec
from filterd.dns.upstream_tls import ClientContext

ATTEMPT_S = 2.0  # for one question
CONNECT_S = 4.0  # to an address, TCP and TLS: on a slow link longer than a question may take; the next ones profit
AT_ONCE = 100  # questions on a connection: what RFC 9113 §6.5.2 asks HTTP/2 servers to allow at least
MAX_LOST = 2  # connections that ended without an answer to anybody
IDLE_S = 30.0  # home routers forget silent connections without a word, and a question would wait for nothing

FindAddresses = Callable[[UpstreamSpec], Awaitable[Sequence[str]]]


class _Waiting(NamedTuple):
    question: bytes
    answer: asyncio.Future[bytes]


class Channel(asyncio.Protocol, abc.ABC):
    """A connection on which several questions may be under way, each with a number of its own."""

    def __init__(self) -> None:
        self.heard_at = 0.0  # loop time of the last byte received
        self.answered = 0
        self.waiting: dict[int, _Waiting] = {}
        self.transport: asyncio.Transport | None = None
        self.failure = "the connection was closed"
        self.ended = asyncio.Event()

    @property
    def usable(self) -> bool:
        """Whether a question can still be sent."""
        return self.transport is not None and not self.transport.is_closing()

    async def ask(self, question: bytes) -> bytes:
        """Return the answer; a `ConnectionError` means that the connection ended first."""
        if self.transport is None or not self.usable:
            raise ConnectionResetError(self.failure)
        number, frame = self.frame(question)
        waiting = _Waiting(question, asyncio.get_running_loop().create_future())
        self.waiting[number] = waiting
        try:
            self.transport.write(frame)
            return await waiting.answer
        finally:
            del self.waiting[number]
            self.forget(number)

    @abc.abstractmethod
    def frame(self, question: bytes) -> tuple[int, bytes]:
        """Return a number for *question* and the bytes that ask it."""

    def forget(self, number: int) -> None:
        """Nobody waits for *number* any more."""

    def settle(self, waiting: _Waiting, outcome: bytes | Exception) -> None:
        """Give *outcome* to who waits for it; whatever it is, the connection brought it."""
        self.answered += 1
        if isinstance(outcome, Exception):
            waiting.answer.set_exception(outcome)
        else:
            waiting.answer.set_result(outcome)

    def abort(self) -> None:
        """End it; who waits gets a `ConnectionError`."""
        if self.transport:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open connection."""
        self.transport = cast("asyncio.Transport", transport)  # a stream's, for we open no other
        self.heard_at = asyncio.get_running_loop().time()

    def data_received(self, data: bytes) -> None:
        """Take note that the other side lives, and read what it says."""
        self.heard_at = asyncio.get_running_loop().time()
        self.receive(data)

    @abc.abstractmethod
    def receive(self, data: bytes) -> None:
        """Hand each whole answer to who waits for it."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits, and keep what makes the next connection cheaper."""
        secured: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object") if self.transport else None
        if secured and self.answered and isinstance(secured.context, ClientContext):
            secured.context.keep_session(secured)
        for waiting in self.waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(ConnectionResetError(str(exc or "the upstream closed the connection")))
        self.ended.set()


async def addresses_of(spec: UpstreamSpec) -> Sequence[str]:
    """Return the addresses that *spec* came with."""
    return spec.addresses


class Link:
    """The connection to *spec*, opened when it is needed. *make* gives the protocol, *context* TLS or ``None``."""

    def __init__(
        self,
        spec: UpstreamSpec,
        *,
        make: Callable[[], Channel],
        find_addresses: FindAddresses = addresses_of,
        context: ssl.SSLContext | None = None,
        attempt_s: float = ATTEMPT_S,
    ) -> None:
        self._spec = spec
        self._make = make
        self._find_addresses = find_addresses
        self._context = context
        self._attempt_s = attempt_s
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._channel: Channel | None = None
        self._opening: asyncio.Task[Channel] | None = None

    async def ask(self, question: bytes) -> bytes:
        """Return the answer to *question*.

        Raises:
            UpstreamError: none came in time.
        """
        await become_task()
        try:
            async with asyncio.timeout(self._attempt_s), self._slots:
                return await self._ask(question)
        except TimeoutError as error:
            raise UpstreamError("no answer in time", ede=NO_REACHABLE_AUTHORITY) from error
        except ssl.SSLCertVerificationError as error:
            raise UpstreamError(f"its certificate is not to be trusted: {error.verify_message}") from error
        except OSError as error:
            raise UpstreamError(error.strerror or str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """End the connection."""
        if self._opening:
            self._opening.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, UpstreamError):
                await self._opening
        if self._channel:
            self._channel.abort()

    async def _ask(self, question: bytes) -> bytes:
        lost = 0
        while True:
            channel = self._open_channel() or await self._connect()
            answered = channel.answered
            try:
                return await self._ask_on(channel, question)
            except ConnectionError:
                # RFC 7766 §6.2.4: the other side closed while we asked; that says nothing about the question. One that
                # closes after each answer is asked on a new connection until our turn comes.
                lost += channel.answered == answered
                if lost >= MAX_LOST:
                    raise

    async def _ask_on(self, channel: Channel, question: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        started = loop.time()
        # A connection that answered before and is silent now may be one that a router forgot: half of the time is left
        # for a new one.
        patience_s = self._attempt_s / 2
        watch = loop.call_later(patience_s, _end_if_silent, channel, started) if channel.answered else None
        try:
            return await channel.ask(question)
        except asyncio.CancelledError:
            # Time is up, or the client gone. If nothing at all came for long, it is the connection that is dead.
            if loop.time() - started >= patience_s:
                _end_if_silent(channel, started)
            raise
        finally:
            if watch:
                watch.cancel()

    def _open_channel(self) -> Channel | None:
        channel = self._channel
        if channel is None or not channel.usable:
            return None
        if not channel.waiting and asyncio.get_running_loop().time() - channel.heard_at > IDLE_S:
            channel.abort()
            return None
        return channel

    async def _connect(self) -> Channel:
        channel = self._open_channel()
        if channel:
            return channel
        if self._opening is None:
            # A task of its own: one connection for all who wait, which comes about even if they give up before.
            self._opening = asyncio.get_running_loop().create_task(self._open())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    def _opened(self, task: asyncio.Task[Channel]) -> None:
        self._opening = None
        if not task.cancelled() and not task.exception():
            self._channel = task.result()

    async def _open(self) -> Channel:
        failure: OSError = ConnectionError("no address of it is known")
        for address in await self._find_addresses(self._spec):
            try:
                async with asyncio.timeout(CONNECT_S):
                    return await self._open_to(address)
            except ssl.SSLCertVerificationError:
                raise
            except OSError as error:
                failure = error
        raise failure

    async def _open_to(self, address: str) -> Channel:
        name = self._spec.name if self._context else None
        _, channel = await asyncio.get_running_loop().create_connection(
            self._make, address, self._spec.port, ssl=self._context, server_hostname=name
        )
        return channel


def _end_if_silent(channel: Channel, since: float) -> None:
    if channel.heard_at < since:
        channel.abort()
