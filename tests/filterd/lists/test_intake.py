# SPDX-License-Identifier: GPL-3.0-or-later
"""What was fetched becomes what is kept, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from filterd.lists.intake import Intake, Taken
from filterd.lists.model import ListError, Meta, Part, Subscription
from filterd.lists.store import Store
from filterd.policy.rules import Format
from tests.filterd.lists.support import CONTEXT, NOW, TREE_PARTS, names, tar, tar_gz

TREE = {
    "blacklists/README": "what this is\n",
    "blacklists/adult/domains": "bad.example.com\npages.unicef.org\nharmless.example.com\n",
    "blacklists/adult/urls": "shared.example.com/page\n",
    "blacklists/adult/very_restrictive_expression": "(porn|sex)\n",
    "blacklists/adult/usage": "black\nadult\n",
    "blacklists/gambling/domains": "casino.example.com\n",
    "blacklists/malware/domains": "virus.example.com\nunicef.org\n",
    "blacklists/malware/expressions": "^virus\n",
    "blacklists/sexual_education/domains": "harmless.example.com\n",
    "blacklists/weather/domains": "rain.example.com\n",
}
ALL = Subscription("ut1", "all", "https://lists.example/tree.tar.gz", Format.UT1)


class Bench:
    """A store and an intake to try things on."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "lists")
        self.file = folder / "fetched"
        self.lines = 0

    def take(
        self,
        content: bytes | str,
        subscription: Subscription = ALL,
        *,
        previous: Meta | None = None,
        benign: Iterable[str] = (),
        accept_shrunk: bool = False,
    ) -> Taken:
        self.file.write_bytes(content.encode() if isinstance(content, str) else content)
        intake = Intake(self.store, CONTEXT, TREE_PARTS, NOW, self._count, accept_shrunk)
        return intake.take(subscription, self.file, previous=previous, benign=benign)

    def _count(self, lines: int) -> None:
        self.lines += lines

    def domains(self, taken: Taken, list_id: str = "ut1") -> Mapping[str, list[str]]:
        return {part.name: [rule.domain for rule in self.store.rules(list_id, part)] for part in taken.parts}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def one(category: str = "gambling", written_in: Format = Format.AUTO) -> Subscription:
    return Subscription("one", category, "https://lists.example/one", written_in)


def meta(*parts: Part) -> Meta:
    return Meta("ut1", ALL.url, "all", parts=parts)


def test_a_plain_list_is_one_part(bench: Bench) -> None:
    taken = bench.take("0.0.0.0 bad.example.com\n0.0.0.0 com\n203.0.113.7/24\n", one())

    (part,) = taken.parts
    assert (part.name, part.category, part.count, part.updated) == ("", "gambling", 1, NOW)
    assert part.dropped["public-suffix"].examples == ["com"]
    assert part.skipped["network"].line == 3
    assert bench.domains(taken, "one") == {"": ["bad.example.com"]}


def test_a_tree_is_its_parts_that_are_ours(bench: Bench) -> None:
    taken = bench.take(tar_gz(TREE))

    assert bench.domains(taken) == {
        "sexual_education": ["harmless.example.com"],
        "adult": ["bad.example.com", "shared.example.com", "pages.unicef.org", "harmless.example.com"],
        "gambling": ["casino.example.com"],
        "malware": ["virus.example.com", "unicef.org"],
    }
    assert {part.name: part.category for part in taken.parts}["malware"] == "malware"


def test_regular_expressions_of_a_tree_are_skipped_and_counted(bench: Bench) -> None:
    parts = {part.name: part for part in bench.take(tar_gz(TREE)).parts}

    assert parts["adult"].skipped["expression"].count == 1
    assert parts["malware"].skipped["expression"].example == "^virus"


def test_a_source_that_is_careless_in_one_part_is_doubted_in_all(bench: Bench) -> None:
    careless = TREE | {"blacklists/gambling/domains": "casino.example.com\ncom\ngoogle.com\nvk.com\na.com.py\n"}

    taken = bench.take(tar_gz(careless))

    adult = next(part for part in taken.parts if part.name == "adult")
    assert taken.doubtful
    assert bench.domains(taken)["adult"] == ["bad.example.com", "shared.example.com"]
    assert {reason: dropped.examples for reason, dropped in adult.dropped.items()} == {
        "below-guard": ["pages.unicef.org"],
        "benign-list": ["harmless.example.com"],
    }


def test_what_is_wrong_about_danger_makes_no_source_doubtful(bench: Bench) -> None:
    assert not bench.take(tar_gz(TREE | {"blacklists/malware/domains": "com\nnet\norg\n" + names(9)})).doubtful


def test_names_that_other_lists_hold_for_harmless_count(bench: Bench) -> None:
    taken = bench.take("com\nnet\norg\nschool.example.com\n" + names(9), one(), benign=["school.example.com"])

    assert taken.parts[0].dropped["benign-list"].examples == ["school.example.com"]


def test_one_category_may_be_taken_from_a_tree(bench: Bench) -> None:
    taken = bench.take(tar_gz(TREE), Subscription("one", "gambling", ALL.url, Format.UT1))

    assert bench.domains(taken, "one") == {"gambling": ["casino.example.com"]}


def test_an_archive_of_one_category_is_what_the_adult_says_it_is(bench: Bench) -> None:
    content = tar_gz({"arjel/domains": "casino.example.com\n", "arjel/usage": "black\n"})

    assert bench.domains(bench.take(content, one()), "one") == {"arjel": ["casino.example.com"]}


def test_a_folder_with_an_odd_name_is_no_category(bench: Bench) -> None:
    taken = bench.take(tar_gz({"ñandú \udcff/domains": "casino.example.com\n"}), one())

    assert bench.domains(taken, "one") == {"": ["casino.example.com"]}


def test_a_tree_without_the_category_says_what_it_has(bench: Bench) -> None:
    with pytest.raises(ListError, match="nothing for 'tobacco': it holds adult, gambling, malware"):
        bench.take(tar_gz(TREE), one("tobacco"))


def test_all_categories_of_a_plain_list_are_none(bench: Bench) -> None:
    with pytest.raises(ListError, match="name the one category"):
        bench.take(names(3))


def test_an_archive_of_plain_lists_is_read_without_its_readme(bench: Bench) -> None:
    content = tar(
        {"lists-1/README.md": "# what\nthis is", "lists-1/a.txt": "a.example.com\n", "lists-1/b": "b.example.com\n"}
    )

    assert bench.domains(bench.take(content, one()), "one") == {"": ["a.example.com", "b.example.com"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<!DOCTYPE html><html>", "web page"),
        ("", "empty"),
        ("# nothing but a head\n", "empty"),
        (b"\x7fELF\x00\x00\x00", "binary"),
        ("# Entries: 1000\n" + names(10), "cut: its head promises 1000"),
        ("google.com\nvk.com\nunicef.org\nbad.example.com\n", "no block list"),
        ("10.0.0.0/8\n", "no block list"),
    ],
    ids=["html", "empty", "only comments", "binary", "cut", "of good names", "of private networks"],
)
def test_what_is_no_good_is_refused_and_leaves_nothing(bench: Bench, content: bytes | str, message: str) -> None:
    with pytest.raises(ListError, match=message):
        bench.take(content, one())

    assert list((bench.store.folder / "one").iterdir()) == []


def test_a_list_in_another_syntax_than_was_said_is_refused(bench: Bench) -> None:
    with pytest.raises(ListError, match="no list in the format hosts"):
        bench.take("! title\n||a.example^\n||b.example^\n", one(written_in=Format.HOSTS))


def test_a_part_that_shrank_keeps_its_copy_from_before(bench: Bench) -> None:
    before = bench.take(tar_gz(TREE | {"blacklists/gambling/domains": names(100)}))

    taken = bench.take(tar_gz(TREE), previous=meta(*before.parts))

    gambling = next(part for part in taken.parts if part.name == "gambling")
    assert gambling.count == 100
    assert gambling.error.startswith("shrunk: 1 rules")
    assert bench.domains(taken)["adult"]


def test_unless_the_adult_accepts_it(bench: Bench) -> None:
    before = bench.take(tar_gz(TREE | {"blacklists/gambling/domains": names(100)}))

    taken = bench.take(tar_gz(TREE), previous=meta(*before.parts), accept_shrunk=True)

    assert [part.error for part in taken.parts] == [""] * 4
    assert {part.name: part.previous_count for part in taken.parts}["gambling"] == 100


def test_a_part_that_a_tree_no_longer_has_stays(bench: Bench) -> None:
    before = bench.take(tar_gz(TREE))
    smaller = {name: text for name, text in TREE.items() if "gambling" not in name}

    taken = bench.take(tar_gz(smaller), previous=meta(*before.parts))

    gambling = next(part for part in taken.parts if part.name == "gambling")
    assert gambling.error == "the newest version does not have it"
    assert bench.domains(taken)["gambling"] == ["casino.example.com"]


def test_a_new_part_that_is_no_good_is_said_to_be(bench: Bench) -> None:
    taken = bench.take(tar_gz(TREE | {"blacklists/gambling/domains": "google.com\nvk.com\n"}))

    assert "gambling" not in bench.domains(taken)
    assert taken.error.startswith("gambling: no block list")


def test_a_new_part_that_holds_nothing_is_no_matter(bench: Bench) -> None:
    taken = bench.take(tar_gz(TREE | {"blacklists/gambling/domains": "# nobody yet\n"}))

    assert "gambling" not in bench.domains(taken)
    assert taken.error == ""


def test_a_tree_that_is_cut_is_refused_whole(bench: Bench) -> None:
    with pytest.raises(ListError, match="cut"):
        bench.take(tar_gz(TREE)[:-20])

    assert list(bench.store.folder.glob("ut1/*")) == []


def test_a_harmless_list_does_not_open_what_we_know_to_be_harmful(bench: Bench) -> None:
    guard = Subscription("one", "never-block-site", ALL.url)

    taken = bench.take("pornhub.com\nblogspot.com\nschool.example.com\n" + names(5, "nice"), guard)

    assert "school.example.com" in bench.domains(taken, "one")[""]
    assert not {"pornhub.com", "blogspot.com"} & set(bench.domains(taken, "one")[""])


def test_progress_counts_the_lines(bench: Bench) -> None:
    bench.take(names(200_000), one())

    assert bench.lines == 200_000
