# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream's answer, read where it lies and passed on as it came."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from filterd.dns import wire
from filterd.dns.rebinding import is_private
from filterd.dns.svcb import hints
from filterd.dns.wire import ProtocolError

MAX_KEEP_S = 86400  # RFC 8767 §4: a week at most; a day serves a home
MAX_TTL = 0x7FFFFFFF  # RFC 2181 §8

_header = struct.Struct("!HHHHHH")
_fixed = struct.Struct("!HHIH")
_option = struct.Struct("!HH")
_additional_count = struct.Struct("!H")
_ttl = struct.Struct("!I")
ANSWER, AUTHORITY, ADDITIONAL = 0, 1, 2
SERVICES = frozenset({wire.SVCB, wire.HTTPS})
_ALIASES = SERVICES | {wire.CNAME, wire.DNAME}
_KEPT = frozenset({wire.NOERROR, wire.NXDOMAIN})
_ADDRESS_SIZE = {wire.A: 4, wire.AAAA: 16}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer without what held only between the upstream and us: its OPT record (RFC 6891 §6.1.1).

    *message* is the rest, byte for byte. *ttls* are the places of the TTLs in it with their values, *targets* the
    hosts that the name asked for leads to, *errors* the upstream's extended errors as options. *keep_s* is how long the
    answer holds, 0 where it must not be kept. *packed* are the addresses in it, those that service records hint at too,
    *private* says whether one means something on this network only, *services* whether there are service records.
    """

    message: bytes
    rcode: int
    ttls: tuple[tuple[int, int], ...]
    targets: tuple[str, ...]
    errors: bytes
    keep_s: int
    packed: tuple[bytes, ...] = ()
    private: bool = False
    services: bool = False

    def for_client(self, query: wire.Query, *, age_s: int = 0, at_most_s: int = MAX_TTL) -> bytes:
        """Return the answer to *query*, *age_s* after it came, with no TTL above *at_most_s*.

        The question and its letter case are the client's own (names in the answer point to it).
        """
        out = bytearray(self.message)
        flags = _header.unpack_from(out)[1] & ~(wire.RD | wire.CD | wire.TC)
        if not (query.do or query.ad):
            flags &= ~wire.AD  # RFC 6840 §5.8: only for clients that asked to know
        _additional_count.pack_into(out, 0, query.id)
        _additional_count.pack_into(out, 2, flags | wire.RA | (query.flags & (wire.RD | wire.CD)))
        question = query.question
        out[wire.HEADER_SIZE : wire.HEADER_SIZE + len(question)] = question
        for at, ttl in self.ttls:
            _ttl.pack_into(out, at, max(0, min(ttl - age_s, at_most_s)))
        if query.edns:
            _additional_count.pack_into(out, 10, _additional_count.unpack_from(out, 10)[0] + 1)
            out += wire.opt_record(do=query.do, rcode=self.rcode, options=self.errors)
        return bytes(out)


class Record(NamedTuple):
    """Where a record of a message stands; its owner begins at *at*."""

    at: int
    section: int
    type: int
    fixed_at: int  # where type, class, TTL and length stand
    ttl: int
    data_at: int
    end: int


def read_answer(message: bytes) -> Answer:
    """Return *message*, whose question matched ours, taken apart as far as a filter must.

    Raises:
        ProtocolError: it is malformed.
    """
    try:
        return _read_answer(message)
    except (IndexError, struct.error) as error:
        raise ProtocolError("cut") from error


def addresses(answer: Answer, qtype: int) -> Iterator[tuple[IPv4Address | IPv6Address, int]]:
    """Yield the addresses of the type *qtype* in *answer*, each with its TTL."""
    for record in read_records(answer.message):
        data = answer.message[record.data_at : record.end]
        if record.section != ANSWER or record.type != qtype:
            continue
        if qtype == wire.A and len(data) == 4:
            yield IPv4Address(data), record.ttl
        elif qtype == wire.AAAA and len(data) == 16:
            yield IPv6Address(data), record.ttl


def is_answer_to(message: bytes, question: bytes, *, same_case: bool) -> bool:
    """Return whether *message* answers *question*, a whole query of ours: id, name, type and class."""
    if len(message) < wire.HEADER_SIZE or message[:2] != question[:2] or not message[2] & 0x80:
        return False
    if message[4:12] == bytes(8):
        return message[3] & 15 in (wire.FORMERR, wire.NOTIMP)  # "what you asked I cannot even repeat"
    end = wire.skip_name(question, wire.HEADER_SIZE) + 4
    if len(message) < end or message[4:6] != b"\0\1":
        return False
    ours, theirs = question[wire.HEADER_SIZE : end], message[wire.HEADER_SIZE : end]
    # Lengths are below 64 and types that we ask below 256 with a zero before: lower() touches letters of labels only.
    return ours == theirs or (not same_case and ours[:-4].lower() == theirs[:-4].lower() and ours[-4:] == theirs[-4:])


def is_truncated(message: bytes) -> bool:
    """Return whether *message* sends us to TCP."""
    return bool(message[2] & wire.TC >> 8)


def _read_answer(message: bytes) -> Answer:
    # In one pass over the records, for it is a good part of what an answer from an upstream costs.
    rows = _rows(message)
    qtype_at = wire.skip_name(message, wire.HEADER_SIZE)
    qtype = int.from_bytes(message[qtype_at : qtype_at + 2])
    rcode, errors, cut_at, additional = message[3] & 15, b"", qtype_at + 4, 0
    ttls: list[tuple[int, int]] = []
    targets: list[str] = []
    packed: list[bytes] = []
    services = answered = False
    holds_s, minimum_s = MAX_KEEP_S, -1  # the least of the TTLs; of the SOAs' minimums, negative where there is none
    for _, section, rtype, fixed_at, ttl, data_at, end in rows:
        if rtype == wire.OPT and section == ADDITIONAL:
            rcode |= ttl >> 24 << 4
            errors = _extended_errors(message[data_at:end])
            # It is the last record or, rarely, followed by glue that a client can do without and that cannot be moved
            # up, for names may point into it.
            break
        cut_at = end
        ttls.append((fixed_at + 4, ttl))
        holds_s = min(holds_s, ttl)
        if section == AUTHORITY:
            if rtype == wire.SOA:
                minimum = int.from_bytes(message[end - 4 : end])
                minimum_s = minimum if minimum_s < 0 else min(minimum_s, minimum)
            continue
        additional += section == ADDITIONAL
        answered = answered or (section == ANSWER and rtype == qtype)
        if rtype in _ADDRESS_SIZE:
            if end - data_at == _ADDRESS_SIZE[rtype]:
                packed.append(message[data_at:end])
        elif rtype in _ALIASES:
            if rtype in SERVICES:
                services = True
                packed += hints(message[data_at:end])
                data_at += 2  # RFC 9460 §2.2: the name stands after the priority
            if section == ANSWER and (host := wire.host_of(wire.read_name(message, data_at)[0])):
                targets.append(host)
    # RFC 2308 §5: "no" is kept for the SOA's minimum, and not at all where there is no SOA.
    holds_s = holds_s if answered and rcode == wire.NOERROR else min(holds_s, minimum_s)
    return Answer(
        message=message[:10] + additional.to_bytes(2) + message[wire.HEADER_SIZE : cut_at],
        rcode=rcode,
        ttls=tuple(ttls),
        targets=tuple(targets),
        errors=errors,
        keep_s=0 if rcode not in _KEPT or is_truncated(message) else max(0, holds_s),
        packed=tuple(packed),
        private=any(map(is_private, packed)),
        services=services,
    )


def read_records(message: bytes) -> list[Record]:
    """Return where the records of *message* stand, in order. An ``IndexError`` or ``struct.error``: it is cut.

    Raises:
        ProtocolError: it is malformed.
    """
    return [Record._make(row) for row in _rows(message)]


def _rows(message: bytes) -> list[tuple[int, int, int, int, int, int, int]]:
    """Return the fields of a `Record` for each."""
    _, _, questions, *counts = _header.unpack_from(message)
    if questions != 1:
        raise ProtocolError("not exactly one question")
    at, length_of_message = wire.skip_name(message, wire.HEADER_SIZE) + 4, len(message)
    rows = []
    for section, count in enumerate(counts):
        for _ in range(count):
            # Nearly every owner is a pointer.
            fixed_at = at + 2 if message[at] >= 0xC0 else wire.skip_name(message, at)
            rtype, _, ttl, length = _fixed.unpack_from(message, fixed_at)
            data_at = fixed_at + 10
            end = data_at + length
            if end > length_of_message:
                raise ProtocolError("a cut record")
            if ttl > MAX_TTL and rtype != wire.OPT:
                ttl = 0  # RFC 2181 §8
            rows.append((at, section, rtype, fixed_at, ttl, data_at, end))
            at = end
    return rows


def _extended_errors(options: bytes) -> bytes:
    found, at = b"", 0
    while at + 4 <= len(options):
        code, length = _option.unpack_from(options, at)
        end = at + 4 + length
        if code == wire.EDE_OPTION and end <= len(options) and length >= 2:
            found += options[at:end]
        at = end
    return found
