# SPDX-License-Identifier: GPL-3.0-or-later
"""The first start leads from nothing to a filter with a password, people and a test."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from filterd_gui.dialogs.first_run import FirstRun
from filterd_gui.household import Household
from tests.gui.fake_daemon import RECOVERY, FakeDaemon
from tests.gui.hands import find_button, press, reads
from tests.gui.scenery import ACCOUNTS

NEW = "cuatro palabras juntas al azar"


@pytest.fixture
def wizard(house: Household, daemon: FakeDaemon, qtbot: QtBot) -> FirstRun:
    daemon.password, daemon.uid = None, 0
    made = FirstRun(house, accounts=lambda: ACCOUNTS)
    qtbot.addWidget(made)
    made.show()
    return made


def type_password(wizard: FirstRun) -> None:
    wizard.fields.first.setText(NEW)
    wizard.fields.again.setText(NEW)


def test_it_leads_through_all_steps(wizard: FirstRun, daemon: FakeDaemon, qtbot: QtBot) -> None:
    press(wizard, "Next")
    assert not find_button(wizard, "Next").isEnabled()
    type_password(wizard)
    press(wizard, "Next")
    qtbot.waitUntil(lambda: wizard.step == 2)
    assert daemon.password == NEW
    assert wizard.recovery.code == RECOVERY
    assert not find_button(wizard, "Next").isEnabled()
    qtbot.keyClick(wizard.recovery.written, Qt.Key.Key_Space)
    press(wizard, "Next")
    wizard.ages["ana"].setCurrentIndex(2)
    wizard.ages["lucia"].setCurrentIndex(1)
    qtbot.waitUntil(lambda: bool(wizard._house.settings))
    press(wizard, "Next")
    qtbot.waitUntil(lambda: wizard.step == 4)
    qtbot.waitUntil(lambda: "Gambling" in reads(wizard))
    assert [c for c in daemon.settings["clients"] if "user" in c] == [
        {"user": "ana", "profile": "adult"},
        {"user": "lucia", "profile": "adolescent"},
        {"user": "mateo", "profile": "child"},
    ]
    assert {"network": "192.168.1.20", "profile": "child"} in daemon.settings["clients"]
    press(wizard, "Next")
    qtbot.waitUntil(lambda: "permitido.prueba.home.arpa" in reads(wizard) and "Blocked" in reads(wizard))
    press(wizard, "Finish")

    assert wizard.isHidden()
    assert wizard.fields.first.text() == ""


def test_who_may_not_set_the_first_password_is_told_who_may(
    wizard: FirstRun, daemon: FakeDaemon, qtbot: QtBot
) -> None:  # fmt: skip
    daemon.uid = 1000
    press(wizard, "Next")
    type_password(wizard)
    press(wizard, "Next")
    qtbot.waitUntil(lambda: not wizard.problem.isHidden())

    assert wizard.step == 1
    assert "only the administrator" in wizard.problem.text()


def test_the_language_is_the_first_question(wizard: FirstRun, qtbot: QtBot) -> None:
    with qtbot.waitSignal(wizard.language_chosen) as chosen:
        qtbot.keyClick(wizard.languages["gn"], Qt.Key.Key_Space)

    assert chosen.args == ["gn"]


def test_no_way_leads_back_over_the_password(wizard: FirstRun) -> None:
    press(wizard, "Next")
    press(wizard, "Back")
    assert wizard.step == 0
    wizard._open(2)
    assert wizard.back.isHidden()
    wizard._open(3)

    assert wizard.back.isHidden()


def test_settings_that_cannot_be_written_are_no_dead_end(wizard: FirstRun, daemon: FakeDaemon, qtbot: QtBot) -> None:
    wizard._open(3)
    wizard._link.unlock_wanted.connect(lambda _opened, given_up: given_up())
    press(wizard, "Next")
    qtbot.waitUntil(lambda: wizard.step == 4)

    assert "The session ended" in wizard.problem.text()


def test_a_computer_without_people_is_said(house: Household, qtbot: QtBot) -> None:
    wizard = FirstRun(house, accounts=list, step=3)
    qtbot.addWidget(wizard)
    assert "everybody is treated as a child" in reads(wizard)
    press(wizard, "Next")

    assert wizard.step == 4
