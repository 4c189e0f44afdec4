# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks at a steady rate, and judges each answer: right, wrong, or never come."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.e2e.support import make_query
from tests.soak.world import address_of

_SOCKETS = 24  # from a port each: the kernel shares them out among the workers
_TICK_S = 0.002
_MOST_BEHIND_S = 0.02  # what a late tick catches up: asking faster than asked for would prove nothing
WAIT_S = 8.0  # a stub resolver waits five; what comes later than that on a busy machine is late, and not lost
_ID_COUNT = 1 << 16


@dataclass(frozen=True, slots=True)
class Name:
    """A name with its query from the flags on, and where it leads when nobody refuses it."""

    text: str
    tail: bytes
    address: bytes

    @staticmethod
    def of(text: str) -> Name:
        """Return *text* as a name."""
        query = make_query(text)
        return Name(text, query[2:], address_of(query[12:-4].lower()))


@dataclass(frozen=True, slots=True)
class Kind:
    """A share of what is asked: *draw* gives a name, *expects* which answers are right at a time."""

    title: str
    weight: float
    draw: Callable[[random.Random], Name]
    expects: Callable[[Name, float, float], frozenset[bytes]]
    """The addresses that may be told to who asked at one time and was answered at another."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A query that nobody answered, or that was answered without an address."""

    kind: str
    name: str
    sent: float
    rcode: int | None  # none: silence


@dataclass
class Findings:
    """What came of the queries."""

    asked: Counter[str] = field(default_factory=Counter)
    lost: list[Lost] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    late: Counter[str] = field(default_factory=Counter)  # answered after more than 0.1, 1, 3 s

    @property
    def queries(self) -> int:
        """Return how many there were."""
        return self.asked.total()


BLOCKED_ADDRESS = bytes(4)


class Asker:
    """Asks *port* for names of *kinds*; the same *seed* asks the same."""

    def __init__(self, port: int, kinds: list[Kind], *, seed: int = 1) -> None:
        self.findings = Findings()
        self._kinds = kinds
        self._weights = [kind.weight for kind in kinds]
        self._chance = random.Random(seed)
        self._sockets = [self._connect(port) for _ in range(_SOCKETS)]
        self._poll = select.epoll()
        for sock in self._sockets:
            self._poll.register(sock, select.EPOLLIN)
        self._by_fd = {sock.fileno(): sock for sock in self._sockets}
        # Waiting by (descriptor, id): what was asked, and when. In the order of asking, so that the oldest is first.
        self._waiting: dict[tuple[int, int], tuple[Kind, Name, float]] = {}
        self._next = 0

    def close(self) -> None:
        """Let go of the sockets."""
        self._poll.close()
        for sock in self._sockets:
            sock.close()

    def run(self, seconds: float, rate: float) -> Findings:
        """Ask *rate* queries a second for *seconds*, wait for what is under way, return all that was found so far."""
        start = last = time.monotonic()
        due = 0.0
        while (now := time.monotonic()) < start + seconds:
            due += min(now - last, _MOST_BEHIND_S) * rate
            last = now
            for kind in self._choose(int(due)):
                self._ask(kind)
            due -= int(due)
            self._listen(_TICK_S)
            self._give_up(time.monotonic() - WAIT_S)
        while self._waiting:
            self._listen(0.05)
            self._give_up(time.monotonic() - WAIT_S)
        return self.findings

    def _connect(self, port: int) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.connect(("127.0.0.1", port))
        made.setblocking(False)
        return made

    def _choose(self, count: int) -> Iterable[Kind]:
        return self._chance.choices(self._kinds, self._weights, k=count)

    def _ask(self, kind: Kind) -> None:
        name = kind.draw(self._chance)
        self._next += 1
        sock = self._sockets[self._next % _SOCKETS]
        identity = self._next // _SOCKETS % _ID_COUNT
        self.findings.asked[kind.title] += 1
        self._waiting[sock.fileno(), identity] = kind, name, time.monotonic()
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):  # lost, as nobody will answer it
            sock.send(identity.to_bytes(2) + name.tail)

    def _listen(self, seconds: float) -> None:
        for fd, _ in self._poll.poll(seconds):
            sock = self._by_fd[fd]
            try:
                while True:
                    message = sock.recv(4096)
                    self._judge(fd, message, time.monotonic())
            except (BlockingIOError, ConnectionRefusedError):
                continue

    def _judge(self, fd: int, message: bytes, now: float) -> None:
        asked = self._waiting.pop((fd, int.from_bytes(message[:2])), None)
        if asked is None:
            return  # given up before: counted as lost already
        kind, name, sent = asked
        for limit in (0.1, 1.0, 3.0):
            self.findings.late[f"{limit:g}"] += now - sent > limit
        if message[3] & 15 or message[6:8] == b"\0\0":
            self.findings.lost.append(Lost(kind.title, name.text, sent, message[3] & 15))
        elif message[-4:] not in kind.expects(name, sent, now) or message[12 : len(name.tail) + 2] != name.tail[10:]:
            self.findings.wrong.append(f"{kind.title} {name.text}: {socket.inet_ntoa(message[-4:])} at {now:.2f}")

    def _give_up(self, before: float) -> None:
        while self._waiting:
            key = next(iter(self._waiting))
            kind, name, sent = self._waiting[key]
            if sent > before:
                return
            del self._waiting[key]
            self.findings.lost.append(Lost(kind.title, name.text, sent, None))
