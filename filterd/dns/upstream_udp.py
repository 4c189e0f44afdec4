# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream asked by UDP, with what makes a forged answer unlikely (RFC 5452).

A socket for each question costs more than the question: here a few sockets, each on a random port that the system
chose, take questions in turn and are replaced after a few dozen of them or a few seconds. What a forger must guess
stays the same: the port, the id and the letter case.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from dataclasses import dataclass, field
from typing import NamedTuple

from filterd.dns import wire
from filterd.dns.answer import is_answer_to, is_truncated
from filterd.dns.blocking import NO_REACHABLE_AUTHORITY
from filterd.dns.errands import Word
from filterd.dns.upstream_link import Link
from filterd.dns.upstream_spec import UpstreamError, UpstreamSpec

ATTEMPT_S = 1.0
RESEND_SHARE = 0.4  # of an attempt, then the question is sent once more: radio links lose datagrams
PORTS = 4  # taking questions at a time
QUESTIONS_A_PORT = 64
PORT_LIFE_S = 5.0
MAX_UNDER_WAY = 4096  # questions at a time; a bound for memory
MAX_STRANGE = 2 * QUESTIONS_A_PORT  # datagrams that answer nothing: more than answers that came late or twice
_READ_AT_ONCE = 64
_MAX_DATAGRAM = 4096  # we offer 1232; what is longer comes cut, and is asked for by TCP
_ID_SIZE = 2
_DRAW_SIZE, _DRAWS = _ID_SIZE + 1, 256
_OPT_SIZE = len(wire.opt_record(do=False))
_BY_TCP = b""
_new = tuple.__new__  # what _Asked() comes to, without its Python in between


class _Asked(NamedTuple):
    packet: bytes
    answer: Word[bytes]
    sent_at: float


@dataclass(slots=True, eq=False)
class _Port:
    """A connected socket: it lets through only what comes from the upstream, and says when nobody is there."""

    sock: socket.socket
    address_at: int
    retire_at: float
    waiting: dict[bytes, _Asked] = field(default_factory=dict)  # oldest first
    asked: int = 0
    resent_to: float = 0.0  # what was sent until then was sent again
    strange: int = 0


class UdpUpstream:
    """One upstream; *by_tcp* is asked what does not fit into a datagram."""

    def __init__(self, spec: UpstreamSpec, *, by_tcp: Link, attempt_s: float = ATTEMPT_S) -> None:
        self._addresses = spec.addresses
        self._address_at = 0
        self._port = spec.port
        self._by_tcp = by_tcp
        self._attempt_s = attempt_s
        self._ports: list[_Port] = []
        self._retired: set[_Port] = set()  # they wait for their answers
        self._under_way = 0
        self._answered_at = 0.0  # when the last question was sent that was answered
        self._random = b""
        self._drawn = 0
        self._tick: asyncio.TimerHandle | None = None
        self._answers: list[tuple[Word[bytes], bytes]] = []  # read and not yet told

    async def ask(self, question: bytes) -> bytes:
        """Return the answer to *question*, which `wire.make_question` made.

        Raises:
            UpstreamError: none came in time.
        """
        if self._under_way >= MAX_UNDER_WAY:
            raise UpstreamError("too many questions wait for it", ede=NO_REACHABLE_AUTHORITY)
        self._under_way += 1
        try:
            port, number, asked = self._send(question)
            answer = await asked.answer
        except OSError as error:
            raise UpstreamError(error.strerror or str(error)) from error
        except asyncio.CancelledError:
            if port.waiting.get(number) is asked:
                del port.waiting[number]
            raise
        finally:
            self._under_way -= 1
        return await self._by_tcp.ask(question) if answer is _BY_TCP else answer

    async def close(self) -> None:
        """Let go of the sockets; who waits for an answer is told."""
        if self._tick:
            self._tick.cancel()
            self._tick = None
        for port in (*self._ports, *self._retired):
            self._fail_all(port, UpstreamError("the upstream was let go"))
            self._close(port)
        self._ports.clear()
        self._retired.clear()
        await self._by_tcp.close()

    def _send(self, question: bytes) -> tuple[_Port, bytes, _Asked]:
        """Send *question*; return from where, under what number, and what its answer will be: `_BY_TCP`: ask TCP."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        drawn = self._draw()
        port = self._choose_port(loop, now, drawn[_ID_SIZE])
        number = drawn[:_ID_SIZE]
        while number in port.waiting:
            number = self._draw()[:_ID_SIZE]
        packet = number + question[_ID_SIZE:]
        asked = _new(_Asked, (packet, Word(), now))
        try:
            port.sock.send(packet)
        except OSError as error:
            self._give_up(port, error)
            raise
        port.waiting[number] = asked
        port.asked += 1
        return port, number, asked

    def _draw(self) -> bytes:
        """Return random bytes, an id and one more: many are fetched at a time, for each fetching is a system call."""
        at = self._drawn
        if at >= len(self._random):
            self._random, at = os.urandom(_DRAW_SIZE * _DRAWS), 0
        self._drawn = at + _DRAW_SIZE
        return self._random[at : at + _DRAW_SIZE]

    def _choose_port(self, loop: asyncio.AbstractEventLoop, now: float, drawn: int) -> _Port:
        if len(self._ports) == PORTS:
            port = self._ports[drawn % PORTS]
            if port.asked < QUESTIONS_A_PORT and now < port.retire_at:
                return port
            self._ports.remove(port)
            self._retire(port)
        port = self._open(loop)
        self._ports.append(port)
        return port

    def _open(self, loop: asyncio.AbstractEventLoop) -> _Port:
        failure: OSError = ConnectionError("no address of it is known")
        for _ in self._addresses:
            try:
                sock = _connect(self._addresses[self._address_at], self._port)
            except OSError as error:  # no way there, as to IPv6 addresses from many homes
                failure = error
                self._next_address(self._address_at)
                continue
            port = _Port(sock, self._address_at, loop.time() + PORT_LIFE_S)
            loop.add_reader(sock, self._read, port)
            if self._tick is None:
                self._tick = loop.call_later(self._attempt_s / 10, self._on_tick, loop)
            return port
        raise failure

    def _read(self, port: _Port) -> None:
        self._receive(port)
        # Only now: who is told goes on at once, and may ask again.
        answers, self._answers = self._answers, []
        for waiting, answer in answers:
            waiting.say(answer)

    def _receive(self, port: _Port) -> None:
        for _ in range(_READ_AT_ONCE):
            try:
                message = port.sock.recv(_MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._give_up(port, error)
                return
            self._take(port, message)
            # Nothing more is owed: no need to be told by the system that nothing more is there.
            if not port.waiting:
                break
        if not port.waiting and port in self._retired:
            self._retired.discard(port)
            self._close(port)

    def _take(self, port: _Port, message: bytes) -> None:
        number = message[:_ID_SIZE]
        asked = port.waiting.get(number)
        answer = _judge(message, asked.packet) if asked else None
        if asked and answer is not None:
            self._answered_at = max(self._answered_at, asked.sent_at)
            del port.waiting[number]
            self._answers.append((asked.answer, answer))
            return
        port.strange += 1
        if port.strange > MAX_STRANGE:
            # Somebody guesses. TCP cannot be guessed into.
            self._answers += [(asked.answer, _BY_TCP) for asked in port.waiting.values()]
            port.waiting.clear()
            port.retire_at = 0.0

    def _on_tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what waits too long: one timer for all costs less than one for each."""
        now = loop.time()
        for port in (*self._ports, *self._retired):
            self._end_overdue(port, now - self._attempt_s)
            self._resend(port, now - self._attempt_s * RESEND_SHARE)
        for port in [port for port in self._ports if now >= port.retire_at]:
            self._ports.remove(port)
            self._retire(port)
        self._tick = None
        if self._ports or self._retired:
            self._tick = loop.call_later(self._attempt_s / 10, self._on_tick, loop)

    def _end_overdue(self, port: _Port, sent_before: float) -> None:
        overdue = list(itertools.takewhile(lambda number: port.waiting[number].sent_at <= sent_before, port.waiting))
        for number in overdue:
            asked = port.waiting.pop(number)
            if asked.sent_at > self._answered_at:  # not one slow name: nothing asked since was answered either
                self._next_address(port.address_at)
            _fail(asked, UpstreamError("no answer in time", ede=NO_REACHABLE_AUTHORITY))
        if not port.waiting and port in self._retired:
            self._retired.discard(port)
            self._close(port)

    def _resend(self, port: _Port, sent_before: float) -> None:
        for asked in port.waiting.values():
            if asked.sent_at > sent_before:
                break
            if asked.sent_at > port.resent_to:
                try:
                    port.sock.send(asked.packet)
                except OSError as error:
                    self._give_up(port, error)
                    return
        port.resent_to = sent_before

    def _next_address(self, failed_at: int) -> None:
        """Ask the address after *failed_at* from now on, unless another is asked already, and from new ports.

        The ports are left for one address too: after a change of network they send from an address that is no more.
        """
        if failed_at != self._address_at:
            return
        self._address_at = (failed_at + 1) % len(self._addresses)
        for port in self._ports:
            self._retire(port)
        self._ports.clear()

    def _retire(self, port: _Port) -> None:
        if port.waiting:
            self._retired.add(port)
        else:
            self._close(port)

    def _give_up(self, port: _Port, error: OSError) -> None:
        if port in self._ports:
            self._ports.remove(port)
        self._retired.discard(port)
        self._fail_all(port, error)
        self._close(port)
        self._next_address(port.address_at)

    def _fail_all(self, port: _Port, error: Exception) -> None:
        for asked in port.waiting.values():
            _fail(asked, error)
        port.waiting.clear()

    def _close(self, port: _Port) -> None:
        if port.sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(port.sock)
            port.sock.close()


def _fail(asked: _Asked, error: Exception) -> None:
    # Soon, and not in the middle of what is being done to the ports: who is told goes on at once, and may ask again.
    asyncio.get_running_loop().call_soon(asked.answer.fail, error)


def _connect(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _judge(message: bytes, packet: bytes) -> bytes | None:
    """Return *message* if it answers *packet*, `_BY_TCP` where TCP must tell, ``None`` for something else."""
    end = len(packet) - _OPT_SIZE if packet[11] else len(packet)
    # The usual answer, known without reading it: the question is repeated byte for byte.
    same = message[4:6] == b"\0\1" and message[2] & 0x80 and message[12:end] == packet[12:end]
    if not same and not is_answer_to(message, packet, same_case=True):
        # A resolver that changes letter case, or a forger who did not see ours.
        return _BY_TCP if is_answer_to(message, packet, same_case=False) else None
    return _BY_TCP if is_truncated(message) or len(message) == _MAX_DATAGRAM else message
