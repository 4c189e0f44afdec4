# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms of the block page: whose are taken, and what is done with them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.model import Allow, Block, Cause, Client, Decision, Reason, Request, Stage, Verdict
from filterd.proxy.actions import BlockPageActions, Posted
from filterd.proxy.answer import Page
from filterd.wording import Outcome

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
BLOCKED = Block(Reason(Cause.CATEGORY_LIST, category="gambling"))
OURS = {"origin": "https://casino.example", "sec-fetch-site": "same-origin"}


class Desk:
    """The adult's side, and both clocks."""

    def __init__(self, outcome: Outcome = Outcome.SENT) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, str, str | None, str, bool]] = []
        self.codes: list[tuple[str, str, str | None, str]] = []
        self.now = NOON
        self.tick = 0.0
        self.actions = BlockPageActions(
            ask=self.ask, unlock=self.unlock, clock=lambda: self.now, monotonic=lambda: self.tick
        )

    async def ask(self, *, host: str, profile: str, client: Client, comment: str, wrong: bool) -> Outcome:
        self.asked.append((host, profile, client.address, comment, wrong))
        return self.outcome

    async def unlock(self, *, host: str, profile: str, client: Client, code: str) -> Outcome:
        self.codes.append((host, profile, client.address, code))
        return Outcome.OPENED

    def post(
        self,
        *,
        path: str = "/.filterd/ask",
        method: str = "POST",
        headers: Mapping[str, str] = OURS,
        sent_for: Decision | None = None,
        **fields: str,
    ) -> Page:
        about = decision()
        offered = self.actions.offer(sent_for or about)
        assert offered
        body = urlencode({"token": offered.token, **fields}).encode()
        posted = Posted(method, path, headers, "https://casino.example", body, about)
        return asyncio.run(self.actions.take(posted))


def decision(
    host: str = "casino.example",
    *,
    address: str = "192.168.7.9",
    profile: str = "child",
    verdict: Verdict = BLOCKED,
) -> Decision:
    return Decision(Request(Stage.REQUEST, Client(address=address), NOON, host), verdict, profile)


def test_a_request_reaches_the_adult_as_plain_text() -> None:
    desk = Desk()

    answer = desk.post(kind="ask", comment="  es para\r\n la <b>escuela</b>\x00 ")

    assert answer.status == 200
    assert desk.asked == [("casino.example", "child", "192.168.7.9", "es para la <b>escuela</b>", False)]


def test_a_wrong_block_is_reported() -> None:
    desk = Desk()

    desk.post(kind="wrong")

    assert desk.asked[0][4]


def test_a_code_opens() -> None:
    desk = Desk()

    answer = desk.post(path="/.filterd/unlock", code="123 456", back="/page?x=1")

    assert desk.codes == [("casino.example", "child", "192.168.7.9", "123456")]
    assert 'href="/page?x=1"' in answer.body.decode()


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "٣٣٣٣٣٣", "my password"])
def test_what_is_no_code_does_not_even_reach_the_adults_side(code: str) -> None:
    desk = Desk()

    assert desk.post(path="/.filterd/unlock", code=code).status == 403
    assert desk.codes == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "http://casino.example"},
        {"origin": "null"},
        {"origin": "https://casino.example", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_form_from_elsewhere_is_not_taken(headers: Mapping[str, str]) -> None:
    desk = Desk()

    assert desk.post(headers=headers).status == 403
    assert desk.asked == []


@pytest.mark.parametrize("headers", [{"origin": "https://casino.example"}, {"sec-fetch-site": "same-origin"}])
def test_old_browsers_say_it_in_one_way_or_the_other(headers: Mapping[str, str]) -> None:
    assert Desk().post(headers=headers).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_a_form_is_posted(method: str) -> None:
    desk = Desk()

    assert desk.post(method=method).status == 403
    assert desk.asked == []


@pytest.mark.parametrize(
    "other",
    [decision("other.example"), decision(address="192.168.7.8"), decision(profile="adolescent")],
    ids=["host", "client", "profile"],
)
def test_the_token_of_another_block_event_is_worth_nothing(other: Decision) -> None:
    desk = Desk()

    assert desk.post(sent_for=other).status == 403
    assert desk.asked == []


@pytest.mark.parametrize("late", [timedelta(hours=1, seconds=1), timedelta(hours=-2)], ids=["old", "from the future"])
def test_a_token_lasts_an_hour(late: timedelta) -> None:
    desk = Desk()
    offered = desk.actions.offer(decision())
    assert offered
    desk.now += late

    assert desk.post(token=offered.token).status == 403


@given(st.text(max_size=60))
def test_no_token_is_guessed(token: str) -> None:
    desk = Desk()

    assert desk.post(token=token).status == 403


def test_a_token_is_of_this_run() -> None:
    other = Desk().actions.offer(decision())
    assert other

    assert Desk().post(token=other.token).status == 403


def test_five_a_minute() -> None:
    desk = Desk()

    assert [desk.post().status for _ in range(7)] == [200] * 5 + [429] * 2
    desk.tick += 61
    assert desk.post().status == 200


def test_the_way_back_leads_nowhere_else() -> None:
    for back in ("//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"):
        assert 'href="/"' in Desk().post(back=back).body.decode()


def test_the_answer_is_in_the_language_of_the_page() -> None:
    assert b'<html lang="gn">' in Desk().post(lang="gn").body


def test_where_the_adults_side_is_away_the_child_is_told() -> None:
    async def away(*, host: str, profile: str, client: Client, comment: str, wrong: bool) -> Outcome:
        raise ConnectionRefusedError

    desk = Desk()
    desk.actions._ask = away

    assert desk.post().status == 503


def test_what_is_not_blocked_or_broke_offers_nothing() -> None:
    desk = Desk()

    assert desk.actions.offer(decision(verdict=Allow())) is None
    assert desk.actions.offer(decision(verdict=Block(Reason(Cause.FAILURE)))) is None
    assert BlockPageActions().offer(decision()) is None


def test_without_codes_there_is_no_field_for_them() -> None:
    desk = Desk()
    offered = BlockPageActions(ask=desk.ask, unlock=desk.unlock, has_codes=lambda: False).offer(decision())

    assert offered
    assert (offered.asks, offered.unlocks) == (True, False)


@given(st.binary(max_size=300))
def test_no_bytes_upset_it(body: bytes) -> None:
    posted = Posted("POST", "/.filterd/ask", OURS, "https://casino.example", body, decision())

    assert asyncio.run(Desk().actions.take(posted)).status == 403
