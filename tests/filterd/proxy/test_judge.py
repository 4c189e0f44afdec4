# SPDX-License-Identifier: GPL-3.0-or-later
"""Name and addresses are put to the policy, and each decision is told once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from mitmproxy import connection
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from filterd.policy.model import Allow, Block, Cause, Decision, Reason, Rewrite, Stage, Verdict
from filterd.proxy.block_page import Asked
from filterd.proxy.judge import Judge, Refusal
from filterd.proxy.streams import Route
from tests.filterd.proxy.support import GAMBLING, Table, rulebook

WHEN = datetime(2026, 3, 14, 15, 4, tzinfo=UTC)
HERE = {"shop.example": ["127.0.0.1", "127.0.0.2"], "safe.example": ["127.0.0.3"], "nowhere.example": ["10.0.0.1"]}


class Court:
    """A judge with a policy that is a table, and what it told."""

    def __init__(self, verdicts: dict[str, Verdict]) -> None:
        self.table = Table(verdicts)
        self.told: list[Decision] = []
        self.judge = Judge(rulebook(self.table, HERE), observe=self.told.append, clock=lambda: WHEN)

    def find(self, host: str) -> tuple[str, Route]:
        decision = self.judge.ask(Stage.HELLO, client(), host)
        return asyncio.run(self.judge.find_route(decision, 443))


def client(address: str = "192.168.7.5", mode: str = "regular") -> connection.Client:
    made = tflow.tclient_conn()
    made.peername = (address, 50000)
    made.proxy_mode = ProxyMode.parse(mode)
    return made


def test_a_question_says_who_asks_what_and_when() -> None:
    court = Court({})

    court.judge.ask(Stage.REQUEST, client(), "shop.example", "http://shop.example/x")

    asked = court.table.asked[0]
    assert (asked.stage, asked.host, asked.url, asked.when) == (
        Stage.REQUEST,
        "shop.example",
        "http://shop.example/x",
        WHEN,
    )
    assert asked.client.address == "192.168.7.5"
    assert asked.client.profile is None


def test_a_client_of_a_listener_has_its_profile() -> None:
    court = Court({})
    court.judge.know_profiles({"regular@127.0.0.1:8081": "adolescent"})

    court.judge.ask(Stage.HELLO, client(mode="regular@127.0.0.1:8081"), "shop.example")

    assert court.table.asked[0].client.profile == "adolescent"


@pytest.mark.parametrize(("peer", "address"), [("::ffff:192.168.7.5", "192.168.7.5"), ("fe80::1%eth0", "fe80::1")])
def test_the_address_of_a_client_has_one_spelling(peer: str, address: str) -> None:
    court = Court({})

    court.judge.ask(Stage.HELLO, client(peer), "shop.example")

    assert court.table.asked[0].client.address == address


def test_what_is_allowed_leads_to_its_addresses() -> None:
    court = Court({})

    assert court.find("shop.example") == ("shop.example", Route(("127.0.0.1", "127.0.0.2"), 443))
    assert [type(d.verdict) for d in court.told] == [Allow]
    assert [request.host for request in court.table.asked] == ["shop.example", "127.0.0.1", "127.0.0.2"]


def test_what_is_rewritten_leads_to_the_addresses_of_the_other() -> None:
    court = Court({"shop.example": Rewrite(Reason(Cause.SAFE_SEARCH), "safe.example")})

    assert court.find("shop.example") == ("safe.example", Route(("127.0.0.3",), 443))
    assert [request.host for request in court.table.asked] == ["shop.example"]


def test_an_address_that_was_asked_for_is_judged_once() -> None:
    court = Court({})

    court.find("127.0.0.1")

    assert [request.host for request in court.table.asked] == ["127.0.0.1"]


def test_what_is_blocked_is_not_looked_up() -> None:
    court = Court({"unknown.example": GAMBLING})

    with pytest.raises(Refusal) as caught:
        court.find("unknown.example")

    assert caught.value.page(Asked()).status == 403
    assert [type(d.verdict) for d in court.told] == [Block]


def test_one_blocked_address_blocks_the_name() -> None:
    court = Court({"127.0.0.2": GAMBLING})

    with pytest.raises(Refusal) as caught:
        court.find("shop.example")

    assert "shop.example" in caught.value.page(Asked()).body.decode()
    assert [(d.request.host, type(d.verdict)) for d in court.told] == [("shop.example", Block)]


@pytest.mark.parametrize(
    ("cause", "covered"),
    [
        (Cause.PROTECTION_OFF, True),
        (Cause.SURVIVAL, True),
        (Cause.PERMISSION, True),
        (Cause.ALLOW_LIST, True),
        (Cause.GUARD_SITE, True),
        (Cause.GUARD_PLATFORM, True),
        (Cause.CATEGORY_OPEN, False),
    ],
)
def test_an_allow_by_clauses_1_to_6_covers_the_addresses(cause: Cause, *, covered: bool) -> None:
    court = Court({"shop.example": Allow(Reason(cause)), "127.0.0.1": GAMBLING})

    if covered:
        assert court.find("shop.example")[1].addresses
    else:
        with pytest.raises(Refusal):
            court.find("shop.example")


@pytest.mark.parametrize(("host", "status"), [("unknown.example", 502), ("nowhere.example", 403)])
def test_no_way_to_an_allowed_name_is_told_and_is_no_block(host: str, status: int) -> None:
    court = Court({})

    with pytest.raises(Refusal) as caught:
        court.find(host)

    assert caught.value.page(Asked()).status == status
    assert [type(d.verdict) for d in court.told] == [Allow]


def test_letting_through_a_block_is_refused() -> None:
    court = Court({"casino.example": GAMBLING})
    decision = court.judge.ask(Stage.HELLO, client(), "casino.example")

    with pytest.raises(Refusal):
        court.judge.let_through(decision)

    assert court.told == [decision]


def test_a_port_without_web_pages_leads_nowhere_and_a_block_is_told_first() -> None:
    court = Court({"casino.example": GAMBLING})

    for host, words in (("shop.example", "puerto"), ("casino.example", "Juegos de azar")):
        with pytest.raises(Refusal) as refused:
            asyncio.run(court.judge.find_route(court.judge.ask(Stage.HELLO, client(), host), 25))
        assert words in refused.value.page(Asked()).body.decode()
    assert [type(decision.verdict) for decision in court.told] == [Allow, Block]


def test_the_time_on_the_page_is_the_familys() -> None:
    court = Court({"casino.example": GAMBLING})
    court.judge.rulebook = replace(court.judge.rulebook, zone=timezone(timedelta(hours=-3)))

    with pytest.raises(Refusal) as refused:
        court.find("casino.example")

    assert "14/03/2026 12:04" in refused.value.page(Asked()).body.decode()


def test_a_review_is_about_the_same_at_another_time_and_tells_nobody() -> None:
    court = Court({})
    decision = court.judge.ask(Stage.REQUEST, client(), "shop.example", "http://shop.example/x")
    court.table.verdicts["127.0.0.2"] = GAMBLING
    later = WHEN + timedelta(hours=9)
    court.judge.clock = lambda: later

    again = court.judge.review(decision, ["127.0.0.1", "127.0.0.2"])

    assert again.verdict == GAMBLING
    assert again.request == replace(decision.request, when=later)
    assert court.told == []
