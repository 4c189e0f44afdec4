# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream's answer, read where it lies and passed on as it came."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from filterd.dns import wire
from filterd.dns.wire import ProtocolError

MAX_KEEP_S = 86400  # RFC 8767 §4: a week at most; a day serves a home
MAX_TTL = 0x7FFFFFFF  # RFC 2181 §8

_header = struct.Struct("!HHHHHH")
_fixed = struct.Struct("!HHIH")
_option = struct.Struct("!HH")
_additional_count = struct.Struct("!H")
_ttl = struct.Struct("!I")
_ANSWER, _AUTHORITY, _ADDITIONAL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer without what held only between the upstream and us: its OPT record (RFC 6891 §6.1.1).

    *message* is the rest, byte for byte. *ttls* are the places of the TTLs in it with their values, *targets* the
    hosts that the name asked for leads to, *errors* the upstream's extended errors as options. *keep_s* is how long the
    answer holds, 0 where it must not be kept.
    """

    message: bytes
    rcode: int
    ttls: tuple[tuple[int, int], ...]
    targets: tuple[str, ...]
    errors: bytes
    keep_s: int

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


class _Record(NamedTuple):
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
    for record in _records(answer.message):
        data = answer.message[record.data_at : record.end]
        if record.section != _ANSWER or record.type != qtype:
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
    records = list(_records(message))
    rcode = message[3] & 15
    errors = b""
    opt = next((r for r in records if r.type == wire.OPT and r.section == _ADDITIONAL), None)
    if opt:
        rcode |= opt.ttl >> 24 << 4
        errors = _extended_errors(message[opt.data_at : opt.end])
        # It is the last record or, rarely, followed by glue that a client can do without and that cannot be moved up,
        # for names may point into it.
        records = records[: records.index(opt)]
    qtype_at = wire.skip_name(message, wire.HEADER_SIZE)
    qtype = int.from_bytes(message[qtype_at : qtype_at + 2])
    end = records[-1].end if records else qtype_at + 4
    return Answer(
        message=_cut(message, end, sum(r.section == _ADDITIONAL for r in records)),
        rcode=rcode,
        ttls=tuple((r.fixed_at + 4, r.ttl) for r in records),
        targets=tuple(_targets(message, records)),
        errors=errors,
        keep_s=_keep_s(message, records, rcode, qtype),
    )


def _records(message: bytes) -> Iterator[_Record]:
    _, _, questions, *counts = _header.unpack_from(message)
    if questions != 1:
        raise ProtocolError("not exactly one question")
    at = wire.skip_name(message, wire.HEADER_SIZE) + 4
    for section, count in enumerate(counts):
        for _ in range(count):
            at = wire.skip_name(message, at)
            rtype, _, ttl, length = _fixed.unpack_from(message, at)
            data_at = at + _fixed.size
            end = data_at + length
            if end > len(message):
                raise ProtocolError("a cut record")
            if ttl > MAX_TTL and rtype != wire.OPT:
                ttl = 0  # RFC 2181 §8
            yield _Record(section, rtype, at, ttl, data_at, end)
            at = end


def _cut(message: bytes, end: int, additional: int) -> bytes:
    return message[:10] + additional.to_bytes(2) + message[wire.HEADER_SIZE : end]


def _extended_errors(options: bytes) -> bytes:
    found, at = b"", 0
    while at + 4 <= len(options):
        code, length = _option.unpack_from(options, at)
        end = at + 4 + length
        if code == wire.EDE_OPTION and end <= len(options) and length >= 2:
            found += options[at:end]
        at = end
    return found


def _targets(message: bytes, records: list[_Record]) -> Iterator[str]:
    for record in records:
        if record.section != _ANSWER:
            continue
        if record.type == wire.CNAME:
            labels, _ = wire.read_name(message, record.data_at)
        elif record.type in (wire.SVCB, wire.HTTPS):
            labels, _ = wire.read_name(message, record.data_at + 2)  # RFC 9460 §2.2: after the priority
        else:
            continue
        if host := wire.host_of(labels):
            yield host


def _keep_s(message: bytes, records: list[_Record], rcode: int, qtype: int) -> int:
    if rcode not in (wire.NOERROR, wire.NXDOMAIN) or is_truncated(message):
        return 0
    least = min((r.ttl for r in records), default=0)
    if rcode == wire.NOERROR and any(r.section == _ANSWER and r.type == qtype for r in records):
        return min(least, MAX_KEEP_S)
    # RFC 2308 §5: "no" is kept for the SOA's minimum, and not at all where there is no SOA.
    minimum = [
        int.from_bytes(message[r.end - 4 : r.end]) for r in records if r.section == _AUTHORITY and r.type == wire.SOA
    ]
    return min(least, *minimum, MAX_KEEP_S) if minimum else 0
