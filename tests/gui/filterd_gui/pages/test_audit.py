# SPDX-License-Identifier: GPL-3.0-or-later
"""The log is shown newest first, and whether it is whole."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.pages.audit import AuditPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import reads


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> AuditPage:
    made = AuditPage(home)
    qtbot.addWidget(made)
    return made


def test_events_are_told_in_words(page: AuditPage, qtbot: QtBot) -> None:
    page.reload()
    qtbot.waitUntil(lambda: len(page.rows.rows) == 4)

    assert page.rows.rows[2][2:] == ("A wrong password was tried", "uid 1001 (mateo)", "what: password")
    assert "The log is whole: 4 entries." in reads(page)


def test_a_log_that_was_cut_is_told(page: AuditPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.audit_problems = ["entry 3 was changed, taken out or put in"]
    page.reload()

    qtbot.waitUntil(lambda: "entry 3 was changed" in reads(page))
    assert "whole" not in reads(page)
