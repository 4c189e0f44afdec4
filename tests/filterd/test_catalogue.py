# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped categories are complete, and what is not right about them is said with file and line."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard

from filterd.catalogue import LANGUAGES, Catalogue, CatalogueError, load_catalogue
from filterd.lists.suffixes import load_public_suffixes
from filterd.paths import categories_folder
from filterd.policy.domains import covers, normalise_host, suffixes
from filterd.policy.model import GUARD_PLATFORM, GUARD_SITE, AgeBand, Rule
from filterd.policy.networks import parse_network

SHARED = Path(__file__).resolve().parents[3] / "shared"
DECREE = {
    "2.1": {"dangerous-challenges"},
    "2.2": {"bullying", "hate"},
    "2.3": set(),  # no list or pattern can meet it: told in report and manual
    "2.4": {"hate"},
    "2.5": {"crime", "drugs", "hacking", "fraud"},
    "2.6": {"self-harm", "eating-disorders", "terrorism"},
    "2.7": {"violence", "weapons"},
    "2.8": {"hate"},
    "2.9": {"adult", "dating"},
    "2.10": {"gambling", "alcohol", "tobacco", "drugs", "weapons", "fireworks"},
    "2.11": {"pornography"},
}
MINORS = {AgeBand.CHILD, AgeBand.ADOLESCENT}
OUTSIDE = {"anonymizers": MINORS, "malware": {*AgeBand}, "phishing": {*AgeBand}}
OPTIONAL = {"social", "games", "video", "chat"}

IDS = sorted({*set().union(*DECREE.values()), *OUTSIDE, *OPTIONAL})


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load_catalogue(categories_folder())


@pytest.fixture(scope="module")
def guards(shipped: Catalogue) -> Mapping[str, frozenset[str]]:
    """The guarded names, by GUARD_SITE and GUARD_PLATFORM."""
    found: dict[str, set[str]] = {GUARD_SITE: set(), GUARD_PLATFORM: set()}
    for guard in shipped.guard_lists():
        found[guard.category].update(rule.domain for rule in guard.rules)
    return {category: frozenset(names) for category, names in found.items()}


def domain_lines(category: str) -> list[str]:
    text = (categories_folder() / category / "domains.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_every_category_of_the_design_is_shipped_sorted_and_no_other(shipped: Catalogue) -> None:
    assert list(shipped.categories) == IDS


@pytest.mark.parametrize("item", DECREE)
def test_each_item_of_the_decree_has_its_categories(shipped: Catalogue, item: str) -> None:
    assert {category.id for category in shipped.categories.values() if item in category.decree} == DECREE[item]


@pytest.mark.parametrize("category", IDS)
def test_a_category_speaks_four_languages(shipped: Catalogue, category: str) -> None:
    found = shipped.categories[category]

    for texts in (found.names, found.descriptions):
        assert set(texts) == set(LANGUAGES)
        assert all(text == text.strip() and "\n" not in text for text in texts.values())
    assert max(map(len, found.names.values())) <= 60  # a line of the block page on a phone


@pytest.mark.parametrize("category", IDS)
def test_the_puso_is_the_letter_and_not_a_quotation_mark(shipped: Catalogue, category: str) -> None:
    found = shipped.categories[category]

    assert not re.search("['’`]", found.names["gn"] + found.descriptions["gn"])


def test_no_two_categories_have_the_same_name(shipped: Catalogue) -> None:
    for language in LANGUAGES:
        assert len({category.names[language] for category in shipped.categories.values()}) == len(IDS)


@pytest.mark.parametrize("category", IDS)
def test_the_defaults_by_age_are_those_of_the_law(shipped: Catalogue, category: str) -> None:
    found = shipped.categories[category]

    assert found.optional == (category in OPTIONAL)
    if found.optional:
        assert not found.blocked_for
        assert not found.decree
    else:
        assert found.blocked_for == OUTSIDE.get(category, MINORS)


@pytest.mark.parametrize("category", IDS)
def test_a_shipped_list_begins_with_the_harmless_test_name(shipped: Catalogue, category: str) -> None:
    listed = {found.category: found for found in shipped.shipped_lists()}[category]
    first, *rules = listed.rules

    assert shipped.categories[category].test_name == f"{category}.prueba.home.arpa"
    assert first == Rule(f"{category}.prueba.home.arpa")
    assert (listed.id, listed.source, listed.licence) == (f"shipped-{category}", "shipped", "GPL-3.0-or-later")
    addresses = [str(network) for network in shipped.addresses(category)]
    assert [rule.domain for rule in rules] == domain_lines(category) + addresses


@pytest.mark.parametrize("category", IDS)
def test_domains_are_canonical_unique_and_nobody_elses(category: str) -> None:
    lines = domain_lines(category)
    registries = load_public_suffixes()

    assert [line for line in lines if normalise_host(line) != line or line.startswith("www.")] == []
    assert len(lines) == len(set(lines))
    assert [line for line in lines if registries.is_suffix(line)] == []


@pytest.mark.parametrize("category", IDS)
def test_no_domain_stands_under_another_of_its_list(category: str) -> None:
    lines = set(domain_lines(category))

    assert [line for line in lines if any(parent in lines for parent in list(suffixes(line))[1:])] == []


@pytest.mark.parametrize("category", IDS)
def test_the_domains_of_a_group_are_sorted(category: str) -> None:
    text = (categories_folder() / category / "domains.txt").read_text(encoding="utf-8")

    for group in re.split(r"^#.*$", text, flags=re.MULTILINE):
        assert group.split() == sorted(group.split())


@pytest.mark.parametrize("category", ["pornography", "gambling", "dating", "anonymizers"])
def test_the_main_categories_do_the_main_job_without_a_network(category: str) -> None:
    assert len(domain_lines(category)) >= 150


@pytest.mark.parametrize("category", sorted(set(IDS) - OPTIONAL - set(OUTSIDE)))
def test_what_must_stay_open_is_not_listed(guards: Mapping[str, frozenset[str]], category: str) -> None:
    lines = domain_lines(category)

    assert [line for line in lines if any(name in guards[GUARD_SITE] for name in suffixes(line))] == []
    assert [line for line in lines if line in guards[GUARD_PLATFORM]] == []


@pytest.mark.parametrize("category", sorted(set(IDS) & (OPTIONAL | set(OUTSIDE))))
def test_what_the_guard_does_not_open_names_no_guarded_site(
    guards: Mapping[str, frozenset[str]], category: str
) -> None:
    assert [line for line in domain_lines(category) if line in guards[GUARD_SITE]] == []


@pytest.mark.parametrize("category", sorted(set(IDS) - OPTIONAL))
def test_a_place_where_anybody_may_publish_is_not_listed_whole(shipped: Catalogue, category: str) -> None:
    assert [line for line in domain_lines(category) if line in shipped.hosting_parents] == []


def test_the_guard_lists_are_sites_and_platforms_by_name(shipped: Catalogue) -> None:
    lists = list(shipped.guard_lists())

    assert {guard.category for guard in lists} == {GUARD_SITE, GUARD_PLATFORM}
    assert len({guard.id for guard in lists}) == len(lists)
    assert all(guard.id.startswith("never-block-") for guard in lists)


def test_loading_and_reading_all_lists_takes_well_under_a_second() -> None:
    start = time.process_time()

    catalogue = load_catalogue(categories_folder())
    rules = sum(len(list(found.rules)) for found in (*catalogue.shipped_lists(), *catalogue.guard_lists()))

    assert rules > 3_000
    assert time.process_time() - start < 1.0


GOOD = """\
decree = ["2.10"]
blocked_for = ["child"]
[names]
es = "Uno"
gn = "Peteĩ"
en = "One"
pt = "Um"
[descriptions]
es = "Uno."
gn = "Peteĩ."
en = "One."
pt = "Um."
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalogue of one category, ``dice``."""
    for name, text in {
        "dice/category.toml": GOOD,
        "dice/domains.txt": "# Known\ndice.example\nDÍCE.example.  # in whatever spelling\n",
        "learning/notes.txt": "no category",
        "never-block/sites/schools.txt": "edu.py\nschool.example  # a school\n",
        "never-block/platforms/search.txt": "search.example\n",
        "survival.txt": "time.example\n",
        "only-allowed.txt": "b.example\na.example\n",
        "hosting-parents.txt": "blogs.example\n",
        "shared-hosting.txt": "203.0.113.0/24  # a host\n2001:db8::/32\n",
        "dice/addresses.txt": "# Known\n203.0.113.53\n198.51.100.0/24  # all of it\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def read_everything(folder: Path) -> None:
    catalogue = load_catalogue(folder)
    list(catalogue.shipped_lists())
    list(catalogue.guard_lists())


def test_a_catalogue_is_what_its_folder_says(folder: Path) -> None:
    catalogue = load_catalogue(folder)

    assert list(catalogue.categories) == ["dice"]  # neither "learning" nor "never-block"
    assert catalogue.categories["dice"].names["gn"] == "Peteĩ"
    assert catalogue.categories["dice"].blocked_for == {AgeBand.CHILD}
    assert catalogue.survival == {"time.example"}
    assert catalogue.starter_allow == ("b.example", "a.example")
    assert catalogue.hosting_parents == {"blogs.example"}


def test_lists_are_normalised_and_keep_their_order(folder: Path) -> None:
    (listed,) = load_catalogue(folder).shipped_lists()

    names = list(listed.rules)[:3]
    assert [rule.domain for rule in names] == ["dice.prueba.home.arpa", "dice.example", "xn--dce-rma.example"]
    assert all(covers(rule.domain, f"www.{rule.domain}") and rule.apex and rule.below for rule in names)


def test_a_category_may_have_addresses_which_stand_last(folder: Path) -> None:
    (listed,) = load_catalogue(folder).shipped_lists()

    assert [rule.domain for rule in listed.rules][3:] == ["203.0.113.53", "198.51.100.0/24"]
    (folder / "dice/addresses.txt").unlink()
    assert load_catalogue(folder).addresses("dice") == ()


def test_shared_hosting_is_what_is_not_shipped_as_an_address_of_its_own(folder: Path) -> None:
    shared = load_catalogue(folder).shared_hosting()

    assert shared.touches(parse_network("203.0.113.52"))
    assert not shared.touches(parse_network("203.0.113.53"))
    assert shared.touches(parse_network("2001:db8::1"))


@pytest.mark.parametrize("file", ["dice/addresses.txt", "shared-hosting.txt"])
@pytest.mark.parametrize("entry", ["a.example", "203.0.113.7/24", "10.0.0.1", "0.0.0.0/0", "1.2.3.4-1.2.3.9"])
def test_a_line_that_is_no_public_address_is_refused_with_file_and_line(folder: Path, file: str, entry: str) -> None:
    (folder / file).write_text(f"# First\n203.0.113.1\n{entry}  # why\n", encoding="utf-8")

    with pytest.raises(CatalogueError) as refused:
        load_catalogue(folder).shared_hosting()

    assert str(refused.value) == (
        f"{folder / file}: line 3: {entry!r} is no public address or network; write one a line, as in 192.0.2.0/24"
    )


def test_the_shipped_addresses_are_given_once(shipped: Catalogue) -> None:
    networks = sorted(network for category in shipped.categories for network in shipped.addresses(category))

    assert len(networks) > 200
    assert all(before.last < after.first for before, after in pairwise(networks))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "9.9.9.9", "162.159.61.4", "2606:4700:4700::1113"])
def test_a_dedicated_resolver_is_not_shared_hosting(shipped: Catalogue, address: str) -> None:
    assert not shipped.shared_hosting().touches(parse_network(address))


@pytest.mark.parametrize("address", ["104.16.1.1", "151.101.1.1", "17.253.2.113", "142.250.1.1", "2606:4700::1"])
def test_where_many_sites_live_is_shared_hosting(shipped: Catalogue, address: str) -> None:
    assert shipped.shared_hosting().touches(parse_network(address))


def test_most_listed_resolvers_stay_blockable_and_shared_addresses_do_not(shipped: Catalogue) -> None:
    path = SHARED / "data/lists/doh-vpn-proxy__dibdot-doh-ipv4.txt.zst"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    lines = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().decode().splitlines()
    shared = shipped.shared_hosting()

    dropped = sum(shared.touches(parse_network(line.partition("#")[0].strip())) for line in lines)

    assert 600 < dropped < 800 < len(lines) / 2


def test_a_guard_list_is_named_after_its_file_and_may_hold_a_whole_registry(folder: Path) -> None:
    (folder / "never-block/sites/schools.txt").write_text("edu\n", encoding="utf-8")

    sites, platforms = load_catalogue(folder).guard_lists()

    assert (sites.id, sites.category, list(sites.rules)) == ("never-block-schools", GUARD_SITE, [Rule("edu")])
    assert (platforms.id, platforms.category) == ("never-block-search", GUARD_PLATFORM)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ('pt = "Um"\n', "", 3, "'pt' is missing in [names]; add a line 'pt = …'"),
        ('gn = "Peteĩ."', 'fr = "Un."', 10, "unknown key 'fr' in [descriptions]; known are es, gn, en, pt"),
        ('["child"]', '["child", "baby"]', 2, "choose among child, adolescent, adult"),
        ('["2.10"]', '["2.12"]', 1, "use items of Art. 2, from 2.1 to 2.11"),
        ('["2.10"]', '["2.10"]\noptionel = true', 2, "unknown key 'optionel'; known are decree, "),
        ('["child"]', '["child"]\noptional = true', 3, "an optional category has no decree items"),
        ('["child"]', '["child"]\noptional = "no"', 3, "write true or false"),
        ('decree = ["2.10"]\n', "", 1, "'decree' is missing; add a line 'decree = …'"),
        ('es = "Uno"', 'es = " "', 4, "write one text for each language"),
        ('en = "One."', "en = 1", 11, "write one text for each language"),
        ('es = "Uno"', "es = Uno", 4, "install filterd again"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_malformed_category_is_refused_with_file_line_and_way_out(
    folder: Path, old: str, new: str, line: int, told: str
) -> None:
    path = folder / "dice/category.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(CatalogueError) as refused:
        load_catalogue(folder)

    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert f"line {line}" in message
    assert told in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "file",
    [
        "dice/domains.txt",
        "never-block/sites/schools.txt",
        "never-block/platforms/search.txt",
        "survival.txt",
        "only-allowed.txt",
        "hosting-parents.txt",
    ],
)
@pytest.mark.parametrize(
    "entry", ["http://a.example/", "two words.example", "10.0.0.1", "[::1]", "*.a.example", "a..b"]
)
def test_a_line_that_is_no_domain_is_refused_with_file_and_line(folder: Path, file: str, entry: str) -> None:
    (folder / file).write_text(f"# First\nfine.example\n{entry}  # why\n", encoding="utf-8")

    with pytest.raises(CatalogueError) as refused:
        read_everything(folder)

    assert str(refused.value) == (
        f"{folder / file}: line 3: {entry!r} is not a domain; write one domain a line, comments after #"
    )


def test_a_category_may_not_name_a_whole_top_level_domain(folder: Path) -> None:
    (folder / "dice/domains.txt").write_text("casino\n", encoding="utf-8")

    with pytest.raises(CatalogueError, match=r"line 1: 'casino' is a whole top-level domain; name the sites in it"):
        read_everything(folder)


@pytest.mark.parametrize(
    "file",
    [
        "dice/category.toml",
        "dice/domains.txt",
        "never-block/sites/schools.txt",
        "never-block/platforms/search.txt",
        "survival.txt",
        "only-allowed.txt",
        "hosting-parents.txt",
    ],
)
def test_a_missing_part_is_named_and_nothing_opens(folder: Path, file: str) -> None:
    (folder / file).unlink()

    with pytest.raises(CatalogueError, match=r": missing; install filterd again$"):
        read_everything(folder)


def test_a_file_that_is_not_text_is_named(folder: Path) -> None:
    (folder / "survival.txt").write_bytes(b"time.example\n\xff\xfe")

    with pytest.raises(CatalogueError, match=r"survival\.txt: .*UTF-8"):
        load_catalogue(folder)
