# SPDX-License-Identifier: GPL-3.0-or-later
"""Ready answers: what was answered a moment ago is answered again without being thought about.

The key is the query itself from its flags on (flags, name in lower case, type, class, OPT with size and DO), in a
dictionary for each profile; only plain queries get in, so nothing that changes an answer can be missing from it.
"""

from __future__ import annotations

import math
import struct
import time
from collections import OrderedDict
from collections.abc import Callable

from filterd.dns import wire
from filterd.dns.cache import uptime_s
from filterd.dns.lasting import Lasts, never_lasts
from filterd.dns.pipeline import Reply
from filterd.policy.model import Block, Client, Decision

ProfileOf = Callable[[Client], str]
Ttls = tuple[tuple[int, int], ...]  # where after the id, and what

MAX_BYTES = 32 << 20
_OVERHEAD = 900  # bytes of an entry beside its messages, its decision included; measured with tracemalloc, rounded up
_CLOCK_STEP_S = 1.0  # closed hours are wall-clock time: when it was set anew, what was computed before means nothing
# Hits told at a time: the first few at once, of many a share (telling one costs as much as ten answers), all above the
# bound for memory.
_FEW_HITS, _SHARE_OF_HITS, _MOST_HITS = 200, 16, 20_000

_MOST_LASTING_S = 3600.0

# What is asked for again and again reaches the slow path before it ends, where it can be fetched anew in time.
_LONG_S, _USED_OF_LONG = 20, 0.9

_KEY_AT = 2  # after the id
_NAME_AT = wire.HEADER_SIZE - _KEY_AT
_TAIL = 4  # type and class
_CLASS_IN = b"\0\1"
_BARE_OPT_SIZE = 11
_OPT_START = b"\0\0\x29"  # root, type 41
_MARKS = 1 << 17

_counts = struct.Struct("!HHHH")
_fixed = struct.Struct("!HHIH")
_ttl = struct.Struct("!I")


class _Entry:
    """A ready answer: *body* follows the id, with those *ttls* that are counted down right until *fresh_until*."""

    __slots__ = ("body", "decision", "fresh_until", "hits", "since", "told", "ttls", "until")

    def __init__(self, body: bytes, ttls: Ttls, decision: Decision | None, *, since: float, until: float) -> None:
        self.body = body
        self.ttls = ttls
        self.decision = decision
        self.since = since
        self.until = until
        # What nobody decided is told to nobody: never the first hit, never in the list of those to be told.
        self.hits = 0 if decision else 1
        self.told = 0  # hits before those
        self.count_down(since)

    def count_down(self, now: float) -> None:
        if not self.ttls:
            self.fresh_until = self.until
            return
        # A second begun counts as passed: no TTL may reach over the policy's next boundary.
        age = math.floor(now - self.since) + 1
        body = bytearray(self.body)
        for at, ttl in self.ttls:
            _ttl.pack_into(body, at, max(0, ttl - age))
        self.body = bytes(body)
        self.fresh_until = min(self.since + age, self.until)


Ready = OrderedDict[bytes, _Entry]
"""The ready answers of one profile, those made first in front."""


class FastPath:
    """Ready answers within *max_bytes*; *profile_of* says whose answers a client shares.

    A refusal for which *lasts_s* vouches is given with its whole TTL until that would reach over the next boundary.
    *generation* changes when everything was forgotten: an answer thought out before must not come in after.
    """

    def __init__(
        self,
        profile_of: ProfileOf,
        *,
        lasts_s: Lasts = never_lasts,
        max_bytes: int = MAX_BYTES,
        now: Callable[[], float] = uptime_s,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.generation = 0
        self.blocked = 0  # hits on refusals, told by `take_hits`
        self.profile_of = profile_of
        self._lasts_s = lasts_s
        self._max_bytes = max_bytes
        self._now = now
        self._wall = wall
        self._clocks_apart = wall() - now()
        self._bytes = 0
        self._profiles: dict[str, Ready] = {}
        self._hit: list[_Entry] = []
        self._marks = bytearray(_MARKS)
        self._marked = 0

    def __len__(self) -> int:
        """Return how many answers are ready."""
        return sum(map(len, self._profiles.values()))

    def tick(self) -> float:
        """Return the time for `find`; a wall clock that was set anew ends all ready answers first."""
        now = self._now()
        apart = self._wall() - now
        if abs(apart - self._clocks_apart) > _CLOCK_STEP_S:
            self._clocks_apart = apart
            self.clear()
        return now

    def ready_for(self, profile: str) -> Ready:
        """Return the ready answers of *profile*, to be asked for until *generation* changes."""
        ready = self._profiles.get(profile)
        return self._profiles.setdefault(profile, OrderedDict()) if ready is None else ready

    def find(self, ready: Ready, question: bytes, now: float) -> bytes | None:
        """Return the answer to *question*, a query without its id, as what follows the id; ``None``: think."""
        entry = ready.get(question)
        if entry is None:
            return self._find_in_other_case(ready, question, now)
        if now >= entry.fresh_until:
            if now >= entry.until:
                return None
            entry.count_down(now)
        if entry.hits:
            entry.hits += 1
        else:
            entry.hits = 1
            self._hit.append(entry)
        return entry.body

    def _find_in_other_case(self, ready: Ready, question: bytes, now: float) -> bytes | None:
        if question.lower() == question:
            return None  # there is no other case: most names come in lower case
        # To the first zero: to the end of the name, or (a zero in a label) not so far, and then it is not found.
        end = question.find(0, _NAME_AT)
        name = question[_NAME_AT:end]
        lower = name.lower()
        if lower == name:
            return None
        body = self.find(ready, question[:_NAME_AT] + lower + question[end:], now)
        return None if body is None else body[:_NAME_AT] + name + body[end:]

    def uses_of_ended(self, ready: Ready, question: bytes) -> int:
        """Return how often the answer to *question*, which `find` has not, was given before it ended."""
        entry = ready.get(question)
        return 0 if entry is None else entry.told + entry.hits

    def put(self, raw: bytes, reply: Reply, *, profile: str, generation: int) -> None:
        """Keep *reply*, which answers *raw* for *profile* and was asked for in *generation*, if it may be kept."""
        message = reply.message
        if generation != self.generation or reply.ready_s <= 1 or message is None:
            return
        end = _end_of_plain_question(raw)
        if not end or message[wire.HEADER_SIZE : end] != raw[wire.HEADER_SIZE : end]:
            return
        ready = self.ready_for(profile)
        key = _in_lower_case(raw, end)
        # While there is room, everything; then names that are asked once must not push out what is used.
        if key not in ready and self._bytes > self._max_bytes // 2 and not self._was_asked_before(key):
            return
        ttls = _find_ttls(message, end)
        if ttls is None:
            return
        lifetime = reply.ready_s * _USED_OF_LONG if reply.ready_s > _LONG_S else reply.ready_s - 1
        lasting = self._find_lasting(reply, ttls)
        if lasting > lifetime:
            lifetime, ttls = lasting, ()
        now = self._now()
        self._drop(ready, key)
        ready[key] = _Entry(_in_lower_case(message, end), ttls, reply.decision, since=now, until=now + lifetime)
        self._bytes += _OVERHEAD + len(key) + len(message)
        while self._bytes > self._max_bytes:
            fullest = max(self._profiles.values(), key=len)
            self._drop(fullest, next(iter(fullest)))

    def _find_lasting(self, reply: Reply, ttls: Ttls) -> float:
        """Return for how many seconds *reply* can be given as it is."""
        if reply.decision is None or not isinstance(reply.decision.verdict, Block):
            return 0.0
        return min(self._lasts_s(reply.decision), _MOST_LASTING_S) - max((ttl for _, ttl in ttls), default=0)

    def clear(self, profile_of: ProfileOf | None = None, lasts_s: Lasts | None = None) -> None:
        """Forget all answers: the policy (*profile_of* and *lasts_s* are the new one's) or the upstreams changed."""
        self.generation += 1
        self.profile_of = profile_of or self.profile_of
        self._lasts_s = lasts_s or self._lasts_s
        for ready in self._profiles.values():
            ready.clear()
        self._profiles = {}
        self._bytes = 0

    def take_hits(self, *, everything: bool = False) -> list[tuple[Decision, int]]:
        """Return which decisions were carried out again and how often, the longest untold first; of many some."""
        waiting = len(self._hit)
        count = waiting if everything else max(_FEW_HITS, waiting // _SHARE_OF_HITS, waiting - _MOST_HITS)
        entries, self._hit = self._hit[:count], self._hit[count:]
        told = []
        for entry in entries:
            if entry.decision is not None:
                told.append((entry.decision, entry.hits))
                self.blocked += entry.hits * isinstance(entry.decision.verdict, Block)
            entry.told += entry.hits
            entry.hits = 0
        return told

    def _was_asked_before(self, key: bytes) -> bool:
        """Return whether *key* was marked, and mark it."""
        at = hash(key) % _MARKS
        if self._marks[at]:
            return True
        if self._marked >= _MARKS // 2:
            self._marks = bytearray(_MARKS)
            self._marked = 0
        self._marks[at] = 1
        self._marked += 1
        return False

    def _drop(self, ready: Ready, key: bytes) -> None:
        entry = ready.pop(key, None)
        if entry is not None:
            self._bytes -= _OVERHEAD + len(key) + len(entry.body) + _KEY_AT


def _end_of_plain_question(raw: bytes) -> int:
    """Return where the question of *raw* ends, 0 if *raw* is more than one question and at most a bare OPT record."""
    size = len(raw)
    # Flags RD, AD and CD alone; one question, no other sections, at most one additional record.
    if size < wire.HEADER_SIZE or raw[2] & 0xFE or raw[3] & 0xCF or raw[4:11] != b"\0\1\0\0\0\0\0" or raw[11] > 1:
        return 0
    at = wire.HEADER_SIZE
    while at < size and (length := raw[at]):
        if length > 63:
            return 0
        at += length + 1
    end = at + 1 + _TAIL
    if raw[end - 2 : end] != _CLASS_IN or size != end + _BARE_OPT_SIZE * raw[11]:
        return 0
    # OPT: no extended rcode, version 0, no flag but DO, no options.
    if raw[11] and (raw[end : end + 3] != _OPT_START or raw[end + 5 : end + 7] != b"\0\0" or raw[end + 7] & 0x7F):
        return 0
    return end if not raw[11] or raw[end + 8 :] == b"\0\0\0" else 0


def _in_lower_case(message: bytes, question_end: int) -> bytes:
    """Return *message* without its id, the name of its question in lower case."""
    name_end = question_end - _TAIL
    return message[_KEY_AT : wire.HEADER_SIZE] + message[wire.HEADER_SIZE : name_end].lower() + message[name_end:]


def _find_ttls(message: bytes, at: int) -> Ttls | None:
    """Return where after the id TTLs stand in *message*, and their values; ``None`` where it cannot be read."""
    found = []
    try:
        questions, *records = _counts.unpack_from(message, 4)
        if questions != 1:
            return None
        for _ in range(sum(records)):
            at = wire.skip_name(message, at)
            kind, _, ttl, length = _fixed.unpack_from(message, at)
            if kind != wire.OPT:
                found.append((at + 4 - _KEY_AT, ttl))
            at += _fixed.size + length
    except (IndexError, struct.error, wire.ProtocolError):
        return None
    return tuple(found) if at == len(message) else None
