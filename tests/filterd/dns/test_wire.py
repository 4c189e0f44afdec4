# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes to a query, replies to bytes: nothing that comes from outside does harm."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.wire import ExtendedError, ProtocolError, parse_query
from filterd.policy.domains import InvalidHost, is_address, normalise_host
from tests.filterd.dns.fakes import answers, extended_error, question, read

labels = st.binary(min_size=1, max_size=63)
names = st.lists(labels, max_size=8).filter(lambda parts: sum(map(len, parts)) + len(parts) < 255)


def header(*, flags: int = 0x0100, questions: int = 1, answer_count: int = 0, additional: int = 0) -> bytes:
    return struct.pack("!HHHHHH", 0x1234, flags, questions, answer_count, 0, additional)


def on_wire(*parts: bytes) -> bytes:
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def query_for(*parts: bytes, qtype: int = wire.A) -> bytes:
    return header() + on_wire(*parts) + struct.pack("!HH", qtype, 1)


def test_a_query_is_read_as_it_was_asked() -> None:
    query = parse_query(question("WWW.Example.com", "AAAA", edns=4000, do=True, ad=1, cd=1, query_id=7))

    assert (query.id, query.qname, query.host) == (7, on_wire(b"WWW", b"Example", b"com"), "www.example.com")
    assert (query.qtype, query.qclass, query.udp_size) == (wire.AAAA, wire.IN, 4000)
    assert (query.rd, query.ad, query.cd, query.edns, query.do) == (True, True, True, True, True)


def test_a_query_without_edns_takes_512_bytes() -> None:
    query = parse_query(question("example.com", edns=None))

    assert (query.edns, query.do, query.udp_size) == (False, False, 512)


def test_an_offer_below_512_bytes_counts_as_512() -> None:
    assert parse_query(question("example.com", edns=100)).udp_size == 512


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_rubbish_is_a_protocol_error_and_nothing_else(raw: bytes) -> None:
    rcode: int | None = wire.NOERROR
    try:
        reply: bytes | None = wire.reply(parse_query(raw))
    except ProtocolError as error:
        rcode = error.rcode
        reply = wire.error_reply(raw, rcode)

    assert reply is None or (reply[:2] == raw[:2] and reply[3] & 15 == rcode)


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 3), st.integers(0, 3))
def test_rubbish_after_an_honest_header_is_a_protocol_error_too(tail: bytes, questions: int, additional: int) -> None:
    raw = header(questions=questions, additional=additional) + tail
    try:
        query = parse_query(raw)
    except ProtocolError:
        return
    assert raw.startswith(header(questions=1, additional=additional) + query.question)


@settings(deadline=None)
@given(names)
def test_every_name_comes_back_as_it_was(parts: list[bytes]) -> None:
    query = parse_query(query_for(*parts))

    assert query.qname == on_wire(*parts)
    assert wire.read_name(wire.reply(query), wire.HEADER_SIZE)[0] == parts


@settings(deadline=None)
@given(st.integers(0, len(question("www.example.com")) - 1))
def test_a_cut_query_is_malformed(left: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_query(question("www.example.com")[:left])
    assert caught.value.rcode == (None if left < wire.HEADER_SIZE else wire.FORMERR)


@pytest.mark.parametrize(
    ("raw", "rcode"),
    [
        pytest.param(header(flags=0x8180) + on_wire(b"x") + b"\0\1\0\1", None, id="an answer is never answered"),
        pytest.param(header(flags=0x2800) + on_wire(b"x") + b"\0\6\0\1", wire.NOTIMP, id="UPDATE"),
        pytest.param(header(questions=0), wire.FORMERR, id="no question"),
        pytest.param(header(questions=2) + 2 * (on_wire(b"x") + b"\0\1\0\1"), wire.FORMERR, id="two questions"),
        pytest.param(header(answer_count=1) + on_wire(b"x") + b"\0\1\0\1", wire.FORMERR, id="an answer in a query"),
        pytest.param(header() + b"\1x\xc0\x0c\0\1\0\1", wire.FORMERR, id="a compressed question"),
        pytest.param(header() + on_wire(*[b"x" * 60] * 5) + b"\0\1\0\1", wire.FORMERR, id="a name of 305 bytes"),
        pytest.param(query_for(b"x") + b"more", wire.FORMERR, id="something after the end"),
        pytest.param(b"\0\1\1", None, id="no header"),
    ],
)
def test_a_malformed_query_says_what_is_owed(raw: bytes, rcode: int | None) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_query(raw)

    assert caught.value.rcode == rcode


def test_a_second_opt_record_is_malformed() -> None:
    one = question("example.com")
    two = one[:10] + b"\0\2" + one[12:] + one[-11:]

    with pytest.raises(ProtocolError, match="OPT"):
        parse_query(two)


def test_other_additional_records_are_passed_over() -> None:
    signed = question("example.com")
    tsig = on_wire(b"key") + struct.pack("!HHIH", wire.TSIG, 255, 0, 3) + b"abc"

    assert parse_query(signed[:10] + b"\0\2" + signed[12:] + tsig).edns


def test_an_error_reply_keeps_id_opcode_and_rd() -> None:
    reply = read(wire.error_reply(header(flags=0x2900), wire.NOTIMP))

    assert (reply.header.id, reply.header.qr, reply.header.opcode, reply.header.rd) == (0x1234, 1, 5, 1)
    assert (reply.header.rcode, reply.questions) == (wire.NOTIMP, [])


@pytest.mark.parametrize(
    ("parts", "host"),
    [
        pytest.param([b"Example", b"COM"], "example.com", id="letter case"),
        pytest.param([b"My Printer", b"_ipp", b"_tcp", b"example", b"com"], "_ipp._tcp.example.com", id="DNS-SD"),
        pytest.param([b"x", b"a b", b"casino", b"example"], "casino.example", id="a space further up"),
        pytest.param([b"www.safe", b"example"], "example", id="a dot inside a label"),
        pytest.param([b"\xc3\xb1", b"example"], "example", id="raw UTF-8"),
        pytest.param([b" example", b"com"], "com", id="a space that stripping would take away"),
        pytest.param([b"xn--andut-6qa2c", b"py"], "xn--andut-6qa2c.py", id="an A-label"),
        pytest.param([], "", id="the root"),
        pytest.param([b"192", b"0", b"2", b"1"], "", id="what looks like an address"),
        pytest.param([b"0x7f", b"1"], "", id="what a browser would read as an address"),
        pytest.param([b"example", b"c\0m"], "", id="nothing left"),
    ],
)
def test_a_name_is_judged_by_what_of_it_can_be_a_host(parts: list[bytes], host: str) -> None:
    assert parse_query(query_for(*parts)).host == host


def test_a_reply_is_what_dnslib_reads() -> None:
    query = parse_query(question("Foo.Example"))

    reply = wire.reply(
        query,
        answers=[wire.cname_record("bar.example", ttl=60), wire.address_record(ip_address("::1"), ttl=10)],
        authority=[wire.soa_record(ttl=10)],
        error=ExtendedError(17, "ñandú"),
    )

    assert answers(reply) == [("Foo.Example.", "CNAME", "bar.example."), ("Foo.Example.", "AAAA", "::1")]
    assert str(read(reply).auth[0].rdata) == "localhost. nobody.invalid. 1 3600 1200 604800 10"
    assert extended_error(reply) == (17, "ñandú")
    assert (read(reply).header.ra, read(reply).header.aa, read(reply).header.tc) == (1, 0, 0)


def test_only_a_client_with_edns_is_told_extended_errors() -> None:
    query = parse_query(question("example.com", edns=None))

    reply = wire.reply(query, rcode=wire.SERVFAIL, error=ExtendedError(22))

    assert read(reply).ar == []


def test_the_text_of_an_extended_error_is_no_reason_to_truncate() -> None:
    long = ".".join(["x" * 49] * 5)
    error = ExtendedError(17, "ñ" * 120)
    tight, roomy = (
        wire.reply(parse_query(question(long, edns=size)), authority=[wire.soa_record(ttl=10)], error=error)
        for size in (512, 1232)
    )

    assert (len(tight) <= 512, extended_error(tight)) == (True, (17, ""))
    assert extended_error(roomy) == error


def test_an_rcode_above_15_is_split_between_header_and_opt() -> None:
    reply = read(wire.reply(parse_query(question("example.com")), rcode=wire.BADVERS))

    assert (reply.header.rcode, reply.ar[0].ttl >> 24) == (0, 1)


def test_what_does_not_fit_sends_the_client_to_tcp() -> None:
    query = parse_query(question("example.com"))
    long = wire.reply(query, answers=[wire.hinfo_record(ttl=1)] * 100)

    short = wire.fit(query, long, limit=512)

    assert (read(short).header.tc, read(short).rr, str(read(short).q.qname)) == (1, [], "example.com.")
    assert len(read(short).ar) == 1
    assert wire.fit(query, long, limit=len(long)) == long


def test_our_question_to_an_upstream_asks_with_edns_and_keeps_letter_case() -> None:
    asked = parse_query(wire.make_question(on_wire(b"wWw", b"example"), wire.HTTPS, do=True, cd=True))

    assert (asked.qname, asked.qtype) == (on_wire(b"wWw", b"example"), wire.HTTPS)
    assert (asked.rd, asked.ad, asked.cd, asked.do, asked.udp_size) == (True, True, True, True, wire.SAFE_UDP_SIZE)


@settings(deadline=None)
@given(st.binary(min_size=14, max_size=80), st.integers(12, 79))
def test_reading_a_name_always_ends(raw: bytes, at: int) -> None:
    try:
        parts, end = wire.read_name(raw, at)
    except (ProtocolError, IndexError):
        return
    assert sum(map(len, parts)) + len(parts) < wire.MAX_WIRE_NAME
    assert at < end <= len(raw)


def test_a_compressed_name_is_followed_backwards_only() -> None:
    raw = on_wire(b"example") + b"\3www\xc0\x00" + b"\xc0\x10"

    assert wire.read_name(raw, 9) == ([b"www", b"example"], 15)
    with pytest.raises(ProtocolError):
        wire.read_name(raw, 15)


@pytest.mark.parametrize("host", ["example", "a.b.example", "_x-1.xn--p1ai"])
def test_an_encoded_name_is_read_back(host: str) -> None:
    parts, _ = wire.read_name(wire.encode_name(host), 0)

    assert wire.host_of(parts) == host


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([b"www", b"WwW", b"a-b_c", b"1", b"example", b"x", b"a.b", b"\xff", b" ", b"4x"]), max_size=6
    )
)
def test_an_ordinary_name_is_judged_as_any_other(parts: list[bytes]) -> None:
    plain: list[bytes] = []
    for part in reversed(parts):
        if not part.strip(b"\xff .") or b"." in part:
            break
        plain.insert(0, part.lower())
    try:
        expected = normalise_host(b".".join(plain).decode())
    except InvalidHost:
        expected = ""

    assert wire.host_of(parts) == ("" if is_address(expected) else expected)
