# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream's answer, read where it lies and passed on as it came."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
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
_two = struct.Struct("!HH")
_additional_count = struct.Struct("!H")
_ttl = struct.Struct("!I")
_CLIENTS_FLAGS = wire.RD | wire.CD
_UPSTREAMS_FLAGS = ~(_CLIENTS_FLAGS | wire.TC)
ANSWER, AUTHORITY, ADDITIONAL = 0, 1, 2
SERVICES = frozenset({wire.SVCB, wire.HTTPS})
_ALIASES = SERVICES | {wire.CNAME, wire.DNAME}
_KEPT = frozenset({wire.NOERROR, wire.NXDOMAIN})
_ADDRESS_SIZE = {wire.A: 4, wire.AAAA: 16}
_new = tuple.__new__  # what Answer() comes to, without its Python in between


class Answer(NamedTuple):
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
        flags = (out[2] << 8 | out[3]) & _UPSTREAMS_FLAGS
        if not query.flags & wire.AD and not query.do:
            flags &= ~wire.AD  # RFC 6840 §5.8: only for clients that asked to know
        _two.pack_into(out, 0, query.id, flags | wire.RA | (query.flags & _CLIENTS_FLAGS))
        question = query.question
        out[wire.HEADER_SIZE : wire.HEADER_SIZE + len(question)] = question
        for at, ttl in self.ttls:
            ttl -= age_s
            _ttl.pack_into(out, at, 0 if ttl < 0 else min(ttl, at_most_s))
        if query.edns:
            _additional_count.pack_into(out, 10, (out[10] << 8 | out[11]) + 1)
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


def _read_answer(message: bytes) -> Answer:  # noqa: C901 (one pass, see below)
    # In one pass and in one piece, for it is a good part of what an answer from an upstream costs.
    _, flags, questions, answers, authorities, additionals = _header.unpack_from(message)
    if questions != 1:
        raise ProtocolError("not exactly one question")
    at, size = wire.skip_name(message, wire.HEADER_SIZE) + 4, len(message)
    qtype = message[at - 4] << 8 | message[at - 3]
    rcode, errors, kept_additionals = flags & 15, b"", 0
    ttls: list[tuple[int, int]] = []
    targets: list[str] = []
    packed: list[bytes] = []
    services = answered = False
    holds_s, minimum_s = MAX_KEEP_S, -1  # the least of the TTLs; of the SOAs' minimums, negative where there is none
    authority_from, additional_from = answers, answers + authorities
    for number in range(additional_from + additionals):
        # Nearly every owner is a pointer.
        fixed_at = at + 2 if message[at] >= 0xC0 else wire.skip_name(message, at)
        rtype, _, ttl, length = _fixed.unpack_from(message, fixed_at)
        data_at = fixed_at + 10
        end = data_at + length
        if end > size:
            raise ProtocolError("a cut record")
        if number >= additional_from:
            if rtype == wire.OPT:
                rcode |= ttl >> 24 << 4
                errors = _extended_errors(message[data_at:end]) if length else b""
                # It is the last record or, rarely, followed by glue that a client can do without and that cannot be
                # moved up, for names may point into it.
                _skip_rest(message, end, additional_from + additionals - number - 1)
                break
            kept_additionals += 1
        elif rtype == wire.OPT:
            raise ProtocolError("an OPT record out of its place")  # RFC 6891 §6.1.1: in the additional section alone
        if ttl > MAX_TTL:
            ttl = 0  # RFC 2181 §8
        at = end
        ttls.append((fixed_at + 4, ttl))
        holds_s = min(holds_s, ttl)
        if authority_from <= number < additional_from:
            if rtype == wire.SOA:
                minimum = int.from_bytes(message[end - 4 : end])
                minimum_s = minimum if minimum_s < 0 else min(minimum_s, minimum)
            continue
        answered = answered or (rtype == qtype and number < authority_from)
        if rtype in _ADDRESS_SIZE:
            if length == _ADDRESS_SIZE[rtype]:
                packed.append(message[data_at:end])
        elif rtype in _ALIASES:
            services = services or rtype in SERVICES
            packed += hints(message[data_at:end]) if rtype in SERVICES else ()
            targets += _target(message, rtype, data_at, end) if number < authority_from else ()
    # RFC 2308 §5: "no" is kept for the SOA's minimum, and not at all where there is no SOA.
    holds_s = holds_s if answered and rcode == wire.NOERROR else min(holds_s, minimum_s)
    return _new(
        Answer,
        (
            b"%b%b%b" % (message[:10], kept_additionals.to_bytes(2), message[wire.HEADER_SIZE : at]),
            rcode,
            tuple(ttls),
            tuple(targets),
            errors,
            0 if rcode not in _KEPT or flags & wire.TC else max(0, holds_s),
            tuple(packed),
            True in map(is_private, packed),
            services,
        ),
    )


def _target(message: bytes, rtype: int, data_at: int, end: int) -> Sequence[str]:
    """Return the host, if it is one, that a record leads to; its type is one of `_ALIASES`."""
    # RFC 9460 §2.2: a service's name stands after the priority.
    labels, name_end = wire.read_name(message, data_at + 2 if rtype in SERVICES else data_at)
    if name_end > end or (name_end < end and rtype not in SERVICES):
        raise ProtocolError("a name that does not end with its record")  # what follows is changed, and it with it
    host = wire.host_of(labels)
    return (host,) if host else ()


def _skip_rest(message: bytes, at: int, records: int) -> None:
    """Check that *records* more begin at *at*, of which nothing is wanted.

    Raises:
        ProtocolError: they are cut.
    """
    for _ in range(records):
        fixed_at = wire.skip_name(message, at)
        at = fixed_at + 10 + _fixed.unpack_from(message, fixed_at)[3]
        if at > len(message):
            raise ProtocolError("a cut record")


def read_records(message: bytes) -> list[Record]:
    """Return where the records of *message* stand, in order. An ``IndexError`` or ``struct.error``: it is cut.

    Raises:
        ProtocolError: it is malformed.
    """
    _, _, questions, *counts = _header.unpack_from(message)
    if questions != 1:
        raise ProtocolError("not exactly one question")
    at, length_of_message = wire.skip_name(message, wire.HEADER_SIZE) + 4, len(message)
    records = []
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
            records.append(Record(at, section, rtype, fixed_at, ttl, data_at, end))
            at = end
    return records


def _extended_errors(options: bytes) -> bytes:
    found, at = b"", 0
    while at + 4 <= len(options):
        code, length = _option.unpack_from(options, at)
        end = at + 4 + length
        if code == wire.EDE_OPTION and end <= len(options) and length >= 2:
            found += options[at:end]
        at = end
    return found
