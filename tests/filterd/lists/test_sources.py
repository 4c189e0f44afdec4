# SPDX-License-Identifier: GPL-3.0-or-later
"""The public lists that come with the program."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from filterd.lists.evidence import OPTIONAL
from filterd.lists.model import ListError, Subscription
from filterd.lists.sources import load_sources
from filterd.policy.model import GUARD_SITE
from filterd.policy.rules import Format
from tests.filterd.lists.support import CATEGORIES, sources

SHIPPED = load_sources(CATEGORIES / "sources.toml")
ENTRY = """
[[sources]]
id = "a"
name = "A"
url = "https://lists.example/a"
homepage = "https://lists.example/"
licence = "MIT"
format = "hosts"
category = "gambling"
"""


def test_every_shipped_source_is_complete() -> None:
    for source in SHIPPED.all:
        assert source.licence, source.id
        assert urlsplit(source.url).scheme == "https", source.id
        assert urlsplit(source.homepage).scheme == "https", source.id


def test_every_shipped_category_is_one_of_ours() -> None:
    ours = {path.parent.name for path in CATEGORIES.glob("*/category.toml")}
    named = {ours for source in SHIPPED.all for ours in (source.category, *source.parts.values())}

    assert named - {"all", GUARD_SITE} <= ours | OPTIONAL


def test_the_defaults_are_the_tree_of_toulouse_and_the_encrypted_resolvers() -> None:
    defaults = [subscription.id for subscription in SHIPPED.defaults()]

    assert defaults == ["ut1", "dibdot-doh", "dibdot-doh-ipv4", "dibdot-doh-ipv6"]
    assert SHIPPED.defaults()[0].category == "all"


def test_the_tree_knows_what_is_harmless() -> None:
    parts = SHIPPED.tree_parts("https://dsi.ut-capitole.fr/blacklists/download/blacklists.tar.gz")

    assert parts["sexual_education"] == parts["child"] == parts["press"] == GUARD_SITE
    assert parts["adult"] == "pornography"
    assert parts["redirector"] == "anonymizers"


def test_a_tree_from_elsewhere_is_read_like_that_of_toulouse() -> None:
    assert SHIPPED.tree_parts("http://127.0.0.1/mirror.tar.gz")["gambling"] == "gambling"


def test_a_category_may_be_subscribed_alone() -> None:
    found = {subscription.id: subscription for subscription in SHIPPED.for_category("gambling")}

    assert found["ut1-gambling"].url.endswith("/gambling.tar.gz")
    assert {"ut1-arjel", "hagezi-gambling"} <= found.keys()
    assert {subscription.category for subscription in found.values()} == {"gambling"}


def test_a_source_is_known_by_its_address_whole_or_of_a_part() -> None:
    known = sources()

    assert known.by_url("https://lists.example/tree.tar.gz") is known.all[0]
    assert known.by_url("https://lists.example/adult.tar.gz") is known.all[0]
    assert known.by_url("https://elsewhere.example/adult.tar.gz") is None
    assert known.by_id("ut1") is known.all[0]
    assert known.by_id("ut2") is None


def test_a_source_is_a_subscription() -> None:
    assert sources().defaults() == [Subscription("ut1", "all", "https://lists.example/tree.tar.gz", Format.UT1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY + ENTRY, "two sources have the id 'a'"),
        (ENTRY.replace('"gambling"', '"all"'), "a tree has the category 'all' and parts"),
        (ENTRY + '[sources.parts]\nb = "c"\n', "a tree has the category 'all' and parts"),
        (ENTRY.replace("hosts", "tea leaves"), "format"),
        (ENTRY.replace("licence", "lisence"), "licence"),
        ("[[", ""),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(text)

    with pytest.raises(ListError, match=rf"sources\.toml: .*{message}"):
        load_sources(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="cannot be read"):
        load_sources(tmp_path / "sources.toml")
