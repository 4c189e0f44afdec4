# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to the query in it, from an answer to its response."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.dns import wire
from filterd.dns.doh import DohQuery, make_response, read_request, service_for
from filterd.dns.http_session import Request, Response
from filterd.dns.wire import Record
from tests.filterd.dns.fakes import Zone, question

SERVICE = service_for(("dns.example.org", "192.0.2.1", "2001:db8::1"))
QUERY = question("www.example")
POST = Request(0, "POST", "dns.example.org", "/dns-query", "application/dns-message", QUERY)


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def get(parameters: str) -> Request:
    return replace(POST, method="GET", target=f"/dns-query?{parameters}", media_type="", body=b"")


@given(st.binary(min_size=10, max_size=4000))
def test_get_and_post_carry_the_same_query(rest: bytes) -> None:
    raw = b"\0\0" + bytes([rest[0] & 0x7F]) + rest[1:]
    if len(raw) < wire.HEADER_SIZE:
        raw += bytes(wire.HEADER_SIZE)

    assert read_request(get(f"dns={encode(raw)}"), SERVICE) == DohQuery(raw, None)
    assert read_request(get(f"ct=x&dns={base64.urlsafe_b64encode(raw).decode()}"), SERVICE) == DohQuery(raw, None)
    assert read_request(replace(POST, body=raw), SERVICE) == DohQuery(raw, None)


@pytest.mark.parametrize(
    ("authority", "target", "device"),
    [
        ("dns.example.org", "/dns-query", None),
        ("DNS.example.org.:443", "/dns-query", None),
        ("192.0.2.1:8443", "/dns-query", None),
        ("[2001:DB8::1]:8443", "/dns-query/", None),
        ("dns.example.org", "/dns-query/Ana-1", "ana-1"),
        ("luz.dns.example.org", "/dns-query", "luz"),
        ("luz.dns.example.org", "/dns-query/ana", "ana"),
    ],
)
def test_who_asks_is_in_path_or_host(authority: str, target: str, device: str | None) -> None:
    asked = replace(POST, authority=authority, target=target)

    assert read_request(asked, SERVICE) == DohQuery(QUERY, device)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (replace(POST, authority="evil.example"), 421),
        (replace(POST, authority=""), 421),
        (replace(POST, authority="a.b.dns.example.org"), 421),
        (replace(POST, target="/"), 404),
        (replace(POST, target="/dns-queryx"), 404),
        (replace(POST, target="/dns-query/a/b"), 404),
        (replace(POST, target="/dns-query/a%2fb"), 404),
        (replace(POST, method="DELETE"), 405),
        (replace(POST, method="HEAD"), 405),
        (replace(POST, media_type="application/json"), 415),
        (replace(POST, media_type=""), 415),
        (replace(POST, body=None), 413),
        (replace(POST, body=b""), 400),
        (replace(POST, body=bytes(11)), 400),
        (replace(POST, body=b"\0\0\x80" + bytes(20)), 400),
        (get(""), 400),
        (get("dns="), 400),
        (get("dns=%%%"), 400),
        (get("dns=ñ"), 400),
        (get("dns=AAAA+AAAA"), 400),
        (get(f"dns={encode(QUERY)}&dns={encode(QUERY)}"), 400),
        (get("&".join(f"a{n}=1" for n in range(50))), 400),
        (get("dns=" + "A" * 6000), 414),
        (get("dns=" + "A" * 5500), 414),
    ],
)
def test_what_is_wrong_has_its_status(request_: Request, status: int) -> None:
    refused = read_request(request_, SERVICE)

    assert isinstance(refused, Response)
    assert refused.status == status


def test_the_methods_that_would_do_are_told() -> None:
    refused = read_request(replace(POST, method="PUT"), SERVICE)

    assert isinstance(refused, Response)
    assert refused.headers == (("allow", "GET, POST"),)


@given(st.text(max_size=50), st.text(max_size=200), st.sampled_from(["GET", "POST", "PUT"]), st.binary(max_size=50))
def test_no_request_breaks_the_reading(authority: str, target: str, method: str, body: bytes) -> None:
    for host in ("dns.example.org", authority):
        for where in (target, f"/dns-query{target}", f"/dns-query?dns={target}"):
            read_request(Request(1, method, host, where, "application/dns-message", body), SERVICE)


def max_age(answer: bytes) -> str:
    return dict(make_response(answer).headers)["cache-control"]


def test_an_answer_is_fresh_for_its_least_ttl() -> None:
    query = wire.parse_query(QUERY)
    records = [Record(wire.A, ttl, bytes(4)) for ttl in (300, 7, 60)]

    assert max_age(wire.reply(query, answers=records)) == "private, max-age=7"


def test_a_no_is_fresh_for_the_minimum_of_its_soa() -> None:
    assert max_age(Zone().respond(QUERY)) == "private, max-age=600"


@pytest.mark.parametrize("rcode", [wire.SERVFAIL, wire.REFUSED, wire.FORMERR])
def test_a_failure_is_not_kept(rcode: int) -> None:
    bare = wire.error_reply(QUERY, rcode)

    assert max_age(wire.reply(wire.parse_query(QUERY), rcode=rcode)) == "private, max-age=0"
    assert bare is not None
    assert max_age(bare) == "private, max-age=0"
