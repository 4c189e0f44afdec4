# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines are held to their safe mode by exact name; YouTube by a setting of its own."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.safesearch import SafeSearch, SafeTarget, YouTube

SHIPPED = Path(__file__).parents[3] / "categories" / "safesearch.toml"
GIVEN: dict[str, Any] = {
    "engines": {
        "finder": {"safe_host": "safe.finder.example", "addresses": ["192.0.2.1"], "hosts": ["www.finder.example"]},
        "bare": {"safe_host": "f.bare.example", "addresses": ["192.0.2.2"], "cname": False, "hosts": ["bare.example"]},
    },
    "youtube": {
        "hosts": ["www.tube.example", "m.tube.example"],
        "moderate": {"safe_host": "moderate.tube.example", "addresses": ["192.0.2.3"]},
        "strict": {"safe_host": "strict.tube.example", "addresses": ["2001:DB8::4"]},
    },
    "unsafe": {"hosts": ["wild.example", "search.portal.example"]},
}
host_names = st.from_regex(r"([a-z0-9]{1,8}\.){1,4}[a-z]{2,5}", fullmatch=True)


@pytest.fixture(scope="module")
def engines() -> SafeSearch:
    return SafeSearch.from_mapping(GIVEN)


@pytest.fixture(scope="module")
def shipped() -> SafeSearch:
    return SafeSearch.from_mapping(tomllib.loads(SHIPPED.read_text(encoding="utf-8")))


def test_an_engine_is_answered_by_its_safe_host(engines: SafeSearch) -> None:
    target = engines.safe_host("www.finder.example", safe_search=True, youtube=YouTube.OFF)

    assert target == SafeTarget("finder", "safe.finder.example", ("192.0.2.1",))


def test_an_engine_may_be_answered_without_a_cname(engines: SafeSearch) -> None:
    target = engines.safe_host("bare.example", safe_search=True, youtube=YouTube.OFF)

    assert target is not None
    assert not target.cname


@pytest.mark.parametrize("host", ["finder.example", "a.www.finder.example", "xwww.finder.example", "www.other.example"])
def test_only_the_exact_name_is_rewritten(engines: SafeSearch, host: str) -> None:
    assert engines.safe_host(host, safe_search=True, youtube=YouTube.STRICT) is None


def test_without_safe_search_an_engine_is_left_alone(engines: SafeSearch) -> None:
    assert engines.safe_host("www.finder.example", safe_search=False, youtube=YouTube.STRICT) is None


@pytest.mark.parametrize("safe_search", [False, True])
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (YouTube.OFF, None),
        (YouTube.MODERATE, "moderate.tube.example"),
        (YouTube.STRICT, "strict.tube.example"),
    ],
)
def test_youtube_follows_its_own_setting(
    engines: SafeSearch, level: YouTube, expected: str | None, safe_search: bool
) -> None:
    target = engines.safe_host("m.tube.example", safe_search=safe_search, youtube=level)

    assert (target.host if target else None) == expected


@pytest.mark.parametrize("host", ["wild.example", "www.wild.example", "es.search.portal.example"])
def test_an_engine_without_a_safe_mode_is_known_with_what_is_below_it(engines: SafeSearch, host: str) -> None:
    assert engines.cannot_be_forced(host)


@pytest.mark.parametrize("host", ["portal.example", "xwild.example", "www.finder.example", "192.0.2.1", "2001:db8::4"])
def test_other_hosts_are_not_taken_for_engines_without_a_safe_mode(engines: SafeSearch, host: str) -> None:
    assert not engines.cannot_be_forced(host)


def test_the_hosts_that_are_rewritten_can_be_asked_for(engines: SafeSearch) -> None:
    assert engines.hosts == {"www.finder.example", "bare.example", "www.tube.example", "m.tube.example"}


@given(host_names)
def test_a_host_is_rewritten_exactly_where_it_is_listed(host: str) -> None:
    engines = SafeSearch.from_mapping(GIVEN)

    target = engines.safe_host(host, safe_search=True, youtube=YouTube.STRICT)

    assert (target is not None) == (host in engines.hosts)


def test_an_empty_one_rewrites_nothing() -> None:
    assert SafeSearch().safe_host("www.google.com", safe_search=True, youtube=YouTube.STRICT) is None
    assert not SafeSearch().hosts


def test_addresses_and_names_are_brought_to_their_canonical_form() -> None:
    changed = copy.deepcopy(GIVEN)
    changed["engines"]["finder"]["hosts"] = ["WWW.Buscañ.example."]

    engines = SafeSearch.from_mapping(changed)

    assert "www.xn--busca-sta.example" in engines.engines
    assert engines.youtube[YouTube.STRICT]["m.tube.example"].addresses == ("2001:db8::4",)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda m: m.pop("unsafe"), "unsafe: the table is missing"),
        (lambda m: m.update(extra={}), "extra: unknown key"),
        (lambda m: m.update(engines=[]), "engines: a table"),
        (lambda m: m["engines"].update(finder="x"), "engines.finder: a table"),
        (lambda m: m["engines"]["finder"].update(host=[]), "engines.finder.host: unknown key"),
        (lambda m: m["engines"]["finder"].pop("safe_host"), "engines.finder.safe_host"),
        (lambda m: m["engines"]["finder"].update(safe_host="no host"), "engines.finder.safe_host: 'no host'"),
        (lambda m: m["engines"]["finder"].update(addresses=["1.2.3"]), "engines.finder.addresses: '1.2.3'"),
        (lambda m: m["engines"]["finder"].update(addresses="192.0.2.1"), "engines.finder.addresses: a list"),
        (lambda m: m["engines"]["finder"].update(cname="no"), "engines.finder.cname"),
        (lambda m: m["engines"]["bare"].pop("addresses"), "engines.bare.addresses"),
        (lambda m: m["engines"]["finder"].update(hosts=[]), "engines.finder.hosts: at least one"),
        (lambda m: m["engines"]["finder"].update(hosts=[3]), "engines.finder.hosts: every member"),
        (lambda m: m["engines"]["finder"].update(hosts=["a.example", "A.example"]), "engines.finder.hosts: a.example"),
        (lambda m: m["engines"]["finder"].update(hosts=["bare.example"]), "bare.example stands already"),
        (lambda m: m["youtube"].pop("strict"), "youtube.strict: the table is missing"),
        (lambda m: m["youtube"]["strict"].pop("safe_host"), "youtube.strict.safe_host"),
        (lambda m: m["youtube"]["strict"].update(hosts=[]), "youtube.strict.hosts: unknown key"),
        (lambda m: m["youtube"].update(hosts=["bare.example"]), "youtube.hosts: bare.example"),
        (lambda m: m["unsafe"].update(hosts=["finder.example"]), "unsafe.hosts: finder.example covers"),
        (lambda m: m["unsafe"].update(hosts=["tube.example"]), "unsafe.hosts: tube.example covers"),
    ],
)
def test_what_is_wrong_is_refused_and_named(change: Callable[[dict[str, Any]], object], named: str) -> None:
    mapping = copy.deepcopy(GIVEN)
    change(mapping)

    with pytest.raises(ValueError, match=rf"safe search: .*{named}"):
        SafeSearch.from_mapping(mapping)


@pytest.mark.parametrize(
    ("host", "safe_host"),
    [
        ("www.google.com", "forcesafesearch.google.com"),
        ("www.google.com.py", "forcesafesearch.google.com"),
        ("www.google.com.br", "forcesafesearch.google.com"),
        ("www.bing.com", "strict.bing.com"),
        ("edgeservices.bing.com", "strict.bing.com"),
        ("duckduckgo.com", "safe.duckduckgo.com"),
        ("start.duckduckgo.com", "safe.duckduckgo.com"),
        ("search.brave.com", "forcesafe.search.brave.com"),
        ("www.ecosia.org", "strict-safe-search.ecosia.org"),
        ("pixabay.com", "safesearch.pixabay.com"),
        ("www.yandex.com", "familysearch.yandex.ru"),
        ("ya.ru", "familysearch.yandex.ru"),
    ],
)
def test_the_shipped_file_knows_the_engines_with_a_safe_host(shipped: SafeSearch, host: str, safe_host: str) -> None:
    target = shipped.safe_host(host, safe_search=True, youtube=YouTube.OFF)

    assert target is not None
    assert target.host == safe_host


@pytest.mark.parametrize(
    "host",
    [
        "www.youtube.com",
        "m.youtube.com",
        "youtubei.googleapis.com",
        "youtube.googleapis.com",
        "www.youtube-nocookie.com",
    ],
)
def test_the_shipped_file_knows_the_five_names_of_youtube(shipped: SafeSearch, host: str) -> None:
    moderate = shipped.safe_host(host, safe_search=False, youtube=YouTube.MODERATE)
    strict = shipped.safe_host(host, safe_search=False, youtube=YouTube.STRICT)

    assert moderate == SafeTarget("youtube", "restrictmoderate.youtube.com", ("216.239.38.119",))
    assert strict == SafeTarget("youtube", "restrict.youtube.com", ("216.239.38.120",))


def test_the_shipped_file_holds_all_names_of_google_and_yandex(shipped: SafeSearch) -> None:
    engines = [target.engine for target in shipped.engines.values()]

    assert engines.count("google") == 194
    assert engines.count("yandex") == 52


@pytest.mark.parametrize(
    "host",
    ["search.yahoo.com", "es.search.yahoo.com", "www.qwant.com", "www.startpage.com", "www.baidu.com", "searx.be"],
)
def test_the_shipped_file_knows_engines_without_a_safe_mode(shipped: SafeSearch, host: str) -> None:
    assert shipped.cannot_be_forced(host)


@pytest.mark.parametrize("host", ["www.yahoo.com", "mail.yahoo.com", "pan.baidu.com", "es.wikipedia.org", "mec.gov.py"])
def test_the_shipped_file_leaves_what_is_no_search_engine_alone(shipped: SafeSearch, host: str) -> None:
    assert not shipped.cannot_be_forced(host)
