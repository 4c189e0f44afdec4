# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall reads of a category's addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

from filterd.database.addresses import blocked_networks, write_address_set
from filterd.database.build import build_database
from filterd.database.layout import DatabaseError
from filterd.database.reader import Database
from filterd.policy.model import Effect, Rule, RuleList
from filterd.policy.networks import parse_network

BUILT = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)


def blocked(folder: Path, *lists: RuleList) -> list[str]:
    build_database(lists, folder / "a.fdb", built=BUILT)
    return [network.prefix() for network in blocked_networks(Database.open(folder / "a.fdb"), "x")]


def test_addresses_of_the_category_are_joined_over_its_lists(tmp_path: Path) -> None:
    one = RuleList("one", "x", [Rule("203.0.113.0/25"), Rule("203.0.113.7"), Rule("a.example"), Rule("2001:db8::1")])
    two = RuleList("two", "x", [Rule("203.0.113.128/25"), Rule("198.51.100.1", "/page")])
    other = RuleList("other", "y", [Rule("198.51.100.2")])

    assert blocked(tmp_path, one, two, other) == ["203.0.113.0/24", "2001:db8::1/128"]


def test_an_exception_leaves_its_own_lists_networks_only(tmp_path: Path) -> None:
    allow = Rule("203.0.113.0/31", effect=Effect.EXCEPT)
    one = RuleList("one", "x", [Rule("203.0.113.0/29"), allow])
    two = RuleList("two", "x", [Rule("203.0.113.1")])

    assert blocked(tmp_path, one, two) == ["203.0.113.1/32", "203.0.113.2/31", "203.0.113.4/30"]


def test_what_is_important_is_not_taken_back(tmp_path: Path) -> None:
    allow = Rule("203.0.113.0/24", effect=Effect.EXCEPT)
    listed = [Rule("203.0.113.9", effect=Effect.IMPORTANT), Rule("203.0.113.8"), allow]

    assert blocked(tmp_path, RuleList("one", "x", listed)) == ["203.0.113.9/32"]


def test_the_file_is_one_prefix_a_line_ipv4_first(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    networks = [parse_network(text) for text in ("2001:db8::/32", "203.0.113.0/24", "198.51.100.1")]

    write_address_set(path, "x", networks, built=BUILT)

    lines = path.read_text().splitlines()
    assert [line for line in lines if line[0] != "#"] == ["203.0.113.0/24", "198.51.100.1/32", "2001:db8::/32"]
    assert lines[1:4] == ["# date: 2026-11-21T18:30:00+00:00", "# ipv4: 2", "# ipv6: 1"]
    assert all(ip_network(line) for line in lines[4:])
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("203.0.113.0/24\n")
    (tmp_path / "x.txt.new").mkdir()

    with pytest.raises(DatabaseError, match=r"x\.txt: cannot be written: .*filterd compile"):
        write_address_set(path, "x", [], built=BUILT)
    assert path.read_text() == "203.0.113.0/24\n"
