# SPDX-License-Identifier: GPL-3.0-or-later
"""Where fuzzing begins: a few honest messages of each kind, made here."""

from __future__ import annotations

import base64
import random
from ipaddress import ip_address

from filterd.dns import svcb, wire
from filterd.dns.wire import ExtendedError

_HEAD = b"\x12\x34\1\0\0\1\0\0\0\0\0"
_NAME = b"\3www\7example\0"
_OPT = b"\0\0\x29\4\xd0\0\0\x80\0\0\0"


def queries() -> list[bytes]:
    """Return queries: with EDNS and without, options, types, odd names."""
    plain = [_HEAD + b"\0" + _NAME + rtype.to_bytes(2) + b"\0\1" for rtype in (1, 16, 28, 65, 255)]
    long = b"".join(b"\x3f" + b"x" * 63 for _ in range(3)) + b"\x3d" + b"y" * 61 + b"\0"
    return [
        *plain,
        *(_HEAD + b"\1" + _NAME + b"\0\1\0\1" + opt for opt in (_OPT, _OPT[:-2] + b"\0\4\0\x0a\0\0")),
        _HEAD + b"\1" + b"\3WwW\7eXample\0\0\1\0\1" + _OPT,
        _HEAD + b"\0" + long + b"\0\1\0\1",
        _HEAD + b"\0\0\0\2\0\1",
        _HEAD + b"\0\x0amy printer\4_ipp\4_tcp\7example\0\0\x10\0\1",
    ]


def services() -> list[bytes]:
    """Return the data of service records."""
    alpn = svcb.encode_alpn((b"h2", b"h3"))
    both = {svcb.IPV4HINT: bytes(range(8)), svcb.IPV6HINT: bytes(range(32))}
    return [
        svcb.write_service(b"\0\1\0", {svcb.ALPN: alpn, svcb.ECH: b"\0\4abcd", **both}),
        svcb.write_service(b"\0\1" + _NAME, {svcb.MANDATORY: b"\0\1\0\5", svcb.ALPN: alpn, svcb.ECH: b"x"}),
        svcb.write_service(b"\0\1\0", {svcb.NO_DEFAULT_ALPN: b"", svcb.ALPN: svcb.encode_alpn((b"h3",))}),
        b"\0\0" + _NAME,
    ]


def answers() -> list[bytes]:
    """Return answers: aliases, services, signatures, "no", truncation, errors."""
    asked = wire.parse_query(queries()[5])
    records = [
        wire.cname_record("shop.example", ttl=60),
        wire.address_record(ip_address("192.0.2.1"), ttl=30, owner=b"\4shop\xc0\x10"),
        wire.address_record(ip_address("2001:db8::1"), ttl=0x80000001),
        wire.Record(46, 60, b"\0\1\x0d\2\0\0\0\x3c" + bytes(8) + b"\0\1\7example\0" + b"s" * 64),
        wire.Record(wire.MX, 60, b"\0\x0a\4mail\xc0\x10"),
        wire.Record(wire.DNAME, 60, b"\xc0\x10"),
        *(wire.Record(wire.HTTPS, 60, rdata) for rdata in services()),
    ]
    soa = wire.soa_record(ttl=300, owner=b"\xc0\x10")
    return [
        wire.reply(asked, answers=records, authority=[soa], error=ExtendedError(22, "no")),
        wire.reply(asked, answers=records[:3]),
        wire.reply(asked, rcode=wire.NXDOMAIN, authority=[soa]),
        wire.reply(asked, rcode=wire.BADVERS),
        wire.fit(asked, wire.reply(asked, answers=records), limit=64),
    ]


def requests() -> list[bytes]:
    """Return what DoH is sent: targets, HTTP/1.1, frames of HTTP/2."""
    encoded = base64.urlsafe_b64encode(queries()[0]).rstrip(b"=")
    head = b"POST /dns-query HTTP/1.1\r\nHost: dns.example\r\nContent-Type: application/dns-message\r\n"
    frames = (
        b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64", b"\0\0\4\x08\0\0\0\0\0\0\1\0\0", b"\0\0\x05\1\5\0\0\0\1\x82\x86\x84\x41\0",
        b"\0\0\4\3\0\0\0\0\1\0\0\0\x08", b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0",
    )  # fmt: skip
    return [
        encoded,
        b"tableta\ndns=" + encoded,
        b"/dns-query?dns=" + encoded,
        b"GET /dns-query?dns=" + encoded + b" HTTP/1.1\r\nHost: dns.example\r\n\r\n",
        head + b"Content-Length: %d\r\n\r\n" % len(queries()[0]) + queries()[0],
        head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"".join(frames),
    ]


def streams() -> list[bytes]:
    """Return what is sent by TCP: queries with their lengths before them."""
    return [b"".join(len(raw).to_bytes(2) + raw for raw in queries()[at:]) for at in range(0, 8, 3)]


def seeds(target: str) -> list[bytes]:
    """Return where the fuzzing of *target* begins."""
    return {
        "query": queries(),
        "name": [b"\1" + _NAME, b"\x0e\3www\xc0\1\3www\xc0\1", *queries()],
        "answer": answers(),
        "trimmed": answers(),
        "matched": [message[2:] for message in answers()],
        "services": services(),
        "ready": queries(),
        "over_https": [*requests(), *queries()],
        "http": requests(),
        "framing": streams(),
    }[target]


def mutate(raw: bytes, chance: random.Random) -> bytes:
    """Return *raw* changed in some places: bits, bytes, lengths, pieces taken out, doubled or put elsewhere."""
    out = bytearray(raw)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(out) + 1)
        match chance.randrange(7):
            case 0 if at < len(out):
                out[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(out):
                out[at] = chance.choice((0, 1, 63, 64, 0xC0, 0xFF, chance.randrange(256)))
            case 2:
                del out[at : at + chance.randint(1, 12)]
            case 3:
                out[at:at] = chance.randbytes(chance.randint(1, 12))
            case 4:
                start = chance.randrange(len(out) + 1)
                out[at:at] = out[start : start + chance.randint(1, 40)]
            case 5:
                out[at : at + 2] = chance.choice((b"\0\0", b"\xc0\x0c", b"\xff\xff", b"\0\x29", b"\0\x05", b"\0\x41"))
            case 6:
                del out[at:]
    return bytes(out[:4096])
