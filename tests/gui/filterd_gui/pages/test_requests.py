# SPDX-License-Identifier: GPL-3.0-or-later
"""Each request gets one of seven answers; what a child wrote is plain text."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox, QLabel
from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.pages.requests import ANSWERS, RequestsPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press, reads

HOST = "www.minijuegos.example"


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> RequestsPage:
    made = RequestsPage(home)
    qtbot.addWidget(made)
    made.reload()
    qtbot.waitUntil(lambda: HOST in reads(made))
    return made


@pytest.mark.parametrize(("answer", "text"), ANSWERS.items())
def test_every_answer_is_sent_as_it_is_called(
    page: RequestsPage, daemon: FakeDaemon, qtbot: QtBot, answer: str, text: str
) -> None:
    press(page, f"{text}: {HOST}")
    qtbot.waitUntil(lambda: daemon.requests[0].answer == answer)

    assert daemon.called("POST", "/v1/requests/r1/answer") == [{"answer": answer, "for_closed_hours": False}]


def test_closed_hours_are_opened_only_on_purpose(page: RequestsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    box = next(b for b in page.findChildren(QCheckBox) if HOST in b.accessibleName())
    box.setChecked(True)
    press(page, f"1 hour: {HOST}")

    qtbot.waitUntil(lambda: bool(daemon.called("POST", "/v1/requests/r1/answer")))
    assert daemon.called("POST", "/v1/requests/r1/answer")[0]["for_closed_hours"] is True


def test_what_a_child_wrote_is_no_markup(page: RequestsPage) -> None:
    comment = next(found for found in page.findChildren(QLabel) if "tarea" in found.text())

    assert comment.textFormat() is Qt.TextFormat.PlainText


def test_the_same_requests_again_leave_the_page_as_it_is(page: RequestsPage, daemon: FakeDaemon) -> None:
    before = page.findChildren(QCheckBox)
    page.show_requests(list(daemon.requests))

    assert page.findChildren(QCheckBox) == before


def test_an_answered_request_can_be_forgotten(page: RequestsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    press(page, "Forget the request of videos.example")

    qtbot.waitUntil(lambda: [one.id for one in daemon.requests] == ["r1", "r2"])


def test_reports_of_wrong_blocks_are_saved(page: RequestsPage, tmp_path: Path) -> None:
    page.save_reports(tmp_path / "reports.csv")
    said: list[str] = []
    page.said.connect(lambda text, *_: said.append(text))
    page.save_reports(tmp_path)

    lines = (tmp_path / "reports.csv").read_text().splitlines()
    assert lines[0] == "when,host,category,rule,list"
    assert "salud-joven.example,pornography" in lines[1]
    assert "cannot be written" in said[0]


def test_nothing_asked_is_said(page: RequestsPage) -> None:
    page.show_requests([])

    assert "No request waits for an answer." in reads(page)
