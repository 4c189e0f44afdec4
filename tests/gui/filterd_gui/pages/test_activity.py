# SPDX-License-Identifier: GPL-3.0-or-later
"""What was blocked can be counted, searched, saved and forgotten."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from filterd.control.messages import ActivityEvent
from filterd_gui.household import Household
from filterd_gui.pages.activity import PAGE, ActivityPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press, reads


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> ActivityPage:
    made = ActivityPage(home)
    qtbot.addWidget(made)
    made.reload()
    qtbot.waitUntil(lambda: len(made.rows.rows) == 60 and "times blocked" in reads(made))
    return made


def test_events_are_told_in_words(page: ActivityPage) -> None:
    row = page.rows.rows[0]

    assert row[1:] == ("www.apuestas.example", "Child (to 13)", "Blocked", "Gambling", "list", "1")


def test_counts_are_drawn_and_told(page: ActivityPage, daemon: FakeDaemon) -> None:
    total = sum(t.count for t in daemon.totals)

    assert f"{total} times blocked" in reads(page)
    assert "Pornography" in page.bars.accessibleDescription()
    assert "08:" in page.chart.accessibleDescription()


def test_a_longer_period_is_counted_by_days(page: ActivityPage, qtbot: QtBot) -> None:
    page.days.setCurrentIndex(1)
    page.days.activated.emit(1)

    qtbot.waitUntil(lambda: "/" in page.chart.accessibleDescription())


def test_typing_searches_after_a_pause(page: ActivityPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    qtbot.keyClicks(page.text, "casino")
    qtbot.waitUntil(lambda: len(page.rows.rows) == 12)

    searched = [query for query in daemon.called("GET", "/v1/activity") if query.get("text")]
    assert [query["text"] for query in searched] == ["casino"]
    assert searched[0]["action"] == "block"


def test_more_are_loaded_page_by_page(page: ActivityPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    now = int(time.time())
    daemon.events = [
        ActivityEvent(id=n, at=now, host=f"h{n}.example", profile="child", action="block")
        for n in range(PAGE + 20, 0, -1)
    ]
    page.refresh()
    qtbot.waitUntil(lambda: len(page.rows.rows) == PAGE and not page.more.isHidden())
    press(page, "Show more")

    qtbot.waitUntil(lambda: len(page.rows.rows) == PAGE + 20)
    assert page.more.isHidden()


def test_it_is_saved_as_a_table(page: ActivityPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.save_csv(tmp_path / "a.csv")
    qtbot.waitUntil(lambda: (tmp_path / "a.csv").is_file())

    assert (tmp_path / "a.csv").read_text().startswith("at,host\n")


def test_it_is_forgotten(page: ActivityPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    page.purge()

    qtbot.waitUntil(lambda: not page.rows.rows)
    assert daemon.events == []


def test_a_line_can_be_asked_about(page: ActivityPage) -> None:
    wanted: list[str] = []
    page.wanted.connect(wanted.append)
    press(page, "Why is this so?")
    page.table.selectRow(1)
    press(page, "Why is this so?")

    assert wanted == ["why:casino.example"]


def test_ten_thousand_lines_are_shown_at_once(page: ActivityPage) -> None:
    page.table.grab()
    began = time.perf_counter()
    page.rows.show([("1", "h.example", "p", "b", "c", "w", "1")] * 10_000)
    page.table.grab()

    assert time.perf_counter() - began < 3.0  # tests share processors; alone it takes some hundredths
