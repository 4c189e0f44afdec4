# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that never leave this machine."""

from __future__ import annotations

import ipaddress

import pytest

from filterd.dns import wire
from filterd.dns.special import Local, is_demonstration, local_answer, local_reply, refusal
from filterd.dns.wire import parse_query
from tests.filterd.dns.fakes import answers, question, read


@pytest.mark.parametrize(
    "host",
    [
        "use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com", "dns-tunnel-check.googlezip.net", "wpad",
        "x.test", "test", "www.invalid", "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion", "box.local",
        "router.home.arpa", "a.alt",
    ],
)  # fmt: skip
def test_a_special_name_does_not_exist(host: str) -> None:
    assert local_answer(host) is Local.NXDOMAIN


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "100.127.0.1",
     "0.0.0.1", "192.0.2.1", "fd00::1", "fe80::1", "febf::1", "2001:db8::1"],
)  # fmt: skip
def test_a_private_address_has_no_name(address: str) -> None:
    assert local_answer(ipaddress.ip_address(address).reverse_pointer) is Local.NXDOMAIN


@pytest.mark.parametrize("address", ["172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "8.8.8.8", "2620:fe::fe"])
def test_a_public_address_may_have_one(address: str) -> None:
    assert local_answer(ipaddress.ip_address(address).reverse_pointer) is None


@pytest.mark.parametrize(
    "host",
    ["example.com", "com", "ipv4only.arpa", "in-addr.arpa", "arpa", "latest", "x.latest", "use-application-dns.net.py",
     "icloud.com", "prueba.home.arpa", "gambling.prueba.home.arpa", "localhost.example"],
)  # fmt: skip
def test_an_ordinary_name_is_none_of_ours(host: str) -> None:
    assert local_answer(host) is None


@pytest.mark.parametrize(
    "host",
    ["resolver.arpa", "_dns.resolver.arpa", "home.arpa", "10.in-addr.arpa", "168.192.in-addr.arpa", "d.f.ip6.arpa",
     ipaddress.ip_address("255.255.255.255").reverse_pointer, ipaddress.ip_address("::1").reverse_pointer],
)  # fmt: skip
def test_a_name_that_exists_for_nothing_has_no_data(host: str) -> None:
    assert local_answer(host) is Local.NODATA


@pytest.mark.parametrize("host", ["home.arpa", "10.in-addr.arpa"])
def test_who_validates_may_ask_the_parent_that_an_empty_zone_is_unsigned(host: str) -> None:
    assert local_answer(host, wire.DS) is None
    assert local_answer("x." + host, wire.DS) is Local.NXDOMAIN


@pytest.mark.parametrize("host", ["localhost", "x.localhost"])
def test_localhost_is_this_machine(host: str) -> None:
    assert local_answer(host) is Local.LOOPBACK


@pytest.mark.parametrize(("qtype", "data"), [("A", ["127.0.0.1"]), ("AAAA", ["::1"]), ("MX", [])])
def test_loopback_has_addresses_and_nothing_else(qtype: str, data: list[str]) -> None:
    reply = local_reply(parse_query(question("localhost", qtype)), Local.LOOPBACK)

    assert [shown for _, _, shown in answers(reply)] == data
    assert bool(read(reply).auth) == (data == [])


@pytest.mark.parametrize(("answer", "rcode"), [(Local.NXDOMAIN, wire.NXDOMAIN), (Local.NODATA, wire.NOERROR)])
def test_no_is_remembered_by_an_soa(answer: Local, rcode: int) -> None:
    reply = read(local_reply(parse_query(question("x.test")), answer, ttl=30))

    assert (reply.header.rcode, reply.rr, [rr.ttl for rr in reply.auth]) == (rcode, [], [30])


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("prueba.home.arpa", True), ("permitido.prueba.home.arpa", True), ("noprueba.home.arpa", False)],
)
def test_the_demonstration_zone_is_its_own(host: str, is_one: bool) -> None:
    assert is_demonstration(host) is is_one


@pytest.mark.parametrize(
    ("qtype", "qclass", "rcode"),
    [(wire.AXFR, 1, wire.REFUSED), (wire.IXFR, 1, wire.REFUSED), (wire.A, 3, wire.REFUSED), (wire.A, 255, wire.REFUSED),
     (wire.OPT, 1, wire.FORMERR), (wire.TSIG, 1, wire.FORMERR), (wire.A, 1, None), (wire.ANY, 1, None)],
)  # fmt: skip
def test_some_questions_are_for_no_resolver_of_a_home(qtype: int, qclass: int, rcode: int | None) -> None:
    raw = question("example.com", edns=None)[:-4] + qtype.to_bytes(2) + qclass.to_bytes(2)

    assert refusal(parse_query(raw)) == rcode


def test_a_later_edns_is_told_that_we_speak_version_0() -> None:
    raw = bytearray(question("example.com"))
    raw[-5] = 1

    assert refusal(parse_query(bytes(raw))) == wire.BADVERS
