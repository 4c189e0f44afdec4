# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions and answers framed on a stream: DNS over TCP (RFC 7766) and over TLS (RFC 7858)."""

from __future__ import annotations

import secrets

from filterd.dns.answer import is_answer_to
from filterd.dns.upstream_link import Channel

_LENGTH_SIZE = 2


class StreamChannel(Channel):
    """One connection. Answers may come in any order: the id tells whose they are."""

    def __init__(self) -> None:
        super().__init__()
        self._received = bytearray()

    def frame(self, question: bytes) -> tuple[int, bytes]:
        """Return an id that no other question has here, and *question* under it."""
        number = secrets.randbelow(1 << 16)
        while number in self.waiting:
            number = (number + 1) & 0xFFFF
        return number, len(question).to_bytes(_LENGTH_SIZE) + number.to_bytes(2) + question[2:]

    def receive(self, data: bytes) -> None:
        """Take in *data*, which may hold part of an answer or several."""
        self._received += data
        while len(self._received) >= _LENGTH_SIZE:
            end = _LENGTH_SIZE + int.from_bytes(self._received[:_LENGTH_SIZE])
            if len(self._received) < end:
                return
            self._take(bytes(self._received[_LENGTH_SIZE:end]))
            del self._received[:end]

    def _take(self, answer: bytes) -> None:
        waiting = self.waiting.get(int.from_bytes(answer[:2]))
        if waiting is None or waiting.answer.done():
            return  # who asked has given up
        if is_answer_to(answer, answer[:2] + waiting.question[2:], same_case=False):
            self.settle(waiting, answer)
