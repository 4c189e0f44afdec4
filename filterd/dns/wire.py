# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS messages: bytes to a `Query`, and replies to bytes.

Questions are read by hand, where they lie: what passes must pass unharmed, and reading one costs 3 µs where dnslib's
parser takes 10 to 20. dnslib encodes the records that we make ourselves.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

import dnslib

from filterd.policy.domains import InvalidHost, is_address, is_ordinary, normalise_host

HEADER_SIZE = 12
MAX_MESSAGE = 65535
MAX_WIRE_NAME = 255  # RFC 1035 §2.3.4
SAFE_UDP_SIZE = 1232  # DNS flag day 2020: what passes every path unfragmented
MIN_UDP_SIZE = 512

QR, TC, RD, RA, AD, CD = 0x8000, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
_OPCODE = 0x7800
DO = 0x8000

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
IN = 1
A, NS, CNAME, SOA, PTR, HINFO, MX, AAAA, DNAME, OPT, DS, RRSIG, SVCB, HTTPS = (
    1,
    2,
    5,
    6,
    12,
    13,
    15,
    28,
    39,
    41,
    43,
    46,
    64,
    65,
)
TKEY, TSIG, IXFR, AXFR, ANY = 249, 250, 251, 252, 255
EDE_OPTION = 15  # RFC 8914

THE_QUESTION = b"\xc0\x0c"  # a pointer to the question's name: our records' usual owner
ROOT = b"\0"
_OPT_SIZE = 11  # without options
RECORD_OVERHEAD = 12  # a record's size with a pointer for its owner, without its data

_header = struct.Struct("!HHHHHH")
_question = struct.Struct("!HH")
_fixed = struct.Struct("!HHIH")  # type, class, TTL, length of the data
_option = struct.Struct("!HH")
_new = tuple.__new__  # what Query() comes to, without its Python in between
_plain_label = re.compile(rb"[a-z0-9_-]+").fullmatch
_plain_name = re.compile(rb"[a-z0-9_.-]*").fullmatch


class ProtocolError(ValueError):
    """A message breaks the protocol. *rcode* is the answer that is owed, ``None`` where none is."""

    def __init__(self, why: str, *, rcode: int | None = FORMERR) -> None:
        super().__init__(why)
        self.rcode = rcode


class Query(NamedTuple):
    """One question of a client.

    *qname* is as received: labels, letter case. *host* is the name to judge: normalised, and for a name with labels
    that no host name can have (``My Printer._ipp._tcp.example.com``) the domain that it is in; empty where nothing is
    left to judge (the root, and what cannot exist: names that end in a number). *udp_size* is what the client can take.
    """

    id: int
    flags: int
    qname: bytes
    host: str
    qtype: int
    qclass: int
    edns: bool = False
    do: bool = False
    udp_size: int = MIN_UDP_SIZE
    edns_version: int = 0

    @property
    def rd(self) -> bool:
        """Whether recursion is desired."""
        return bool(self.flags & RD)

    @property
    def ad(self) -> bool:
        """Whether the client wants to know if the answer is authentic (RFC 6840 §5.7)."""
        return bool(self.flags & AD)

    @property
    def cd(self) -> bool:
        """Whether the client forbids checking."""
        return bool(self.flags & CD)

    @property
    def question(self) -> bytes:
        """The question section as received."""
        return self.qname + _question.pack(self.qtype, self.qclass)


class Record(NamedTuple):
    """A resource record that we make; class IN."""

    type: int
    ttl: int
    rdata: bytes
    owner: bytes = THE_QUESTION


class ExtendedError(NamedTuple):
    """An extended DNS error (RFC 8914)."""

    code: int
    text: str = ""


class _Edns(NamedTuple):
    udp_size: int
    version: int
    do: bool


def parse_query(raw: bytes) -> Query:
    """Return the question that *raw*, a whole message, asks.

    Raises:
        ProtocolError: there is none; its *rcode* says what to answer.
    """
    if len(raw) < HEADER_SIZE:
        raise ProtocolError("shorter than a header", rcode=None)
    query_id, flags, questions, answers, authorities, additionals = _header.unpack_from(raw)
    if flags & QR:
        # Answering an answer is how two servers are made to talk to each other for ever.
        raise ProtocolError("an answer, no query", rcode=None)
    if flags & _OPCODE:
        raise ProtocolError("an opcode other than QUERY", rcode=NOTIMP)
    if questions != 1 or answers or authorities:
        raise ProtocolError("not exactly one question")
    try:
        labels, at = read_name(raw, HEADER_SIZE, pointers=False)
        qtype, qclass = _question.unpack_from(raw, at)
        bare = not additionals and at + 4 == len(raw)
        edns = _NO_EDNS if bare else _read_additional(raw, at + 4, additionals) or _NO_EDNS
    except (IndexError, struct.error) as error:
        raise ProtocolError("cut") from error
    return _new(
        Query,
        (
            query_id, flags, raw[HEADER_SIZE:at], host_of(labels), qtype, qclass, edns is not _NO_EDNS, edns.do,
            max(edns.udp_size, MIN_UDP_SIZE), edns.version,
        ),
    )  # fmt: skip


def reply(
    query: Query,
    *,
    rcode: int = NOERROR,
    answers: Sequence[Record] = (),
    authority: Sequence[Record] = (),
    error: ExtendedError | None = None,
) -> bytes:
    """Return our own answer to *query*; *error* is told only to a client that speaks EDNS."""
    flags = QR | RA | (query.flags & (RD | CD)) | (rcode & 15)
    parts = [
        _header.pack(query.id, flags, 1, len(answers), len(authority), query.edns),
        query.question,
        *(r.owner + _fixed.pack(r.type, IN, r.ttl, len(r.rdata)) + r.rdata for r in answers),
        *(r.owner + _fixed.pack(r.type, IN, r.ttl, len(r.rdata)) + r.rdata for r in authority),
    ]
    if query.edns:
        options = encode_error(error) if error else b""
        if error and sum(map(len, parts)) + _OPT_SIZE + len(options) > query.udp_size:
            options = encode_error(ExtendedError(error.code))  # RFC 8914 §3: the text is no reason to truncate
        parts.append(opt_record(do=query.do, rcode=rcode, options=options))
    return b"".join(parts)


def error_reply(raw: bytes, rcode: int | None) -> bytes | None:
    """Return the bare *rcode* for *raw*, of which only the header can be trusted; ``None`` where no answer is owed."""
    if rcode is None or len(raw) < HEADER_SIZE:
        return None
    query_id, flags, *_ = _header.unpack_from(raw)
    return _header.pack(query_id, QR | RA | (flags & (_OPCODE | RD | CD)) | rcode, 0, 0, 0, 0)


def fit(query: Query, message: bytes, *, limit: int) -> bytes:
    """Return *message*, or where it is longer than *limit* bytes a truncated one that sends the client to TCP."""
    if len(message) <= limit:
        return message
    flags = _header.unpack_from(message)[1] | TC
    opt = opt_record(do=query.do) if query.edns else b""
    return _header.pack(query.id, flags, 1, 0, 0, query.edns) + query.question + opt


def make_question(qname: bytes, qtype: int, *, do: bool = False, cd: bool = False) -> bytes:
    """Return the question that we ask an upstream; the id is the transport's to choose.

    AD asks to be told whether the answer is authentic (RFC 6840 §5.7). The client's EDNS options stay here: they are
    hop by hop, and tell on it.
    """
    head = _QUESTION_HEAD_CD if cd else _QUESTION_HEAD
    return b"%b%b%b%b" % (head, qname, _question.pack(qtype, IN), _OPT_DO if do else _OPT)


def without_edns(question: bytes) -> bytes:
    """Return *question*, as `make_question` made it, for a server that does not know EDNS."""
    return question[:10] + b"\0\0" + question[HEADER_SIZE : -len(opt_record(do=False))]


def opt_record(*, do: bool, rcode: int = NOERROR, options: bytes = b"") -> bytes:
    """Return our OPT record (RFC 6891) with the upper bits of *rcode*."""
    if rcode < 16 and not options:
        return _OPT_DO if do else _OPT
    return _make_opt(do=do, rcode=rcode, options=options)


def _make_opt(*, do: bool, rcode: int, options: bytes) -> bytes:
    return ROOT + _fixed.pack(OPT, SAFE_UDP_SIZE, (rcode >> 4) << 24 | (DO if do else 0), len(options)) + options


def encode_error(error: ExtendedError) -> bytes:
    """Return *error* as an EDNS option."""
    text = error.text.encode()
    return _option.pack(EDE_OPTION, 2 + len(text)) + error.code.to_bytes(2) + text


def address_record(address: IPv4Address | IPv6Address, *, ttl: int, owner: bytes = THE_QUESTION) -> Record:
    """Return the A or AAAA record for *address*."""
    return Record(A if address.version == 4 else AAAA, ttl, address.packed, owner)


def cname_record(host: str, *, ttl: int) -> Record:
    """Return the record that says: the name asked for is *host*."""
    return Record(CNAME, ttl, encode_name(host))


def soa_record(*, ttl: int, owner: bytes = THE_QUESTION) -> Record:
    """Return the SOA with which "no" is remembered for *ttl* seconds (RFC 2308 §3)."""
    return Record(SOA, ttl, _soa_data() + ttl.to_bytes(4), owner)


def hinfo_record(*, ttl: int) -> Record:
    """Return the answer to ANY (RFC 8482 §4.2)."""
    return Record(HINFO, ttl, b"\x07RFC8482\x00")


def encode_name(host: str) -> bytes:
    """Return *host* as labels, uncompressed."""
    buffer = dnslib.DNSBuffer()
    buffer.encode_name_nocompress(dnslib.DNSLabel(host))
    return bytes(buffer.data)


def read_name(raw: bytes, at: int, *, pointers: bool = True) -> tuple[list[bytes], int]:
    """Return the labels of the name at *at* and where it ends. An ``IndexError`` means that *raw* is cut.

    Raises:
        ProtocolError: it is too long, or (no honest message has these) points forward, or in a query at all.
    """
    labels: list[bytes] = []
    end = 0  # where the name ends in its own place: set at the first pointer
    left = MAX_WIRE_NAME
    size = len(raw)
    while length := raw[at]:
        if length < 64:
            start = at + 1
            at = start + length
            left -= length + 1
            if left < 1 or at > size:
                raise ProtocolError("a name that is too long or cut")
            labels.append(raw[start:at])
            continue
        target = (length & 0x3F) << 8 | raw[at + 1]
        # Backwards only (RFC 1035 §4.1.4: "a prior occurrence"); a loop by way of labels ends at the length's limit.
        if length < 0xC0 or not pointers or target >= at:
            raise ProtocolError("a compression that is not allowed")
        end = end or at + 2
        at = target
    return labels, end or at + 1


def skip_name(raw: bytes, at: int) -> int:
    """Return where the name at *at* ends. An ``IndexError`` means that *raw* is cut."""
    while length := raw[at]:
        if length >= 0xC0:
            return at + 2
        if length >= 64:
            raise ProtocolError("a label of an unknown kind")
        at += length + 1
    return at + 1


def host_of(labels: list[bytes]) -> str:
    """Return the host to judge for the name of *labels*; see `Query`."""
    name = b".".join(labels).lower()
    text = name.decode("latin-1")  # ASCII, where it is ordinary
    if is_ordinary(text) and text.count(".") < len(labels):
        return text
    if not _plain_name(name) or name.count(b".") >= len(labels):
        name = _plain_end(labels)
    try:
        host = normalise_host(name.decode("ascii"))
    except InvalidHost:
        return ""
    # No top-level domain is a number: such a name does not exist, and must not be judged as the address it looks like.
    return "" if is_address(host) else host


def _plain_end(labels: list[bytes]) -> bytes:
    plain: list[bytes] = []
    for label in reversed(labels):
        if not _plain_label(label.lower()):
            break
        plain.append(label.lower())
    return b".".join(reversed(plain))


@cache
def _soa_data() -> bytes:
    """Return the SOA's data without the minimum, which is the negative answer's own TTL."""
    # The names that unbound gives too. They share no label, for dnslib would compress as if the message began here.
    buffer = dnslib.DNSBuffer()
    dnslib.SOA("localhost", "nobody.invalid", (1, 3600, 1200, 604800, 0)).pack(buffer)
    return bytes(buffer.data[:-4])


# What most messages of ours hold.
_QUESTION_HEAD = _header.pack(0, RD | AD, 1, 0, 0, 1)
_QUESTION_HEAD_CD = _header.pack(0, RD | AD | CD, 1, 0, 0, 1)
_OPT, _OPT_DO = (_make_opt(do=do, rcode=NOERROR, options=b"") for do in (False, True))
_NO_EDNS = _Edns(MIN_UDP_SIZE, 0, do=False)


def _read_additional(raw: bytes, at: int, records: int) -> _Edns | None:
    """Return what the OPT record among *records* says, having read to the end of *raw*."""
    found: _Edns | None = None
    for _ in range(records):
        start, at = at, skip_name(raw, at)
        rtype, udp_size, ttl, length = _fixed.unpack_from(raw, at)
        at += _fixed.size + length
        if at > len(raw):
            raise ProtocolError("a cut record")
        if rtype != OPT:
            continue
        if found or raw[start]:  # RFC 6891 §6.1.1: one, owned by the root
            raise ProtocolError("more than one OPT record, or one with a name")
        _check_options(raw, at - length, at)
        found = _Edns(udp_size, ttl >> 16 & 0xFF, bool(ttl & DO))
    if at != len(raw):
        raise ProtocolError("something after the last record")
    return found


def _check_options(raw: bytes, at: int, end: int) -> None:
    while at < end:
        at += 4 + _option.unpack_from(raw, at)[1]
    if at != end:
        raise ProtocolError("cut EDNS options")
