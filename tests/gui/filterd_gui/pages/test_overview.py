# SPDX-License-Identifier: GPL-3.0-or-later
"""On or off in one glance; pausing, turning off and on; what needs the adult."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from filterd_gui.daemon_link import Standing
from filterd_gui.household import Household
from filterd_gui.pages.overview import OverviewPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import find_button, press, reads


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> OverviewPage:
    made = OverviewPage(home)
    qtbot.addWidget(made)
    made.show()
    home.link.look()
    made.reload()
    qtbot.waitUntil(lambda: "2 requests" in reads(made) and home.link.standing is Standing.HERE)
    return made


def test_it_says_that_protection_is_on_and_what_happened(page: OverviewPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "Gambling" in reads(page))
    told = reads(page)

    assert "Protection is on" in told
    assert "1.234 questions, 56 of them blocked (4,5 %)" in told


def test_the_adult_is_told_of_today(page: OverviewPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    today = sum(total.count for total in daemon.totals)

    qtbot.waitUntil(lambda: f"Today: {today} blocked." in reads(page))


def test_it_pauses_with_the_time_left_and_resumes(page: OverviewPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    press(page, "Pause 15 minutes")
    qtbot.waitUntil(lambda: "Protection is paused" in reads(page))
    assert "15 min more" in reads(page)
    page._count_down()
    press(page, "Resume now")

    qtbot.waitUntil(lambda: "Protection is on" in reads(page))
    assert [body["state"] for body in daemon.called("POST", "/v1/protection")] == ["paused", "on"]


def test_it_turns_off(page: OverviewPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    press(page, "Turn off…")

    qtbot.waitUntil(lambda: "Protection is off" in reads(page))
    assert "until you turn it on again" in reads(page)


def test_a_running_permission_is_shown_and_ended(page: OverviewPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "videos.example for Child" in reads(page))
    assert "42 min left" in reads(page)
    press(page, "End the permission of videos.example")

    qtbot.waitUntil(lambda: not daemon.permissions and "videos.example" not in reads(page))


def test_problems_come_with_a_way_out(page: OverviewPage) -> None:
    wanted: list[str] = []
    page.wanted.connect(wanted.append)
    press(page, "Update the lists")
    press(page, "Answer")

    assert "The list blp-porn is 9 days old." in reads(page)
    assert wanted == ["lists", "requests"]


def test_a_password_set_by_an_administrator_is_told_until_seen(
    page: OverviewPage, daemon: FakeDaemon, qtbot: QtBot
) -> None:  # fmt: skip
    daemon.reset_by = "uid 0 (root)"
    page.link.look()
    qtbot.waitUntil(lambda: "uid 0 (root)" in reads(page))
    press(page, "I know")

    qtbot.waitUntil(lambda: daemon.reset_by == "" and "uid 0 (root)" not in reads(page))


def test_a_daemon_that_is_gone_is_told_without_buttons(page: OverviewPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.stop()
    page.link.look()

    qtbot.waitUntil(lambda: "Nothing is known of the filter" in reads(page))
    assert "Pause" not in reads(page)


def test_news_of_figures_leave_the_keyboard_where_it_is(page: OverviewPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    before = find_button(page, "Turn off…")
    daemon.queries += 1
    page.link.look()
    qtbot.waitUntil(lambda: "1.235 questions" in reads(page))

    assert find_button(page, "Turn off…") is before
