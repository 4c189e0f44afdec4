# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams in batches: two system calls for many, on buffers that are laid out once."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import socket
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple, cast

from filterd.dns.peer import ANCILLARY_SIZE, Ancillary, as_sources, is_wildcard

MAX_QUERY = 4096  # longer ones arrive cut, and are answered FORMERR
BATCH = 64
ID_SIZE = 2

# One slot a datagram: its sender's address, then the message. Those longer than a slot go on in the overflow: what is
# copied for a batch stays small.
_SLOT, _NAME_SIZE = 256, 32
_IN_SLOT = _SLOT - _NAME_SIZE
_QUESTIONS = range(_NAME_SIZE + ID_SIZE, BATCH * _SLOT, _SLOT)  # where messages begin, ids left out
_REPLIES = BATCH << 16  # room for the longest replies; pages that nobody touches cost nothing

# struct mmsghdr on 64 bits, in words of 8: name, its length, iovec, number of them, control, its length, flags, length.
_WORDS = 8
_NAME, _NAME_LENGTH, _IOV, _IOV_COUNT, _CONTROL, _CONTROL_LENGTH, _LENGTH = 0, 1, 2, 3, 4, 5, 7
_WORDS_OF_TWO_IOVS = 4  # address and length of each
_cmsg = struct.Struct("@Nii")
_MAX_SOURCES = 1024  # pairs of an address of ours and an interface


def can_batch() -> bool:
    """Return whether the system takes and gives many datagrams at once, laid out as we know it."""
    known = sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8 and sys.byteorder == "little"
    return known and hasattr(_libc(), "recvmmsg") and hasattr(_libc(), "sendmmsg")


class Sender(NamedTuple):
    """Who sent a datagram and to which of our addresses, as the system writes them."""

    name: bytes
    control: bytes


class Batches:
    """A socket on Linux: `recvmmsg` and `sendmmsg` on buffers that are laid out once."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self._v6 = sock.family == socket.AF_INET6
        self._wildcard = is_wildcard(sock)
        self._receive_call: Callable[..., int] = _libc().recvmmsg
        self._send_call: Callable[..., int] = _libc().sendmmsg
        self._pinned: list[ctypes.Array[ctypes.c_char]] = []
        self._data = b""
        self._lengths: list[int] = []
        self._lay_out_input()
        self._lay_out_output()

    def _lay_out_input(self) -> None:
        self._slots = bytearray(BATCH * _SLOT)
        self._slots_view = memoryview(self._slots)
        self._overflow = bytearray(BATCH * MAX_QUERY)
        self._controls = bytearray(BATCH * ANCILLARY_SIZE)
        slots, overflow, controls = map(self._pin, (self._slots, self._overflow, self._controls))
        self._in_iovs = array("Q")
        for at in range(BATCH):
            self._in_iovs.extend((slots + at * _SLOT + _NAME_SIZE, _IN_SLOT))
            self._in_iovs.extend((overflow + at * MAX_QUERY, MAX_QUERY - _IN_SLOT))
        iovs = self._pin(self._in_iovs)
        self._in_headers = array("Q", bytes(BATCH * _WORDS * 8))
        for at in range(BATCH):
            header = at * _WORDS
            self._in_headers[header + _NAME] = slots + at * _SLOT
            self._in_headers[header + _NAME_LENGTH] = 28
            self._in_headers[header + _IOV] = iovs + at * 32
            self._in_headers[header + _IOV_COUNT] = 2
            if self._wildcard:
                self._in_headers[header + _CONTROL] = controls + at * ANCILLARY_SIZE
                self._in_headers[header + _CONTROL_LENGTH] = ANCILLARY_SIZE
        self._in_template = bytes(self._in_headers)
        self._in_at = self._pin(self._in_headers)
        self._in_bytes = memoryview(self._in_headers).cast("B")
        self._in_words = memoryview(self._in_headers)
        # struct sockaddr_in6: address and scope; struct sockaddr_in: address.
        start, end = (8, 28) if self._v6 else (4, 8)
        self._hosts = [slice(at + start, at + end) for at in range(0, BATCH * _SLOT, _SLOT)]

    def _lay_out_output(self) -> None:
        self._out = bytearray(_REPLIES)
        self._out_at = self._pin(self._out)
        self._out_iovs = array("Q", bytes(BATCH * _WORDS_OF_TWO_IOVS * 8))
        self._sources = bytearray(BATCH * ANCILLARY_SIZE)
        self._prepared: dict[bytes, bytes] = {}
        iovs, sources = self._pin(self._out_iovs), self._pin(self._sources)
        self._out_headers = array("Q", bytes(BATCH * _WORDS * 8))
        for at in range(BATCH):
            header = at * _WORDS
            self._out_headers[header + _NAME_LENGTH] = 28 if self._v6 else 16
            self._out_headers[header + _IOV] = iovs + at * _WORDS_OF_TWO_IOVS * 8
            self._out_headers[header + _IOV_COUNT] = 2
            self._out_iovs[at * _WORDS_OF_TWO_IOVS + 1] = ID_SIZE  # the id is sent from where it was received
            if self._wildcard:
                self._out_headers[header + _CONTROL] = sources + at * ANCILLARY_SIZE
        self._late = bytearray(BATCH * _NAME_SIZE)
        late = self._pin(self._late)
        self._late_names = array("Q", range(late, late + BATCH * _NAME_SIZE, _NAME_SIZE))
        self._names = self._in_headers[_NAME::_WORDS]
        self._ids = array("Q", [name + _NAME_SIZE for name in self._names])
        self._return_to(self._names, self._ids)
        self._headers_at = self._pin(self._out_headers)
        self._in_place = True  # header n of the output is for datagram n of the input

    def receive(self) -> tuple[list[bytes], list[bytes]]:
        """Return what has arrived."""
        if self._wildcard:
            self._in_bytes[:] = self._in_template  # the system wrote how much of the control room it used
        count = self._receive_call(self._fd, self._in_at, BATCH, socket.MSG_DONTWAIT, None)
        if count <= 0:
            # Nothing there, or an error of an answer sent before (its receiver is gone): asked again when readable.
            return [], []
        data = self._data = bytes(self._slots_view[: count * _SLOT])
        lengths = self._in_words[_LENGTH : count * _WORDS : _WORDS].tolist()
        self._lengths = lengths
        if max(lengths) <= _IN_SLOT:
            places = zip(_QUESTIONS, lengths, strict=False)
            messages = [data[at : at + length - ID_SIZE] for at, length in places]
        else:
            messages = [self.message(at)[ID_SIZE:] for at in range(count)]
        return messages, [data[place] for place in self._hosts[:count]]

    def message(self, at: int) -> bytes:
        """Return message *at* of the last batch."""
        start, length = at * _SLOT + _NAME_SIZE, self._lengths[at]
        if length <= _IN_SLOT:
            return self._data[start : start + length]
        message = self._data[start : start + _IN_SLOT]
        return message + self._overflow[at * MAX_QUERY : at * MAX_QUERY + length - _IN_SLOT]

    def peer(self, at: int) -> Sender:
        """Return the sender of message *at* of the last batch."""
        start = at * _SLOT
        return Sender(self._data[start : start + _NAME_SIZE], self._control(at) if self._wildcard else b"")

    def send(self, replies: Sequence[bytes | None]) -> int:
        """Answer the last batch; return how many could not be sent."""
        if not any(replies):
            return 0
        ready = self._address(replies)
        block = b"".join(ready)
        self._out[: len(block)] = block
        lengths = list(map(len, ready))
        starts = list(accumulate(lengths, initial=self._out_at))
        end = len(lengths) * _WORDS_OF_TWO_IOVS
        self._out_iovs[2:end:_WORDS_OF_TWO_IOVS] = array("Q", starts[:-1])
        self._out_iovs[3:end:_WORDS_OF_TWO_IOVS] = array("Q", lengths)
        return self._send_prepared(len(ready))

    def _address(self, replies: Sequence[bytes | None]) -> Sequence[bytes]:
        """Return those of *replies* that there are, with the headers made ready for them."""
        ready: Sequence[bytes]
        if all(replies):
            ready = cast("Sequence[bytes]", replies)
            chosen: Sequence[int] = range(len(ready))
            if not self._in_place:
                self._return_to(self._names, self._ids)
                self._in_place = True
        else:
            ready = [reply for reply in replies if reply]
            chosen = [at for at, reply in enumerate(replies) if reply]
            names, ids = ([places[at] for at in chosen] for places in (self._names, self._ids))
            self._return_to(array("Q", names), array("Q", ids))
            self._in_place = False
        if self._wildcard:
            self._choose_sources(map(self._control, chosen))
        return ready

    def send_late(self, replies: Sequence[tuple[Sender, bytes]]) -> int:
        """Answer the senders of earlier batches; return how many could not be sent."""
        lost = 0
        for first in range(0, len(replies), BATCH):
            lost += self._send_some_late(replies[first : first + BATCH])
        return lost

    def _send_some_late(self, replies: Sequence[tuple[Sender, bytes]]) -> int:
        count, messages = len(replies), [message for _, message in replies]
        block, names = b"".join(messages), b"".join([sender.name for sender, _ in replies])
        self._out[: len(block)] = block
        self._late[: len(names)] = names
        lengths = list(map(len, messages))
        starts = list(accumulate(lengths, initial=self._out_at))[:-1]
        self._return_to(self._late_names[:count], array("Q", starts))
        self._in_place = False
        end = count * _WORDS_OF_TWO_IOVS
        self._out_iovs[2:end:_WORDS_OF_TWO_IOVS] = array("Q", [start + ID_SIZE for start in starts])
        self._out_iovs[3:end:_WORDS_OF_TWO_IOVS] = array("Q", [length - ID_SIZE for length in lengths])
        if self._wildcard:
            self._choose_sources(sender.control for sender, _ in replies)
        return self._send_prepared(count)

    def _send_prepared(self, count: int) -> int:
        sent = lost = 0
        failed = -1
        while sent < count:
            done = self._send_call(self._fd, self._out_at_header(sent), count - sent, socket.MSG_DONTWAIT)
            if done > 0:
                sent += done
                continue
            number = ctypes.get_errno()
            if number == errno.EINTR:
                continue
            if number in (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM):
                return lost + count - sent  # no room: as if lost on the wire, the clients ask again
            # Either this answer has no way, or (once) the system reports here that an earlier one had none.
            if failed != sent:
                failed = sent
            else:
                lost += 1
                sent += 1
        return lost

    def _out_at_header(self, at: int) -> int:
        return self._headers_at + at * _WORDS * 8

    def _return_to(self, names: array[int], ids: array[int]) -> None:
        self._out_headers[_NAME : len(names) * _WORDS : _WORDS] = names
        self._out_iovs[0 : len(ids) * _WORDS_OF_TWO_IOVS : _WORDS_OF_TWO_IOVS] = ids

    def _choose_sources(self, controls: Iterable[bytes]) -> None:
        for header, received in enumerate(controls):
            prepared = self._prepared.get(received)
            if prepared is None:
                if len(self._prepared) >= _MAX_SOURCES:
                    self._prepared.clear()
                prepared = self._prepared[received] = _write_control(as_sources(_read_control(received)))
            start = header * ANCILLARY_SIZE
            self._sources[start : start + len(prepared)] = prepared
            self._out_headers[header * _WORDS + _CONTROL_LENGTH] = len(prepared)

    def _control(self, at: int) -> bytes:
        length = self._in_headers[at * _WORDS + _CONTROL_LENGTH] if self._wildcard else 0
        return bytes(self._controls[at * ANCILLARY_SIZE : at * ANCILLARY_SIZE + length])

    def _pin(self, buffer: bytearray | array[int]) -> int:
        """Return where *buffer* lies; it cannot move any more."""
        size = len(buffer) * (buffer.itemsize if isinstance(buffer, array) else 1)
        pinned = (ctypes.c_char * size).from_buffer(buffer)
        self._pinned.append(pinned)
        return ctypes.addressof(pinned)


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(AttributeError):
        libc.recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        libc.sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    return libc


def _read_control(control: bytes) -> list[Ancillary]:
    found = []
    at = 0
    while at + _cmsg.size <= len(control):
        length, level, kind = _cmsg.unpack_from(control, at)
        found.append((level, kind, control[at + _cmsg.size : at + length]))
        at += max(_cmsg.size, length + 7 & ~7)  # CMSG_ALIGN
    return found


def _write_control(ancillary: list[Ancillary]) -> bytes:
    parts = (_cmsg.pack(_cmsg.size + len(packed), level, kind) + packed for level, kind, packed in ancillary)
    return b"".join(part + bytes(-len(part) % 8) for part in parts)
