# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests leave as the profile's choices ask, over the wire."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.test import tutils

from filterd.policy.model import Allow, Cause, Client, Decision, Reason, Request, Rewrite, Stage, Verdict
from filterd.policy.safesearch import SafeSearch, YouTube
from filterd.proxy.inspection import Inspection
from filterd.proxy.safe_requests import SafeModes, ask_for_pages, wants_page
from tests.filterd.proxy.pages import HOSTS, Site, Words, looking, serving_site

SHIPPED = Path(__file__).parents[3] / "categories" / "safesearch.toml"
ENGINES = SafeSearch.from_mapping(tomllib.loads(SHIPPED.read_text(encoding="utf-8")))
CHILD = SafeModes(ENGINES, lambda _: (True, YouTube.STRICT))
GOOGLE = "www.google.com"


def request_to(path: str, **headers: str) -> http.Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return tutils.treq(host=GOOGLE, path=path.encode(), headers=http.Headers(fields))


def decision(verdict: Verdict, host: str = GOOGLE) -> Decision:
    return Decision(Request(Stage.REQUEST, Client(), datetime.now(UTC), host), verdict, "child")


@pytest.mark.parametrize("verdict", [
    Allow(), Allow(Reason(Cause.GUARD_PLATFORM)), Allow(Reason(Cause.PERMISSION, rule=GOOGLE)),
    Rewrite(Reason(Cause.SAFE_SEARCH), "forcesafesearch.google.com"),
    Allow(Reason(Cause.ALLOW_LIST, rule="google.com")),
])  # fmt: skip
def test_whatever_is_let_through_is_forced(verdict: Verdict) -> None:
    request = request_to("/search?q=a")

    CHILD.force(request, decision(verdict))

    assert request.path == "/search?q=a&safe=active&ssui=on"


@pytest.mark.parametrize("reason", [Reason(Cause.PROTECTION_OFF), Reason(Cause.ALLOW_LIST, rule=GOOGLE)])
def test_only_protection_off_and_an_allow_of_that_very_host_skip_it(reason: Reason) -> None:
    request = request_to("/search?q=a")

    CHILD.force(request, decision(Allow(reason)))

    assert request.path == "/search?q=a"


def test_cookies_in_many_fields_become_one() -> None:
    request = tutils.treq(headers=http.Headers([(b"cookie", b"a=1"), (b"cookie", b"over18=1"), (b"cookie", b"b=2")]))

    CHILD.force(request, decision(Allow(), "www.reddit.com"))

    assert request.headers.get_all("cookie") == ["a=1; b=2"]


def test_a_cookie_that_was_the_only_one_leaves_no_header() -> None:
    request = request_to("/", cookie="over18=1")

    CHILD.force(request, decision(Allow(), "www.reddit.com"))

    assert "cookie" not in request.headers


def test_a_header_of_the_clients_own_is_overwritten() -> None:
    request = request_to("/watch", youtube_restrict="None")

    CHILD.force(request, decision(Allow(), "www.youtube.com"))

    assert request.headers.get_all("youtube-restrict") == ["Strict"]


@pytest.mark.parametrize(
    ("headers", "wants"),
    [
        ({"sec_fetch_dest": "document"}, True),
        ({"sec_fetch_dest": "iframe"}, True),
        ({"sec_fetch_dest": "video", "accept": "text/html"}, False),
        ({"accept": "text/html,application/xhtml+xml"}, True),
        ({"accept": "*/*"}, False),
        ({}, False),
    ],
)
def test_what_will_be_shown_as_a_page_is_known(headers: dict[str, str], *, wants: bool) -> None:
    assert wants_page(request_to("/", **headers)) is wants


def test_a_dictionary_that_only_the_browser_has_is_not_offered() -> None:
    request = request_to("/", accept_encoding="br, dcb", available_dictionary=":a:", dictionary_id="b")

    ask_for_pages(request)

    assert dict(request.headers) == {"accept-encoding": "br"}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving_site() as site:
        yield site


def test_a_search_leaves_in_its_safe_mode(inspection: Inspection, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HOSTS, GOOGLE, ["127.0.0.1"])
    site.put("/search", "<p>resultados</p>")
    with looking(inspection, Words(), safe_modes=CHILD) as proxy:
        proxy.ask(f"http://{GOOGLE}:{site.port}/search?q=a&safe=off")

    assert [path for _, path, _ in site.asked] == ["/search?q=a&safe=active&ssui=on"]
