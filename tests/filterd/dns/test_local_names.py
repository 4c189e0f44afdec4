# SPDX-License-Identifier: GPL-3.0-or-later
"""The house's own names."""

from __future__ import annotations

import pytest

from filterd.dns import wire
from filterd.dns.local_names import LocalNames
from filterd.dns.wire import parse_query
from tests.filterd.dns.fakes import answers, question, read

HOUSE = LocalNames.parse(
    {
        "Nas.Home.Arpa": ["192.168.1.5", "fd00::5"],
        "*.apps.lan": ["192.168.1.6"],
        "special.apps.lan": ["192.168.1.7"],
        "printer": ["192.168.1.5"],
    }
)


def ask(name: str, qtype: str = "A") -> list[str]:
    return [data for _, _, data in answers(HOUSE.answer(parse_query(question(name, qtype)), ttl=300))]


@pytest.mark.parametrize(
    ("name", "qtype", "data"),
    [
        ("nas.home.arpa", "A", ["192.168.1.5"]),
        ("NAS.home.arpa", "AAAA", ["fd00::5"]),
        ("nas.home.arpa", "HTTPS", []),
        ("printer", "AAAA", []),
        ("any.apps.lan", "A", ["192.168.1.6"]),
        ("a.b.apps.lan", "A", ["192.168.1.6"]),
        ("special.apps.lan", "A", ["192.168.1.7"]),
        ("5.1.168.192.in-addr.arpa", "PTR", ["nas.home.arpa.", "printer."]),
        ("5.1.168.192.in-addr.arpa", "A", []),
        ("7.1.168.192.in-addr.arpa", "PTR", ["special.apps.lan."]),
    ],
)
def test_a_name_has_what_it_was_given_and_no_more(name: str, qtype: str, data: list[str]) -> None:
    assert HOUSE.knows(parse_query(question(name, qtype)).host)
    assert ask(name, qtype) == data


@pytest.mark.parametrize(
    "name", ["x.nas.home.arpa", "home.arpa", "apps.lan", "lan", "6.1.168.192.in-addr.arpa", "printer.lan", ""]
)
def test_other_names_are_not_ours(name: str) -> None:
    assert not HOUSE.knows(name)


def test_no_names_are_none() -> None:
    assert not LocalNames().knows("nas.home.arpa")


def test_no_data_is_remembered_by_an_soa() -> None:
    reply = read(HOUSE.answer(parse_query(question("printer", "TXT")), ttl=30))

    assert (reply.header.rcode, [rr.ttl for rr in reply.auth]) == (wire.NOERROR, [30])


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ({"a b": ["192.168.1.1"]}, "'a b'"),
        ({"nas": ["192.168.1"]}, "'nas'.*192.168.1"),
        ({"nas": []}, "at least one address"),
        ({"192.168.1.1": ["192.168.1.1"]}, "write the name first"),
        ({"x.localhost": ["192.168.1.1"]}, "always this machine"),
    ],
)
def test_a_wrong_entry_is_named(entries: dict[str, list[str]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        LocalNames.parse(entries)
