# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel as a whole: wizard, unlocking, language, look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterd.paths import default_runtime
from filterd_gui.app import Panel, runtime_folder
from filterd_gui.daemon_link import DaemonLink, Standing
from filterd_gui.dialogs.password import PasswordDialog
from filterd_gui.preferences import Preferences
from filterd_gui.theme import DARK, colours_of
from tests.gui.fake_daemon import PASSWORD, FakeDaemon
from tests.gui.hands import press


@pytest.fixture
def panel(link: DaemonLink, daemon: FakeDaemon, qapp: QApplication, tmp_path: Path, qtbot: QtBot) -> Iterator[Panel]:
    preferences = Preferences(tmp_path / "panel.ini")
    preferences.language = "en"
    made = Panel(qapp, link, preferences)
    qtbot.waitUntil(lambda: link.standing is Standing.HERE and link.caller.uid >= 0)
    yield made
    qapp.removeEventFilter(made._idle)
    made.tray.icon.hide()
    made.window.close()
    made.window.deleteLater()
    made.deleteLater()


def dialog_of(panel: Panel) -> PasswordDialog:
    found = panel.window.findChildren(PasswordDialog)
    assert len(found) == 1
    return found[0]


def test_turning_off_asks_the_password_once_and_then_happens(
    panel: Panel, daemon: FakeDaemon, qtbot: QtBot
) -> None:  # fmt: skip
    qtbot.waitUntil(lambda: "Turn off…" in [b.text() for b in panel.window.page.findChildren(type(panel.window._lock))])
    press(panel.window.page, "Turn off…")
    qtbot.waitUntil(lambda: panel._asking is not None)
    press(panel.window.page, "Pause 1 hour")
    dialog_of(panel).entry.setText(PASSWORD)
    press(dialog_of(panel), "Unlock")

    qtbot.waitUntil(lambda: len(daemon.called("POST", "/v1/protection")) >= 2 and panel.link.is_open)
    assert panel._asking is None


def test_a_wrong_password_changes_nothing(panel: Panel, daemon: FakeDaemon, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "Turn off…" in [b.text() for b in panel.window.page.findChildren(type(panel.window._lock))])
    press(panel.window.page, "Turn off…")
    qtbot.waitUntil(lambda: panel._asking is not None)
    dialog = dialog_of(panel)
    dialog.entry.setText("1234")
    press(dialog, "Unlock")
    qtbot.waitUntil(lambda: not dialog.problem.isHidden())
    press(dialog, "Cancel")

    assert daemon.protection == "on"
    assert panel._asking is None


def test_without_a_password_the_wizard_opens(panel: Panel, daemon: FakeDaemon, qtbot: QtBot) -> None:
    daemon.password = None
    panel.link.look()
    qtbot.waitUntil(lambda: panel.wizard is not None)
    panel.change_language("es")
    assert panel.wizard is not None
    assert panel.wizard.windowTitle() == "Bienvenida a filterd"
    panel.wizard.reject()

    assert panel.wizard is None


def test_the_language_changes_at_run_time_and_is_remembered(panel: Panel, tmp_path: Path, qtbot: QtBot) -> None:
    panel.window.open_page("lists")
    panel.change_language("es")

    assert panel.window.page.title == "Listas"
    assert Preferences(tmp_path / "panel.ini").language == "es"
    qtbot.waitUntil(lambda: panel.link.standing is Standing.HERE)


def test_the_look_changes_at_once(panel: Panel, qapp: QApplication) -> None:
    panel._change_look("dark", 125)

    assert colours_of(qapp) is DARK
    assert panel.window.isVisible()
    panel.raise_window()


def test_qts_own_words_follow_the_language(panel: Panel, qapp: QApplication) -> None:
    panel.change_language("es")

    assert qapp.translate("QPlatformTheme", "Cancel") == "Cancelar"


def test_a_desktop_that_turns_dark_is_followed(
    panel: Panel, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd_gui.app.system_is_dark", lambda _app: True)
    panel._follow_system()
    assert colours_of(qapp) is DARK
    panel._change_look("light", 100)
    panel._follow_system()

    assert colours_of(qapp) is not DARK


def test_the_sockets_are_where_the_configuration_says(tmp_path: Path) -> None:
    file = tmp_path / "filterd.toml"
    file.write_text('[paths]\nruntime = "/run/elsewhere"\n')
    assert runtime_folder(file) == Path("/run/elsewhere")
    file.write_text("")
    assert runtime_folder(file) == default_runtime()
    file.write_text("[paths\n")
    with pytest.raises(SystemExit, match="cannot be read"):
        runtime_folder(file)
