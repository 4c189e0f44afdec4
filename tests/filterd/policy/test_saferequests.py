# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests are held to a site's safe mode, and nothing else of them changes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.saferequests import Outgoing, SafeRequests, set_parameters
from filterd.policy.safesearch import SafeSearch

SHIPPED = Path(__file__).parents[3] / "categories" / "safesearch.toml"
SAFE = SafeSearch.from_mapping(tomllib.loads(SHIPPED.read_text(encoding="utf-8"))).requests


def force(url: str, cookies: str = "", *, safe_search: bool = True, youtube: str = "strict") -> Outgoing:
    host = url.partition("://")[2].partition("/")[0]
    return SAFE.force(Outgoing(url, cookies), host, safe_search=safe_search, youtube=youtube)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("https://www.google.com.py/search?q=a&safe=off&hl=es",
         "https://www.google.com.py/search?q=a&safe=active&hl=es&ssui=on"),
        ("https://www.google.com/search?s%61fe=off&q=a&safe=images#x",
         "https://www.google.com/search?safe=active&q=a&ssui=on#x"),
        ("https://images.google.com/", "https://images.google.com/?safe=active&ssui=on"),
        ("https://www.google.com/maps?q=a", "https://www.google.com/maps?q=a"),
        ("https://www.bing.com/images/search?q=a", "https://www.bing.com/images/search?q=a&adlt=strict"),
        ("https://duckduckgo.com/?q=a&kp=-2", "https://duckduckgo.com/?q=a&kp=1"),
        ("https://search.brave.com/search?q=a", "https://search.brave.com/search?q=a&safesearch=strict"),
        ("https://www.ecosia.org/search?q=a", "https://www.ecosia.org/search?q=a&safesearch=2"),
        ("https://yandex.com/search/?text=a", "https://yandex.com/search/?text=a&fyandex=1"),
        ("https://espanol.search.yahoo.com/search?p=a", "https://espanol.search.yahoo.com/search?p=a&vm=r"),
        ("https://r.search.yahoo.com/x/RU=http%3a%2f%2fa", "https://r.search.yahoo.com/x/RU=http%3a%2f%2fa"),
        ("https://www.qwant.com/?q=a&t=web", "https://www.qwant.com/?q=a&t=web&safesearch=2&s=2"),
        ("https://other.example/search?q=a&safe=off", "https://other.example/search?q=a&safe=off"),
    ],
)  # fmt: skip
def test_an_engine_gets_its_parameters(asked: str, sent: str) -> None:
    assert force(asked).url == sent


@pytest.mark.parametrize(
    ("url", "given", "sent"),
    [
        ("https://www.bing.com/search", "a=1; SRCHHPGUSR=ADLT=OFF; _SS=x; b=2", "a=1; b=2"),
        ("https://duckduckgo.com/", "p=-2; g=x; ax=v1", "ax=v1; p=1"),
        ("https://search.brave.com/", "", "safesearch=strict"),
        ("https://vimeo.com/1", "content_rating=255; x=y", "x=y; content_rating=191"),
        ("https://www.reddit.com/r/x", "over18=1; session=z", "session=z"),
        ("https://www.youtube.com/watch?v=1", "PREF=f6=40&tz=x; VISITOR=y", "VISITOR=y; PREF=f6=40&tz=x&f2=8000000"),
        ("https://www.youtube.com/watch?v=1", "PREF=f2=0&tz=x", "PREF=f2=8000000&tz=x"),
        ("https://www.youtube-nocookie.com/embed/1", "a=b", "a=b"),
        ("https://other.example/", " odd ;;cookie;over18=1", " odd ;;cookie;over18=1"),
    ],
)
def test_a_site_gets_its_cookies(url: str, given: str, sent: str) -> None:
    assert force(url, given).cookies == sent


@pytest.mark.parametrize(
    "host", ["www.youtube.com", "music.youtube.com", "youtubei.googleapis.com", "www.youtube-nocookie.com"]
)
@pytest.mark.parametrize(("level", "header"), [("strict", "Strict"), ("moderate", "Moderate")])
def test_youtube_is_told_the_level(host: str, level: str, header: str) -> None:
    assert force(f"https://{host}/x", youtube=level).headers == (("YouTube-Restrict", header),)


def test_youtube_is_left_alone_where_the_adult_said_so() -> None:
    url, cookies = "https://www.youtube.com/x", "PREF=f2=0"

    assert force(url, cookies, youtube="off") == Outgoing(url, cookies)


def test_without_safe_search_an_engine_is_left_alone() -> None:
    url = "https://www.google.com/search?safe=off"

    assert force(url, safe_search=False).url == url


def test_only_the_schools_own_accounts_may_be_used_at_google() -> None:
    sent = SAFE.force(
        Outgoing("/"), "mail.google.com", safe_search=False, youtube="off", google_domains=("a.py", "b.py")
    )

    assert sent.headers == (("X-GoogApps-Allowed-Domains", "a.py,b.py"),)


def test_search_engines_are_known() -> None:
    assert SAFE.shows_results("www.google.com.py")
    assert SAFE.shows_results("espanol.search.yahoo.com")
    assert not SAFE.shows_results("www.reddit.com")


queries = st.lists(st.from_regex(r"[a-z%0-9]{0,5}(=[a-z0-9%+]{0,5})?", fullmatch=True), max_size=6).map("&".join)
urls = st.builds(
    "https://{}{}?{}{}".format,
    st.sampled_from(["www.google.com", "www.bing.com", "duckduckgo.com", "search.yahoo.com", "other.example"]),
    st.sampled_from(["/", "/search", "/html", "/x"]),
    queries,
    st.sampled_from(["", "#top", "#safe=off"]),
)


@given(urls, st.lists(st.from_regex(r"[a-zA-Z_]{1,4}=[a-z0-9]{0,4}", fullmatch=True), max_size=5).map("; ".join))
def test_forced_twice_is_forced_once(url: str, cookies: str) -> None:
    once = force(url, cookies)

    assert force(once.url, once.cookies) == once


@given(urls)
def test_what_is_not_forced_stays_in_its_order(url: str) -> None:
    wanted = {"safe": "active", "ssui": "on"}
    changed = set_parameters(url, wanted)

    def others(text: str) -> list[str]:
        parts = text.partition("#")[0].partition("?")[2].split("&")
        return [part for part in parts if part and part.partition("=")[0] not in wanted]

    assert others(changed) == others(url)
    assert changed.partition("#")[2] == url.partition("#")[2]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"a": 3}, "requests.a: a table"),
        ({"a": {"host": []}}, "requests.a.host: unknown key"),
        ({"a": {"hosts": "x"}}, "requests.a.hosts: a list"),
        ({"a": {"hosts": ["a b"]}}, "requests.a.hosts"),
        ({"a": {"engine": "finder"}}, "requests.a.engine"),
        ({"a": {"hosts": []}}, "at least one host"),
        ({"a": {"hosts": ["a.example"], "query": {"x": 1}}}, "requests.a.query: a table of texts"),
        ({"a": {"hosts": ["a.example"], "cookie_parts": []}}, "requests.a.cookie_parts"),
    ],
)
def test_a_wrong_table_is_refused(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SafeRequests.from_mapping(table, {})
