# SPDX-License-Identifier: GPL-3.0-or-later
"""Records taken out of an answer or changed, and what that costs: their signature, and the answer's AD.

All else passes as it came. Names after a change would point to the wrong place, so they are written out again: those of
the types that may be compressed (RFC 3597 §4), for all other data is opaque.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from filterd.dns import wire
from filterd.dns.answer import AUTHORITY, Answer, Record, read_answer, read_records
from filterd.dns.wire import ProtocolError

Change = Callable[[int, bytes], bytes | None]
"""From a record's type and data to its new data: the same object where it stays, ``None`` where it goes."""

_fixed = struct.Struct("!HHIH")
_MAX_POINTER = 0x3FFF

# Where names stand in the data of types that old servers compress: how many bytes lie before, and how many names.
_NAMES = {
    wire.NS: (0, 1), 3: (0, 1), 4: (0, 1), wire.CNAME: (0, 1), wire.SOA: (0, 2), 7: (0, 1), 8: (0, 1), 9: (0, 1),
    wire.PTR: (0, 1), 14: (0, 2), wire.MX: (2, 1), 17: (0, 2), 18: (2, 1), 21: (2, 1), 26: (2, 2), 33: (6, 1),
    36: (2, 1), wire.DNAME: (0, 1),
}  # fmt: skip


def trim(answer: Answer, change: Change) -> Answer:
    """Return *answer* with its records as *change* says; *answer* itself where it leaves all as they are.

    What stands under authority is not put to *change*: it answers nothing.

    Raises:
        ProtocolError: names in it that must be written out again lead nowhere.
    """
    try:
        return _trim(answer, change)
    except (IndexError, struct.error) as error:
        raise ProtocolError("cut names in the data of an answer") from error


def _trim(answer: Answer, change: Change) -> Answer:
    message = answer.message
    records = read_records(message)
    changed: dict[int, bytes | None] = {}
    for at, record in enumerate(records):
        if record.section != AUTHORITY:
            rdata = message[record.data_at : record.end]
            new = change(record.type, rdata)
            if new is not rdata:
                changed[at] = new
    if not changed:
        return answer
    rewritten = _write(answer, records, changed)
    # Rcode, errors and age are the original's: the OPT record that held some of it is not there any more.
    return read_answer(rewritten)._replace(rcode=answer.rcode, errors=answer.errors, keep_s=answer.keep_s)


def _write(answer: Answer, records: list[Record], changed: dict[int, bytes | None]) -> bytes:
    message, ttls = answer.message, dict(answer.ttls)  # these hold, the message has those of the upstream
    # Lengths of labels are below 64, so that lower() touches letters only.
    unsigned = {(_owner(message, records[at]).lower(), records[at].type) for at in changed}
    out = bytearray(message[: wire.skip_name(message, wire.HEADER_SIZE) + 4])
    places = {bytes(out[wire.HEADER_SIZE : -4]): wire.HEADER_SIZE}
    counts = [0, 0, 0]
    for at, record in enumerate(records):
        owner = _owner(message, record)
        signed = int.from_bytes(message[record.data_at : record.data_at + 2])
        if record.type == wire.RRSIG and (owner.lower(), signed) in unsigned:
            continue
        rdata = changed[at] if at in changed else _whole_data(message, record)
        if rdata is None:
            continue
        counts[record.section] += 1
        out += _pointer_to(owner, places, len(out))
        rtype, rclass, _, _ = _fixed.unpack_from(message, record.fixed_at)
        out += _fixed.pack(rtype, rclass, ttls.get(record.fixed_at + 4, record.ttl), len(rdata)) + rdata
    flags = int.from_bytes(out[2:4]) & ~wire.AD
    out[2:4] = flags.to_bytes(2)
    out[6:12] = struct.pack("!HHH", *counts)
    return bytes(out)


def _pointer_to(owner: bytes, places: dict[bytes, int], at: int) -> bytes:
    known = places.get(owner)
    if known is not None:
        return (0xC000 | known).to_bytes(2)
    if at <= _MAX_POINTER and len(owner) > 1:
        places[owner] = at
    return owner


def _owner(message: bytes, record: Record) -> bytes:
    return _join(wire.read_name(message, record.at)[0])


def _whole_data(message: bytes, record: Record) -> bytes:
    """Return the data of *record* with its names written out."""
    if record.type not in _NAMES:
        return message[record.data_at : record.end]
    before, names = _NAMES[record.type]
    at = record.data_at + before
    parts = [message[record.data_at : at]]
    for _ in range(names):
        labels, at = wire.read_name(message, at)
        parts.append(_join(labels))
    return b"".join((*parts, message[at : record.end]))


def _join(labels: list[bytes]) -> bytes:
    return b"".join([bytes([len(label)]) + label for label in labels]) + wire.ROOT
