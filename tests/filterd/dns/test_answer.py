# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upstream says reaches the client as it came."""

from __future__ import annotations

import itertools
import struct
from ipaddress import ip_address

import dnslib  # noqa: TID251 - an independent writer of answers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.answer import (
    ADDITIONAL,
    ANSWER,
    AUTHORITY,
    SERVICES,
    addresses,
    is_answer_to,
    read_answer,
    read_records,
)
from filterd.dns.rebinding import is_private
from filterd.dns.svcb import hints
from filterd.dns.wire import ProtocolError, parse_query
from tests.filterd.dns.fakes import Zone, answers, extended_error, question, read

ZONE = """
www.example.    300 IN CNAME shop.example.
shop.example.   120 IN CNAME cdn.other.example.
cdn.other.example. 60 IN A 192.0.2.1
cdn.other.example. 90 IN A 192.0.2.2
cdn.other.example. 90 IN AAAA 2001:db8::1
mail.example.   3600 IN MX 10 mx.example.
"""


_READ = (wire.CNAME, wire.DNAME, wire.SVCB, wire.HTTPS)  # rubbish in these is an error


def answer_of(name: str, qtype: str = "A") -> bytes:
    return Zone(ZONE).respond(question(name, qtype))


def test_the_records_pass_byte_for_byte() -> None:
    message = answer_of("www.example")

    passed = read_answer(message).for_client(parse_query(question("www.example")))

    without_opt = message[: len(message) - 11]
    assert passed[12 : len(without_opt)] == without_opt[12:]
    assert answers(passed) == answers(message)


def test_id_and_letter_case_are_the_clients() -> None:
    answer = read_answer(answer_of("mail.example", "MX"))

    passed = read(answer.for_client(parse_query(question("MaIl.eXample", "MX", query_id=99))))

    assert (passed.header.id, str(passed.q.qname), str(passed.rr[0].rname)) == (99, "MaIl.eXample.", "MaIl.eXample.")


def test_ttls_count_down_and_end_at_the_limit() -> None:
    passed = read_answer(answer_of("www.example")).for_client(
        parse_query(question("www.example")), age_s=50, at_most_s=100
    )

    assert [rr.ttl for rr in read(passed).rr] == [100, 70, 10, 40]


def test_an_answer_without_edns_is_for_a_client_without_it() -> None:
    answer = read_answer(answer_of("mail.example", "MX"))

    assert read(answer.for_client(parse_query(question("mail.example", "MX", edns=None)))).ar == []
    assert len(read(answer.for_client(parse_query(question("mail.example", "MX")))).ar) == 1


def test_an_answer_is_authentic_only_to_who_asked_to_know() -> None:
    message = bytearray(answer_of("mail.example", "MX"))
    message[3] |= wire.AD
    answer = read_answer(bytes(message))

    def ad(asked: bytes) -> int:
        return int(read(answer.for_client(parse_query(asked))).header.ad)

    assert ad(question("mail.example", "MX")) == 0
    assert ad(question("mail.example", "MX", ad=1)) == 1
    assert ad(question("mail.example", "MX", do=True)) == 1


def test_all_aliases_on_the_way_are_targets() -> None:
    assert read_answer(answer_of("www.example")).targets == ("shop.example", "cdn.other.example")


def test_the_target_of_an_https_record_is_one_too() -> None:
    message = Zone("a.example. 60 IN HTTPS 0 b.example.").respond(question("a.example", "HTTPS"))

    assert read_answer(message).targets == ("b.example",)


def test_a_dname_leads_to_its_target() -> None:
    message = wire.reply(
        parse_query(question("a.b.example", edns=None)),
        answers=[wire.Record(wire.DNAME, 60, wire.encode_name("casino.example"), b"\xc0\x0e")],
    )

    assert read_answer(message).targets == ("casino.example",)


def test_all_addresses_that_a_client_may_take_are_found() -> None:
    reply = read(question("a.example", "HTTPS")).reply()
    reply.add_answer(*dnslib.RR.fromZone("a.example. 60 IN HTTPS 1 . ipv4hint=192.0.2.1 ipv6hint=2001:db8::1"))
    reply.add_auth(*dnslib.RR.fromZone("ns.example. 60 IN A 192.0.2.9"))
    reply.add_ar(*dnslib.RR.fromZone("a.example. 60 IN A 192.0.2.2\na.example. 60 IN AAAA 2001:db8::2"))

    answer = read_answer(bytes(reply.pack()))

    found = [str(ip_address(packed)) for packed in answer.packed]
    assert found == ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"]
    assert (answer.services, answer.private) == (True, False)


def test_a_private_address_is_noticed() -> None:
    message = Zone("a.example. 60 IN A 192.0.2.1\na.example. 60 IN A 10.0.0.1").respond(question("a.example"))

    assert read_answer(message).private


types = st.integers(1, 0xFFFF).filter(lambda rtype: rtype not in (*_READ, wire.OPT))
records = st.builds(
    wire.Record,
    types,
    st.integers(0, 0x7FFFFFFF),
    st.binary(max_size=300),
    st.sampled_from([b"\xc0\x0c", b"\1x\xc0\x0c"]),
)
flags = st.fixed_dictionaries({}, optional={name: st.just(1) for name in ("ad", "cd", "rd")})


@settings(deadline=None)
@given(st.lists(records, max_size=6), st.lists(records, max_size=4), flags, st.booleans(), st.booleans())
def test_every_type_passes_unharmed_whatever_is_in_it(
    answers: list[wire.Record], authority: list[wire.Record], flags: dict[str, int], do: bool, authentic: bool
) -> None:
    query = parse_query(question("www.example", "A", edns=1232, do=do, query_id=1, **flags))
    message = bytearray(wire.reply(query, answers=answers, authority=authority))
    message[3] |= wire.AD if authentic else 0

    passed = read_answer(bytes(message)).for_client(query)

    told = authentic and (do or "ad" in flags)
    assert passed[4:] == message[4:]
    assert passed[2:4] == (int.from_bytes(message[2:4]) & ~(0 if told else wire.AD)).to_bytes(2)


def test_addresses_come_with_their_ttls() -> None:
    answer = read_answer(answer_of("www.example"))

    assert [(str(a), ttl) for a, ttl in addresses(answer, wire.A)] == [("192.0.2.1", 60), ("192.0.2.2", 90)]
    assert list(addresses(answer, wire.AAAA)) == []


@pytest.mark.parametrize(
    ("message", "keep_s"),
    [
        pytest.param(answer_of("www.example"), 60, id="the least of the TTLs"),
        pytest.param(answer_of("www.example", "MX"), 120, id="no data: an alias counts too"),
        pytest.param(answer_of("mail.example"), 600, id="no data: the SOA's minimum"),
        pytest.param(answer_of("none.example"), 600, id="no name: the SOA's minimum"),
        pytest.param(bytes(read(question("x.example")).reply().pack()), 0, id="no data without SOA"),
        pytest.param(wire.reply(parse_query(question("x.example")), rcode=wire.SERVFAIL), 0, id="a failure"),
    ],
)
def test_an_answer_is_kept_as_long_as_it_says(message: bytes, keep_s: int) -> None:
    assert read_answer(message).keep_s == keep_s


def test_the_upstreams_extended_errors_pass_and_its_other_options_do_not() -> None:
    reply = read(question("x.example", edns=None)).reply()
    reply.header.rcode = wire.SERVFAIL
    cookie, bogus = dnslib.EDNSOption(10, b"12345678"), dnslib.EDNSOption(15, b"\0\x06bogus")
    reply.add_ar(dnslib.EDNS0(udp_len=4096, opts=[cookie, bogus]))

    passed = read_answer(bytes(reply.pack())).for_client(parse_query(question("x.example")))

    assert extended_error(passed) == (6, "bogus")
    assert [option.code for option in read(passed).ar[0].rdata] == [15]


def test_a_ttl_with_the_upper_bit_is_zero() -> None:
    message = wire.reply(
        parse_query(question("x.example", edns=None)), answers=[wire.Record(wire.A, 0x80000001, bytes(4))]
    )

    assert [ttl for _, ttl in read_answer(message).ttls] == [0]


def test_records_after_the_opt_are_left_out_and_counted() -> None:
    reply = read(question("x.example")).reply()
    reply.add_answer(*dnslib.RR.fromZone("x.example. 60 IN A 192.0.2.1"))
    reply.add_ar(dnslib.EDNS0(udp_len=1232), *dnslib.RR.fromZone("ns.x.example. 60 IN A 192.0.2.2"))

    passed = read(read_answer(bytes(reply.pack())).for_client(parse_query(question("x.example"))))

    assert ([str(rr.rdata) for rr in passed.rr], len(passed.ar)) == (["192.0.2.1"], 1)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_a_malformed_answer_is_a_protocol_error_and_nothing_else(tail: bytes) -> None:
    head = answer_of("www.example")[:60]
    try:
        answer = read_answer(head + tail)
    except ProtocolError:
        return
    assert len(answer.for_client(parse_query(question("www.example", edns=None)))) <= len(head + tail)


@settings(deadline=None)
@given(st.data())
def test_a_bent_answer_is_read_or_refused(data: st.DataObject) -> None:
    message = bytearray(answer_of("www.example"))
    for _ in range(data.draw(st.integers(1, 5))):
        message[data.draw(st.integers(12, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        answer = read_answer(bytes(message))
    except ProtocolError:
        return

    assert answer.keep_s >= 0
    assert all(0 <= at < len(answer.message) for at, _ in answer.ttls)


OURS = wire.make_question(wire.encode_name("wWw.example"), wire.A)


def reply_to(message: bytes) -> bytearray:
    return bytearray(message[:2] + b"\x81\x80" + message[4:])


def test_an_answer_matches_its_question() -> None:
    assert is_answer_to(bytes(reply_to(OURS)), OURS, same_case=True)


@pytest.mark.parametrize(
    ("at", "byte"),
    [(0, 1), (2, 0x01), (5, 2), (14, ord("X")), (26, 28)],
    ids=["id", "no answer", "two questions", "name", "type"],
)
def test_an_answer_to_something_else_does_not_match(at: int, byte: int) -> None:
    forged = reply_to(OURS)
    forged[at] = byte

    assert not is_answer_to(bytes(forged), OURS, same_case=False)


def test_letter_case_counts_where_it_is_asked_to() -> None:
    lower = bytes(reply_to(OURS)).replace(b"wWw", b"www")

    assert not is_answer_to(lower, OURS, same_case=True)
    assert is_answer_to(lower, OURS, same_case=False)


@pytest.mark.parametrize(("flags", "matches"), [(b"\x81\x81", True), (b"\x81\x84", True), (b"\x81\x80", False)])
def test_an_error_may_come_without_the_question(flags: bytes, matches: bool) -> None:
    assert is_answer_to(OURS[:2] + flags + bytes(8), OURS, same_case=True) is matches


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_rubbish_matches_nothing(raw: bytes) -> None:
    assert not is_answer_to(raw, struct.pack("!H", 0x5653) + OURS[2:], same_case=False)


@st.composite
def answers_of_any_kind(draw: st.DrawFn) -> bytes:
    """Return answers as upstreams give them: addresses, aliases, services, "no", an OPT record, errors, cut ends."""
    host = wire.encode_name("cdn.example.net")
    rdata = {
        wire.A: st.sampled_from([b"\xc0\0\2\1", b"\x0a\0\0\1", b"\1\2"]),
        wire.AAAA: st.sampled_from([bytes(16), b"\x20\1\x0d\xb8" + bytes(12), b"\1"]),
        wire.CNAME: st.sampled_from([host, b"\3www\xc0\x0c", b"\0"]),
        wire.HTTPS: st.sampled_from([b"\0\1\0", b"\0\0" + host, b"\0\1\0\0\4\0\4\xc0\0\2\2"]),
        wire.SOA: st.just(b"\0\0" + bytes(16) + b"\0\0\0\x3c"),
        wire.RRSIG: st.binary(max_size=8),
    }
    records = st.sampled_from(sorted(rdata)).flatmap(
        lambda rtype: st.builds(
            wire.Record,
            st.just(rtype),
            st.sampled_from([0, 1, 300, 86401, 0x80000001]),
            rdata[rtype],
            st.sampled_from([b"\xc0\x0c", b"\1x\xc0\x0c"]),
        )
    )
    qtype = draw(st.sampled_from([wire.A, wire.AAAA, wire.HTTPS]))
    head = struct.pack("!HHHHHH", 1, wire.RD, 1, 0, 0, 0)
    asked = parse_query(head + wire.encode_name("www.example") + struct.pack("!HH", qtype, wire.IN))
    answer, authority = draw(st.lists(records, max_size=4)), draw(st.lists(records, max_size=2))
    message = bytearray(wire.reply(asked, answers=answer, authority=authority, rcode=draw(st.sampled_from([0, 2, 3]))))
    message[2] |= draw(st.sampled_from([0, 0, 0, wire.TC >> 8]))
    extra = draw(st.lists(st.sampled_from([wire.opt_record(do=False), b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4\1\2\3\4"])))
    message[10:12] = len(extra).to_bytes(2)
    whole = bytes(message) + b"".join(extra)
    return whole[: len(whole) - draw(st.sampled_from([0, 0, 0, 1, 5]))]


@settings(deadline=None)
@given(answers_of_any_kind())
def test_what_is_read_in_one_pass_is_what_the_records_say_one_by_one(message: bytes) -> None:
    try:
        answer = read_answer(message)
    except ProtocolError:
        return
    before_opt = list(
        itertools.takewhile(lambda r: (r.type, r.section) != (wire.OPT, ADDITIONAL), read_records(message))
    )
    told = [r for r in before_opt if r.section != AUTHORITY]
    sizes = {wire.A: 4, wire.AAAA: 16}
    packed = []
    for record in told:
        rdata = message[record.data_at : record.end]
        packed += [rdata] if sizes.get(record.type) == len(rdata) else []
        packed += hints(rdata) if record.type in SERVICES else []
    names = {wire.CNAME: 0, wire.HTTPS: 2}
    leads = [
        wire.host_of(wire.read_name(message, r.data_at + names[r.type])[0])
        for r in told
        if r.section == ANSWER and r.type in names
    ]
    end = before_opt[-1].end if before_opt else wire.skip_name(message, wire.HEADER_SIZE) + 4

    assert answer.ttls == tuple((r.fixed_at + 4, r.ttl) for r in before_opt)
    assert answer.packed == tuple(packed)
    assert answer.private == any(map(is_private, packed))
    assert answer.targets == tuple(filter(None, leads))
    assert answer.services == any(r.type in SERVICES for r in told)
    assert answer.message[wire.HEADER_SIZE :] == message[wire.HEADER_SIZE : end]
    assert answer.message[:10] == message[:10]
    assert int.from_bytes(answer.message[10:12]) == sum(r.section == ADDITIONAL for r in before_opt)


def test_a_name_that_runs_beyond_its_record_is_malformed() -> None:
    message = bytes.fromhex(
        "01000000000100030000000103777f77076578616d706c650001030001c015000500010000003c000e33"
        + "00" * 62
        + "feffffff0000"
    )

    with pytest.raises(ProtocolError):
        read_answer(message)


@pytest.mark.parametrize("section", [6, 8])
def test_an_opt_record_out_of_its_place_is_malformed(section: int) -> None:
    message = bytearray(wire.make_question(b"\x01a\0", wire.A)[:-11] + wire.opt_record(do=False))
    message[2:12] = b"\x81\x80\0\x01" + bytes(6)
    message[section + 1] = 1

    with pytest.raises(ProtocolError, match="out of its place"):
        read_answer(bytes(message))
