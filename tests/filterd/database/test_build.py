# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists go in, a database or one clear error comes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filterd.database.build import _fill_index, _SetTable, build_database
from filterd.database.layout import DatabaseError, Source
from filterd.database.reader import Database
from filterd.database.trie import build_trie
from filterd.policy.model import Effect, Rule, RuleList
from filterd.policy.networks import NetworkSet, parse_network

BUILT = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)


def test_the_report_and_the_file_tell_of_every_list(tmp_path: Path) -> None:
    date = datetime(2026, 11, 20, tzinfo=UTC)
    lists = [
        RuleList("ut1", "gambling", [Rule("bet.example"), Rule("casino.example")], "https://ut1.example", "CC", date),
        RuleList("ut1", "dating", [Rule("bet.example")]),
    ]

    report = build_database(lists, tmp_path / "a.fdb", built=BUILT)

    database = Database.open(tmp_path / "a.fdb")
    assert report.names == database.names == 2
    assert report.size == (tmp_path / "a.fdb").stat().st_size
    assert report.sources == (
        Source("ut1", "gambling", "https://ut1.example", "CC", date, rules=2),
        Source("ut1", "dating", "", "", None, rules=1),
    )
    assert database.sources == report.sources
    assert database.built == BUILT


def test_lists_of_the_same_id_and_category_are_one(tmp_path: Path) -> None:
    lists = [
        RuleList("mine", "gambling", [Rule("a.example")]),
        RuleList("mine", "dating", [Rule("b.example")]),
        RuleList("mine", "gambling", [Rule("b.example")]),
    ]

    report = build_database(lists, tmp_path / "a.fdb", built=BUILT)

    assert [(source.category, source.rules) for source in report.sources] == [("gambling", 2), ("dating", 1)]
    assert [m.category for m in Database.open(tmp_path / "a.fdb").find("b.example")] == ["gambling", "dating"]


def test_addresses_that_many_share_stay_out_and_are_counted(tmp_path: Path) -> None:
    shared = NetworkSet([parse_network("203.0.113.0/24")])
    excepted = Rule("203.0.113.8", effect=Effect.EXCEPT)  # takes back only, so it does no harm
    rules = [Rule("203.0.113.7"), Rule("203.0.112.0/20"), Rule("198.51.100.0/24"), excepted]

    report = build_database([RuleList("a", "x", rules)], tmp_path / "a.fdb", built=BUILT, shared=shared)

    assert (report.shared, report.shared_examples) == (2, ("203.0.113.7", "203.0.112.0/20"))
    assert (report.names, report.networks, report.sources[0].rules) == (0, 2, 2)
    assert [str(network) for network, _ in Database.open(tmp_path / "a.fdb").networks()] == [
        "198.51.100.0/24",
        "203.0.113.8",
    ]


@pytest.mark.parametrize("domain", ["0.0.0.0/0", "::/0", "10.0.0.0/7", "300.1.1.0/24", "example.com/24"])
def test_what_is_no_network_to_block_is_unusable(tmp_path: Path, domain: str) -> None:
    report = build_database([RuleList("a", "x", [Rule(domain)])], tmp_path / "a.fdb", built=BUILT)

    assert (report.unusable, report.names, report.networks) == (1, 0, 0)


def test_the_same_lists_make_the_same_bytes(tmp_path: Path) -> None:
    lists = [RuleList("a", "x", [Rule(f"{n}.example") for n in range(500)]), RuleList("b", "y", [Rule("7.example")])]
    for name in ("one", "two"):
        build_database(lists, tmp_path / name, built=BUILT)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_no_lists_make_a_database_that_covers_nothing(tmp_path: Path) -> None:
    build_database([], tmp_path / "a.fdb", built=BUILT)
    database = Database.open(tmp_path / "a.fdb")

    database.verify()
    assert not database.find("example.com")


@pytest.mark.parametrize(
    "rule",
    [
        Rule("example.com", apex=False, below=False),
        Rule("192.0.2.1", apex=False),
        Rule("example.com", "no-slash"),
        Rule("example.com", "/line\nend"),
        Rule("example.com", "/\ud800"),
        Rule(""),
    ],
    ids=["nothing", "below an address", "relative", "control", "surrogate", "no name"],
)
def test_a_rule_that_covers_nothing_is_counted_and_left_out(rule: Rule, tmp_path: Path) -> None:
    report = build_database([RuleList("a", "x", [rule, Rule("b.example")])], tmp_path / "a.fdb", built=BUILT)

    assert (report.unusable, report.names, report.sources[0].rules) == (1, 1, 1)
    assert Database.open(tmp_path / "a.fdb").find("b.example")


@pytest.mark.parametrize("lists", [5, 300], ids=["one byte", "two bytes"])
def test_every_set_has_its_number_however_many(lists: int, tmp_path: Path) -> None:
    names = [f"{n}.example" for n in range(lists)]
    given = (RuleList(f"list-{n}", "x", [Rule(name) for name in names[n:]]) for n in range(lists))
    build_database(given, tmp_path / "a.fdb", built=BUILT)
    database = Database.open(tmp_path / "a.fdb")

    found = [[match.list for match in database.find(name)] for name in names]

    assert found == [[f"list-{n}" for n in range(count + 1)] for count in range(lists)]


def test_the_index_widens_when_two_bytes_number_too_few_sets() -> None:
    sets = _SetTable()
    for source in range(1 << 16):
        sets.add(0, (source, Effect.BLOCK, 3))

    index = _fill_index(build_trie(["a", "b"]), [((1 << 16, Effect.BLOCK, 3), ["b"])], sets)

    assert index.itemsize == 4
    assert sorted(index) == [0, 1 << 16 | 1]


def test_what_a_list_raises_passes_through_and_leaves_nothing(tmp_path: Path) -> None:
    def rules() -> Iterator[Rule]:
        yield Rule("example.com")
        raise OSError(5, "the list's own trouble")

    with pytest.raises(OSError, match="own trouble"):
        build_database([RuleList("a", "x", rules())], tmp_path / "a.fdb", built=BUILT)

    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"missing.a\.fdb: cannot be written: No such file.*filterd compile"):
        build_database([], tmp_path / "missing" / "a.fdb", built=BUILT)


def test_a_failed_build_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.fdb"
    build_database([RuleList("a", "x", [Rule("old.example")])], path, built=BUILT)

    def rules() -> Iterator[Rule]:
        yield Rule("new.example")
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        build_database([RuleList("a", "x", rules())], path, built=BUILT)

    assert Database.open(path).find("old.example")
