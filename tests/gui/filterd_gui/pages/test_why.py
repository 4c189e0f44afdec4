# SPDX-License-Identifier: GPL-3.0-or-later
"""One box answers why something is blocked, and offers what can be done."""

from __future__ import annotations

from typing import Any

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from filterd.control.messages import Effect
from filterd_gui.household import Household
from filterd_gui.pages.why import WhyPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press, reads


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> WhyPage:
    made = WhyPage(home)
    qtbot.addWidget(made)
    made.reload()
    return made


def test_it_says_list_rule_category_and_decree(page: WhyPage, qtbot: QtBot) -> None:
    qtbot.keyClicks(page.name, "www.apuestas.example")
    qtbot.keyClick(page.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not page.answer.isHidden())

    told = reads(page.answer)
    assert "A list says that it belongs to the category “Gambling”." in told
    assert "Rule: apuestas.example" in told
    assert "List: ut1-gambling" in told
    assert "items 2.10" in told


def test_what_is_on_no_list_is_open(page: WhyPage, qtbot: QtBot) -> None:
    page.ask_about("es.wikipedia.org")

    qtbot.waitUntil(lambda: "it is on no list" in reads(page.answer))


def test_what_is_no_domain_is_told(page: WhyPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.verdicts["a b"] = {"action": None, "error": "no host", "input": "a b"}
    page.ask_about("a b")

    qtbot.waitUntil(lambda: "This is no domain or address: a b" in reads(page.answer))


def test_it_opens_the_site_for_good_and_tells_a_note(page: WhyPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.effects["www.apuestas.example"] = Effect(
        domain="www.apuestas.example", verdict="block", note="closed hours: a list does not open them"
    )
    said: list[Any] = []
    page.said.connect(lambda text, tone, *_: said.append((text, tone)))
    page.ask_about("www.apuestas.example")
    qtbot.waitUntil(lambda: "Gambling" in reads(page.answer))
    press(page, "Open it always (white list)")
    qtbot.waitUntil(lambda: bool(said))

    assert said == [("closed hours: a list does not open them", "warn")]
    assert daemon.called("POST", "/v1/exceptions")[0]["to"] == "allow"


@pytest.mark.parametrize(
    ("text", "span"), [("Open it 15 minutes", (15, False)), ("Open it until tomorrow", (None, True))]
)
def test_it_opens_the_site_for_a_while(
    page: WhyPage, daemon: FakeDaemon, qtbot: QtBot, text: str, span: tuple[int | None, bool]
) -> None:
    said: list[str] = []
    page.said.connect(lambda told, *_: said.append(told))
    page.ask_about("www.apuestas.example")
    qtbot.waitUntil(lambda: "Gambling" in reads(page.answer))
    press(page, text)
    qtbot.waitUntil(lambda: bool(said))

    asked = daemon.called("POST", "/v1/permissions")[0]
    assert (asked["minutes"], asked["until_tomorrow"]) == span
    assert said[0].startswith("www.apuestas.example is open until")
    assert daemon.permissions[-1].host == "www.apuestas.example"


def test_another_profile_asks_for_the_session(page: WhyPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    page.profile.choose("adolescent")
    page.ask_about("es.wikipedia.org")

    qtbot.waitUntil(lambda: "Adolescent (14 to 17)" in reads(page.answer))
    assert daemon.called("GET", "/v1/check")[-1]["profile"] == "adolescent"
