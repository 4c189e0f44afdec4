# SPDX-License-Identifier: GPL-3.0-or-later
"""A list's syntax, told from its first lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.rules_detect import Format, ListFormatError, detect_format, refuse_what_is_no_list


@pytest.mark.parametrize(
    ("lines", "written_in"),
    [
        (["# a list", "a.example", "b.example"], Format.DOMAINS),
        (["1.2.3.4", "10.0.0.0/8"], Format.DOMAINS),
        (["127.0.0.1 localhost", "0.0.0.0 a.example"], Format.HOSTS),
        (["::1 localhost", "0.0.0.0\ta.example # why"], Format.HOSTS),
        (["*.a.example", "*.b.example"], Format.WILDCARD),
        (["address=/a.example/#"], Format.DNSMASQ),
        (["server=/a.example/"], Format.DNSMASQ),
        (["server:", 'local-zone: "a.example." always_null'], Format.UNBOUND),
        (["[Adblock Plus 2.0]", "! title", "||a.example^", "example.com##.ad"], Format.ADBLOCK),
        (["! title", "||a.example^", "b.example", "c.example"], Format.ADBLOCK),
        (["@@||a.example^"], Format.ADBLOCK),
        (["$TTL 60", "@ SOA a. b. 1 2 3 4 5", "a.example CNAME ."], Format.RPZ),
        (["a.example/page", "b.example/x/y"], Format.UT1),
        (["# nothing but a head"], Format.DOMAINS),
        ([], Format.DOMAINS),
        (["ñandutí.com.py"], Format.DOMAINS),
    ],
)
def test_the_syntax_is_told(lines: list[str], written_in: Format) -> None:
    assert detect_format(lines) == written_in


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["", "<!DOCTYPE html>", "<title>404</title>"], "web page"),
        (["<html><body>Sorry</body></html>"], "web page"),
        (['<?xml version="1.0"?>'], "web page"),
        (['{"error": "rate limited"}'], "JSON"),
        (['["a.example", "b.example"]'], "JSON"),
        (["PK\x03\x04\x00\x00"], "binary"),
        (["\ufffd\ufffd\x01\x02" * 20], "binary"),
        (["fingerprint, ipaddr, port", "0008D9, 204.8.96.141, 444"], "no syntax"),
        (["package filtering", "type Service struct {", "}"], "no syntax"),
        (["Access denied. Please contact your administrator."], "no syntax"),
    ],
)
def test_what_is_no_list_is_refused_saying_what_it_is(lines: list[str], message: str) -> None:
    with pytest.raises(ListFormatError, match=message):
        detect_format(lines)


@given(st.lists(st.text(max_size=80), max_size=20))
def test_any_text_is_a_syntax_or_no_list(lines: list[str]) -> None:
    try:
        found = detect_format(lines)
    except ListFormatError:
        return

    assert found is not Format.AUTO


def test_a_few_odd_bytes_make_no_binary() -> None:
    lines = ["caf\ufffd.example", *["a-rather-long-name.example"] * 10]

    refuse_what_is_no_list(lines)
    assert detect_format(lines) is Format.DOMAINS
