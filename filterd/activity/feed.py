# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions on their way to the control role: datagrams that never hold up an answer."""

from __future__ import annotations

import contextlib
import socket

import msgspec

from filterd.policy.model import Allow, Block, Decision, Rewrite

MAX_DATAGRAM = 16 << 10


class Event(msgspec.Struct, frozen=True, tag="decision", omit_defaults=True):
    """One decision: domains only, never a path or query."""

    action: str  # allow | block | rewrite
    profile: str
    host: str
    when: float  # seconds since the epoch
    stage: str
    cause: str = ""
    category: str = ""
    rule: str = ""
    list: str = ""


class RoleState(msgspec.Struct, frozen=True, tag="role", omit_defaults=True):
    """What the supervisor knows of a role."""

    name: str
    state: str  # starting | ready | died | stopped
    pid: int = 0
    restarts: int = 0
    problem: str = ""


class Counted(msgspec.Struct, frozen=True, tag="counted", omit_defaults=True):
    """What a role counted itself and lost on the way here."""

    name: str
    dropped: int = 0


Message = Event | RoleState | Counted
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


def event_of(decision: Decision) -> Event:
    """Return what is told of *decision*."""
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
        when=request.when.timestamp(),
        stage=request.stage.name.lower(),
        cause=reason.cause.value if reason else "",
        category=(reason.category or "") if reason else "",
        rule=(reason.rule or "") if reason else "",
        list=(reason.list or "") if reason else "",
    )


class Sender:
    """Sends decisions to a datagram socket, or counts what it could not send."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self.dropped = 0

    def send(self, decision: Decision) -> None:
        """Send *decision*; when control is away or slow it is dropped and counted, never waited for."""
        self.post(event_of(decision))

    def post(self, message: Message) -> None:
        """Send *message* on the same terms."""
        try:
            if self._socket is None:
                self._socket = self._connect()
            self._socket.send(encode(message))
        except OSError:
            self.dropped += 1
            self._disconnect_if_gone()

    def close(self) -> None:
        """Let go of the socket."""
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
            self.close()
