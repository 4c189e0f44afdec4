# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions on their way to the control role: datagrams that never hold up an answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from datetime import datetime

import msgspec

from filterd.policy.model import Allow, Block, Decision, Rewrite, Stage

MAX_DATAGRAM = 16 << 10
GATHER_S = 0.2  # decisions wait this long for company: a datagram for each costs both ends more than the answer
MAX_GATHERED = 100  # then they go at once; some 10 kB
MAX_WAITING = 20_000  # while control is busy; a bound for memory
_BATCH_OVERHEAD = 64  # bytes


class Event(msgspec.Struct, frozen=True, tag="decision", omit_defaults=True):
    """One decision: domains only, never a path or query. Without *host* it is the total of many that nobody keeps."""

    action: str  # allow | block | rewrite
    profile: str
    host: str
    when: float  # seconds since the epoch
    stage: str
    cause: str = ""
    category: str = ""
    rule: str = ""
    list: str = ""
    count: int = 1  # times that it was carried out; *when* is the last


class Batch(msgspec.Struct, frozen=True, tag="decisions"):
    """Decisions that travel together."""

    events: tuple[Event, ...]


class RoleState(msgspec.Struct, frozen=True, tag="role", omit_defaults=True):
    """What the supervisor knows of a role."""

    name: str
    state: str  # starting | ready | died | stopped
    pid: int = 0
    restarts: int = 0
    problem: str = ""


class UpstreamCounted(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an upstream has been since the start; latencies in milliseconds."""

    name: str
    asked: int = 0
    failed: int = 0
    up: bool = True
    mean_ms: float = 0.0
    p95_ms: float = 0.0
    error: str = ""


class Counted(msgspec.Struct, frozen=True, tag="counted", omit_defaults=True):
    """What a role counted itself since its start, and how many decisions were lost on the way here."""

    name: str
    dropped: int = 0
    counters: dict[str, int] = {}
    upstreams: tuple[UpstreamCounted, ...] = ()


Message = Event | Batch | RoleState | Counted
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return *message* as one datagram."""
    return _encoder.encode(message)


def decode(datagram: bytes) -> Message:
    """Return the message in *datagram*.

    Raises:
        ValueError: it is none of ours.
    """
    return _decoder.decode(datagram)


_STAGES = {stage: stage.name.lower() for stage in Stage}


def event_of(decision: Decision, *, count: int = 1, when: datetime | None = None) -> Event:
    """Return what is told of *decision*, carried out *count* times; *when* last, if that was not when it was made."""
    request, verdict = decision.request, decision.verdict
    match verdict:
        case Allow():
            action = "allow"
        case Block():
            action = "block"
        case Rewrite():
            action = "rewrite"
    reason = verdict.reason
    return Event(
        action=action,
        profile=decision.profile,
        host=request.host,
        when=(when or request.when).timestamp(),
        stage=_STAGES[request.stage],
        cause=reason.cause.value if reason else "",
        category=(reason.category or "") if reason else "",
        rule=(reason.rule or "") if reason else "",
        list=(reason.list or "") if reason else "",
        count=count,
    )


def _join(events: list[bytes]) -> bytes:
    """Return *events*, encoded each, as one datagram."""
    return events[0] if len(events) == 1 else _encoder.encode(_EncodedBatch([msgspec.Raw(event) for event in events]))


class _EncodedBatch(msgspec.Struct, frozen=True, tag="decisions"):
    """A `Batch` whose events are encoded already."""

    events: list[msgspec.Raw]


class Sender:
    """Sends decisions to a datagram socket, or counts what it could not send.

    In a running loop decisions are gathered for `GATHER_S` and sent together; without one each goes at once.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._waiting: deque[tuple[bytes, int]] = deque()  # events as they travel, with their counts
        self._flushing: asyncio.TimerHandle | None = None
        self.dropped = 0

    def send(self, decision: Decision, *, count: int = 1, when: datetime | None = None) -> None:
        """Send *decision*, carried out *count* times, *when* last.

        When control is away or too slow it is dropped and counted, never waited for.
        """
        self.send_event(event_of(decision, count=count, when=when))

    def send_event(self, event: Event) -> None:
        """Send *event*, on the same terms."""
        self._waiting.append((encode(event), event.count))
        if self._flushing is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self._send_waiting(keep=False)
            else:
                self._flushing = loop.call_later(GATHER_S, self._flush, loop)
        elif len(self._waiting) % MAX_GATHERED == 0:
            self._send_waiting(keep=len(self._waiting) < MAX_WAITING)

    def post(self, message: Message) -> None:
        """Send *message* at once, on the same terms."""
        try:
            self._transmit(encode(message))
        except OSError:
            self.dropped += 1

    def close(self) -> None:
        """Send what was gathered and let go of the socket."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._send_waiting(keep=False)
        self._disconnect()

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._send_waiting(keep=True)
        self._flushing = loop.call_later(GATHER_S, self._flush, loop) if self._waiting else None

    def _send_waiting(self, *, keep: bool) -> None:
        """Send what was gathered; what control has no room for is kept for the next time, or dropped."""
        while self._waiting:
            taken = self._take_datagram()
            try:
                self._transmit(_join([event for event, _ in taken]))
            except BlockingIOError:
                if keep:
                    self._waiting.extendleft(reversed(taken))
                    return
                self.dropped += sum(count for _, count in taken)
            except OSError:
                self.dropped += sum(count for _, count in taken)

    def _take_datagram(self) -> list[tuple[bytes, int]]:
        waiting = self._waiting
        taken = [waiting.popleft()]
        room = MAX_DATAGRAM - _BATCH_OVERHEAD - len(taken[0][0])
        while waiting and len(taken) < MAX_GATHERED and (room := room - len(waiting[0][0])) >= 0:
            taken.append(waiting.popleft())
        return taken

    def _transmit(self, datagram: bytes) -> None:
        try:
            if self._socket is None:
                self._socket = self._connect()
            self._socket.send(datagram)
        except OSError:
            self._disconnect_if_gone()
            raise

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        connection.setblocking(False)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        return connection

    def _disconnect_if_gone(self) -> None:
        """A receiver that was restarted has another socket; a full one is the same and kept."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.getpeername()
                return
            self._disconnect()
