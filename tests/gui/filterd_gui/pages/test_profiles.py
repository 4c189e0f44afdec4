# SPDX-License-Identifier: GPL-3.0-or-later
"""People get profiles; a profile's limits are set one by one."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.pages.profiles import ProfilesPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press, reads
from tests.gui.scenery import ACCOUNTS


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> ProfilesPage:
    made = ProfilesPage(home, lambda: ACCOUNTS)
    qtbot.addWidget(made)
    made.show()
    made.reload()
    qtbot.waitUntil(lambda: len(made.account_boxes) == 4)
    return made


def choose(page: ProfilesPage, user: str, profile: str) -> None:
    box = page.account_boxes[user]
    box.choose(profile)
    box.activated.emit(box.currentIndex())


def test_each_person_has_a_profile_and_the_others_the_default_one(page: ProfilesPage) -> None:
    assert [page.account_boxes[user].profile for user in ("ana", "lucia", "mateo", "")] == [
        "adult", "adolescent", "", "child",
    ]  # fmt: skip


def test_a_person_is_given_a_profile_beside_the_others(page: ProfilesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    choose(page, "mateo", "child")

    qtbot.waitUntil(lambda: {"user": "mateo", "profile": "child"} in daemon.settings["clients"])
    assert {"network": "192.168.1.20", "profile": "child"} in daemon.settings["clients"]


def test_a_person_without_one_is_as_everybody_else(page: ProfilesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    choose(page, "lucia", "")

    qtbot.waitUntil(lambda: all(client.get("user") != "lucia" for client in daemon.settings["clients"]))


def test_who_is_not_named_gets_the_default_profile(page: ProfilesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    choose(page, "", "adolescent")

    qtbot.waitUntil(lambda: daemon.settings["policy"]["default_profile"] == "adolescent")


def test_an_administrator_with_a_childs_profile_is_warned_of(
    page: ProfilesPage, daemon: FakeDaemon, qtbot: QtBot
) -> None:  # fmt: skip
    assert "is administrator" not in reads(page)
    choose(page, "ana", "child")

    qtbot.waitUntil(lambda: "is administrator" in reads(page))


def test_a_device_is_added_and_removed(page: ProfilesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    page.device_kind.setCurrentIndex(1)
    page.device.setText("aa:bb:cc:00:11:22")
    press(page, "Add device")
    qtbot.waitUntil(lambda: "aa:bb:cc:00:11:22" in reads(page))
    assert {"mac": "aa:bb:cc:00:11:22", "profile": "child"} in daemon.settings["clients"]
    press(page, "Remove aa:bb:cc:00:11:22")

    qtbot.waitUntil(lambda: "aa:bb:cc:00:11:22" not in reads(page))


def test_limits_are_shown_and_set(page: ProfilesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    assert page.switches["safe_search"].isChecked()
    assert not page.switches["starter_list"].isEnabled()
    assert page.youtube.currentData() == "strict"
    qtbot.keyClick(page.switches["only_allowed"], Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: daemon.settings["profiles"]["child"].get("only_allowed") is True)
    page.youtube.setCurrentIndex(0)
    page.youtube.activated.emit(0)

    qtbot.waitUntil(lambda: daemon.settings["profiles"]["child"].get("youtube") == "off")


def test_a_profile_of_the_familys_own_is_made(page: ProfilesPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    page.make_profile("abuela", "adult")

    qtbot.waitUntil(lambda: "abuela" in page.house.profiles())
    assert daemon.settings["profiles"]["abuela"] == {"preset": "adult"}
