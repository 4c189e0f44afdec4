# SPDX-License-Identifier: GPL-3.0-or-later
"""Look, password, codes, and all settings as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from filterd_gui.daemon_link import DaemonLink
from filterd_gui.household import Household
from filterd_gui.pages.settings import SettingsPage
from tests.gui.fake_daemon import FakeDaemon
from tests.gui.hands import press, reads


@pytest.fixture
def page(home: Household, qtbot: QtBot) -> SettingsPage:
    made = SettingsPage(home)
    qtbot.addWidget(made)
    made.reload()
    home.link.look()
    qtbot.waitUntil(lambda: home.link.caller.uid == 1000)
    return made


def test_settings_in_force_are_shown(page: SettingsPage) -> None:
    assert page.minutes.value() == 10
    assert page.days.value() == 30
    assert page.boxes["control", "tighten_without_password"].isChecked()
    assert not page.boxes["proxy", "inspect"].isChecked()


def test_a_change_is_saved(page: SettingsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    page.days.setValue(7)
    page.days.editingFinished.emit()
    qtbot.waitUntil(lambda: daemon.settings["activity"]["retention_days"] == 7)
    qtbot.keyClick(page.boxes["proxy", "inspect"], Qt.Key.Key_Space)

    qtbot.waitUntil(lambda: daemon.settings["proxy"]["inspect"] is True)


def test_without_a_session_only_look_and_password_are_there(house: Household, link: DaemonLink, qtbot: QtBot) -> None:
    page = SettingsPage(house)
    qtbot.addWidget(page)
    page.reload()

    assert all(card.isHidden() for card in page.locked_cards)


def test_the_look_is_chosen(page: SettingsPage) -> None:
    chosen: list[Any] = []
    page.look_chosen.connect(lambda *look: chosen.append(look))
    page.show_look("dark", 150)
    page.scale.activated.emit(page.scale.currentIndex())

    assert chosen == [("dark", 150)]


def test_one_time_codes_are_set_up_and_turned_off(page: SettingsPage, daemon: FakeDaemon, qtbot: QtBot) -> None:
    press(page, "Set up one-time codes…")
    qtbot.waitUntil(lambda: any(isinstance(w, QDialog) for w in QApplication.topLevelWidgets() if w.isVisible()))
    assert daemon.totp
    QApplication.closeAllWindows()
    page.link.look()
    qtbot.waitUntil(lambda: page.link.caller.one_time_codes)
    page.refresh()
    press(page, "Turn one-time codes off")

    qtbot.waitUntil(lambda: not daemon.totp)


def test_password_dialogs_open(page: SettingsPage, qtbot: QtBot) -> None:
    for text in ("Change the password…", "I forgot it…"):
        press(page, text)
        qtbot.waitUntil(lambda: any(isinstance(w, QDialog) and w.isVisible() for w in QApplication.topLevelWidgets()))
        QApplication.closeAllWindows()


def test_settings_are_saved_to_a_file(page: SettingsPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.export(tmp_path / "filterd.toml")

    qtbot.waitUntil(lambda: (tmp_path / "filterd.toml").is_file())


def test_a_file_is_taken_over_after_it_was_shown_what_changes(
    page: SettingsPage, daemon: FakeDaemon, tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / "other.toml"
    file.write_text('[policy]\ndefault_profile = "adult"\n')
    shown: list[str] = []

    def sure(changes: list[Any]) -> bool:
        shown.extend(change.setting for change in changes)
        return True

    page.restore(file, sure)
    qtbot.waitUntil(lambda: len(daemon.called("POST", "/v1/restore")) == 2)

    assert shown == ["policy.default_profile"]
    assert [body["dry_run"] for body in daemon.called("POST", "/v1/restore")] == [True, False]


def test_a_file_that_changes_nothing_or_cannot_be_read_is_told(
    page: SettingsPage, daemon: FakeDaemon, tmp_path: Path, qtbot: QtBot
) -> None:
    said: list[str] = []
    page.said.connect(lambda text, *_: said.append(text))
    (tmp_path / "same.toml").write_text("")
    page.restore(tmp_path / "missing.toml", lambda _changes: True)
    page.restore(tmp_path / "same.toml", lambda _changes: True)
    qtbot.waitUntil(lambda: len(said) == 2)

    assert "cannot be read" in said[0]
    assert "nothing changes" in said[1]
    assert "Filter" in reads(page)
