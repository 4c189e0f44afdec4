# SPDX-License-Identifier: GPL-3.0-or-later
"""The database follows the shipped categories and the lists, and a bad file never counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from filterd.compilation import Compilation
from filterd.database.layout import DatabaseError
from filterd.database.store import generations
from filterd.lists.model import Meta, Part
from filterd.lists.store import Store
from filterd.policy.model import Rule
from filterd.shipped import Shipped

SHIPPED = Shipped()


def compilation(folder: Path, shipped: Shipped = SHIPPED, ids: tuple[str, ...] = ()) -> Compilation:
    return Compilation(folder / "database", shipped, Store(folder / "lists"), ids)


def test_where_there_is_no_database_one_is_built(tmp_path: Path) -> None:
    found, problems = compilation(tmp_path).open()

    assert problems == []
    assert [match.category for match in found.find("gambling.prueba.home.arpa")] == ["gambling"]
    assert compilation(tmp_path).is_current()


def test_a_change_of_the_inputs_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "categories"
    shutil.copytree(SHIPPED.folder, folder)
    before = compilation(tmp_path, Shipped(folder))
    before.compile()
    domains = folder / "gambling" / "domains.txt"
    domains.write_text(domains.read_text() + "one-more-casino.example\n")
    after = compilation(tmp_path, Shipped(folder))

    assert not after.is_current()
    after.compile()
    assert after.is_current()
    assert after.open()[0].find("one-more-casino.example")


def test_other_subscriptions_make_another_database(tmp_path: Path) -> None:
    compilation(tmp_path).compile()

    assert not compilation(tmp_path, ids=("mine",)).is_current()


@pytest.mark.parametrize("damage", [b"", b"nonsense", None], ids=["empty", "foreign", "cut"])
def test_a_bad_newest_generation_is_named_and_the_one_before_it_used(tmp_path: Path, damage: bytes | None) -> None:
    built = compilation(tmp_path)
    built.compile()
    built.compile()
    newest = generations(built.folder)[0]
    newest.write_bytes(newest.read_bytes()[:-100] if damage is None else damage)
    found, problems = compilation(tmp_path).open()

    assert found.find("gambling.prueba.home.arpa")
    assert len(problems) == 1
    assert str(newest) in problems[0]
    assert not compilation(tmp_path).is_current()


def test_where_all_generations_are_bad_a_new_one_is_built(tmp_path: Path) -> None:
    built = compilation(tmp_path)
    built.compile()
    generations(built.folder)[0].write_bytes(b"nonsense")

    assert built.open()[0].find("gambling.prueba.home.arpa")


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "database").write_text("a file")

    with pytest.raises(DatabaseError, match="database"):
        compilation(tmp_path).open()


def prefixes(built: Compilation) -> list[str]:
    return [line for line in built.address_set.read_text(encoding="ascii").splitlines() if not line.startswith("#")]


def test_the_firewalls_file_holds_the_shipped_resolvers(tmp_path: Path) -> None:
    built = compilation(tmp_path)
    built.compile()

    assert {"1.1.1.1/32", "8.8.8.8/32", "9.9.9.0/24", "2620:fe::/48"} <= set(prefixes(built))
    assert prefixes(built) == sorted(set(prefixes(built)), key=prefixes(built).index)


def test_a_firewalls_file_that_is_gone_is_written_again(tmp_path: Path) -> None:
    built = compilation(tmp_path)
    built.compile()
    before = prefixes(built)
    built.address_set.unlink()

    assert not built.is_current()
    built.compile()
    assert prefixes(built) == before


def test_an_address_that_many_share_reaches_neither_the_database_nor_the_firewall(tmp_path: Path) -> None:
    lists = Store(tmp_path / "lists")
    with lists.new_file("mine", "") as (name, writer):
        writer.write([Rule("104.16.1.1", below=False), Rule("203.0.113.0/24", below=False)])  # Cloudflare's
    lists.write_meta(Meta("mine", "file:///mine", "anonymizers", parts=(Part("", "anonymizers", name, 2),)))
    built = compilation(tmp_path, ids=("mine",))

    report = built.compile()

    assert (report.shared, report.shared_examples) == (1, ("104.16.1.1",))
    assert built.open()[0].find("104.16.1.1") == []
    assert [match.list for match in built.open()[0].find("203.0.113.7")] == ["mine"]
    assert "203.0.113.0/24" in prefixes(built)
    assert "104.16.1.1/32" not in prefixes(built)
