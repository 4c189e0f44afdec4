# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses on a page are asked about as a browser would read them, each once, and not without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.domains import InvalidHost, split_target
from filterd.policy.model import Allow, Block, Cause, Client, Decision, Reason, Request, Stage
from filterd.proxy import links as module
from filterd.proxy.judge import Judge
from filterd.proxy.links import Links, PageLinks
from tests.filterd.proxy.support import GAMBLING, Table, rulebook

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Asking:
    """Links under a table of verdicts, and a clock."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.now = 0.0
        self.judge = Judge(rulebook(table, {}), observe=lambda _: None, clock=lambda: NOW)
        self.links = Links(self.judge, monotonic=lambda: self.now)

    def page(self, url: str = "https://www.shop.example/a/b.html", address: str = "127.0.0.1") -> PageLinks:
        request = Request(Stage.REQUEST, Client(address), NOW, split_target(url).host, url)
        return self.links.on_page(Decision(request, Allow(), "child"))


@pytest.fixture
def asking() -> Asking:
    return Asking(Table({"casino.example": GAMBLING, "https://www.shop.example/bet": GAMBLING}))


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://other.example/x?y#z", "https://other.example/x?y"),
        ("HTTPS://Other.Example:443/x", "https://other.example/x"),
        ("https://other.example", "https://other.example/"),
        ("//other.example/x", "https://other.example/x"),
        ("\\\\other.example\\x", "https://other.example/x"),
        ("  /x?y ", "https://www.shop.example/x?y"),
        ("c.html", "https://www.shop.example/a/c.html"),
        ("../c", "https://www.shop.example/c"),
        ("?q=1", "https://www.shop.example/a/b.html?q=1"),
        ("https:other.example", "https://other.example/"),
    ],
)
def test_an_address_is_read_as_a_browser_would(address: str, url: str, asking: Asking) -> None:
    asking.page().refusal(address)

    assert [request.url for request in asking.table.asked] == [url]


@pytest.mark.parametrize(
    "address", ["", "#top", "mailto:a@casino.example", "data:text/html,x", "javascript:x()", "http://"]
)
def test_what_leads_nowhere_is_not_asked_about(address: str, asking: Asking) -> None:
    assert asking.page().refusal(address) is None
    assert asking.table.asked == []


def test_a_refusal_is_told_as_part_of_a_page(asking: Asking) -> None:
    refusal = asking.page().refusal("//casino.example/x")

    assert refusal is not None
    assert (refusal.verdict, refusal.request.stage, refusal.request.host) == (
        GAMBLING,
        Stage.RESPONSE,
        "casino.example",
    )


def test_the_pages_own_site_may_have_refused_addresses(asking: Asking) -> None:
    page = asking.page()

    assert page.refusal("/bet") is not None
    assert page.refusal("/best") is None


@pytest.mark.parametrize("cause", [Cause.CLOSED_HOURS, Cause.ONLY_ALLOWED, Cause.NO_SAFE_MODE, Cause.FAILURE])
def test_what_is_closed_but_not_harmful_stays_on_the_page(cause: Cause, asking: Asking) -> None:
    asking.table.verdicts["other.example"] = Block(Reason(cause))

    assert asking.page().refusal("//other.example/") is None


def test_an_address_is_asked_about_once_for_all_pages(asking: Asking) -> None:
    for _ in range(3):
        asking.page().refusal("//casino.example/")

    assert len(asking.table.asked) == 1


def _swap(asking: Asking) -> None:
    asking.judge.rulebook = replace(asking.judge.rulebook)


def _wait(asking: Asking) -> None:
    asking.now += 301


@pytest.mark.parametrize("change", [_swap, _wait])
def test_what_was_said_is_forgotten_in_time(change: Callable[[Asking], None], asking: Asking) -> None:
    asking.page().refusal("//casino.example/")
    change(asking)
    asking.page().refusal("//casino.example/")

    assert len(asking.table.asked) == 2


def test_what_was_said_to_one_client_holds_for_no_other(asking: Asking) -> None:
    asking.page().refusal("//casino.example/")
    asking.page(address="192.0.2.7").refusal("//casino.example/")

    assert len(asking.table.asked) == 2


def test_a_page_of_many_hosts_is_looked_at_up_to_a_bound(asking: Asking) -> None:
    page = asking.page()
    for at in range(module.MAX_HOSTS + 50):
        page.refusal(f"https://h{at}.example/")

    assert len(asking.table.asked) == module.MAX_HOSTS


def test_a_page_is_looked_at_for_a_bounded_time(asking: Asking) -> None:
    page = asking.page()
    asking.now += module.MAX_TIME_S + 0.1

    assert page.refusal("//casino.example/") is None


@pytest.mark.parametrize(
    ("address", "elsewhere"),
    [("https://other.example/", True), ("https://img.shop.example/", False), ("/x", False), ("#x", False)],
)
def test_another_site_is_told_from_the_pages_own(address: str, *, elsewhere: bool, asking: Asking) -> None:
    assert asking.page().leads_elsewhere(address) is elsewhere


def test_a_search_is_judged_by_its_words(asking: Asking) -> None:
    asking.table.verdicts["https://www.shop.example/search?q=casino%20gratis"] = GAMBLING

    assert asking.page().refused_query("casino gratis") is not None


@given(st.from_regex(r"https?://[a-zA-Z0-9._-]{1,12}(/[a-z?#&%\\ .:@-]{0,10})?", fullmatch=True))
def test_the_short_way_reads_what_the_long_way_reads(address: str) -> None:
    asking = Asking(Table({}))
    asking.page().refusal(address)
    try:
        target = split_target(address)
    except InvalidHost:
        assert asking.table.asked == []
        return

    assert [(r.host, r.url) for r in asking.table.asked] == [(target.host, target.url)]


@given(st.text(max_size=60))
def test_no_address_makes_it_fail(address: str) -> None:
    Asking(Table({})).page().refusal(address)
