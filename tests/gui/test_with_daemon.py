# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel and a real daemon: from no password to a permission that opens, and turning off with the right password."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PyQt6.QtWidgets import QApplication

from filterd.control.client import Daemon as Client
from filterd.control.messages import AskedPermission, AskPermission, PermissionState, Permit
from filterd_gui.app import Panel, runtime_folder
from filterd_gui.daemon_link import DaemonLink, Standing, nothing
from filterd_gui.dialogs.first_run import FirstRun
from filterd_gui.dialogs.password import PasswordDialog
from filterd_gui.pages.exceptions import ExceptionsPage
from filterd_gui.pages.lists import ListsPage
from filterd_gui.preferences import Preferences
from tests.e2e.support import Daemon, Upstream, is_blocked
from tests.gui.conftest import PatientBot
from tests.gui.hands import press, reads

PASSWORD = "cuatro palabras juntas al azar"
HOST = "juegos-de-prueba.example"

type Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def real(upstream: Upstream) -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="panel") as folder, Daemon(Path(folder), upstream=upstream.port) as made:
        yield made


@pytest.fixture
def panel(real: Daemon, qapp: QApplication, tmp_path: Path, qtbot: PatientBot) -> Iterator[Panel]:
    preferences = Preferences(tmp_path / "panel.ini")
    preferences.language = "en"
    link = DaemonLink(runtime_folder(real.config))
    made = Panel(qapp, link, preferences)
    qtbot.waitUntil(lambda: link.standing is Standing.HERE and link.caller.uid == os.geteuid())
    yield made
    qapp.removeEventFilter(made._idle)
    made.tray.icon.hide()
    made.window.close()
    made.window.deleteLater()
    link.drop_pending()
    made.deleteLater()
    link.deleteLater()


def set_up(panel: Panel, qtbot: PatientBot) -> None:
    """Go through the wizard."""
    qtbot.waitUntil(lambda: panel.wizard is not None)
    wizard = panel.wizard
    assert isinstance(wizard, FirstRun)
    press(wizard, "Next")
    wizard.fields.first.setText(PASSWORD)
    wizard.fields.again.setText(PASSWORD)
    press(wizard, "Next")
    qtbot.waitUntil(lambda: wizard.step == 2)
    assert len(wizard.recovery.code) > 20
    wizard.recovery.written.setChecked(True)
    press(wizard, "Next")
    qtbot.waitUntil(lambda: bool(panel.house.settings))
    press(wizard, "Next")
    qtbot.waitUntil(lambda: wizard.step == 4)
    qtbot.waitUntil(lambda: "Gambling" in reads(wizard))
    press(wizard, "Next")
    qtbot.waitUntil(lambda: "Blocked" in reads(wizard) and "Open" in reads(wizard))
    press(wizard, "Finish")
    qtbot.waitUntil(lambda: panel.link.caller.password_set)


def deny(panel: Panel, qtbot: PatientBot) -> None:
    """Put the host on the child's black list."""
    panel.window.open_page("exceptions")
    page = panel.window.page
    assert isinstance(page, ExceptionsPage)
    page.deny.paste.setPlainText(HOST)
    press(page.deny, "Add")
    qtbot.waitUntil(lambda: page.deny.entries.count() == 1)


def answer(panel: Panel, text: str, qtbot: PatientBot) -> None:
    panel.window.open_page("requests")
    page = panel.window.page
    qtbot.waitUntil(lambda: HOST in reads(page))
    press(page, f"{text}: {HOST}")
    qtbot.waitUntil(lambda: "No request waits" in reads(page))


def type_password(panel: Panel, password: str, qtbot: PatientBot) -> PasswordDialog:
    qtbot.waitUntil(lambda: panel._asking is not None)
    dialog = panel._asking
    assert isinstance(dialog, PasswordDialog)
    qtbot.waitUntil(lambda: dialog.ok.isEnabled())
    dialog.entry.setText(password)
    press(dialog, "Unlock")
    return dialog


def test_from_nothing_to_a_permission_and_off_with_the_right_password(
    panel: Panel, real: Daemon, qtbot: PatientBot
) -> None:
    set_up(panel, qtbot)
    assert not is_blocked(real.dns, HOST)
    deny(panel, qtbot)
    qtbot.waitUntil(lambda: is_blocked(real.dns, HOST))

    asked = Client(real.runtime).ask("POST", "/v1/requests", AskPermission(host=HOST), AskedPermission)
    assert asked.host == HOST
    answer(panel, "15 minutes", qtbot)
    qtbot.waitUntil(lambda: not is_blocked(real.dns, HOST))
    panel.window.open_page("overview")
    qtbot.waitUntil(lambda: f"{HOST} for" in reads(panel.window.page))
    press(panel.window.page, f"End the permission of {HOST}")
    qtbot.waitUntil(lambda: is_blocked(real.dns, HOST))

    permit = Permit(host=HOST, minutes=0.05)
    panel.link.send("POST", "/v1/permissions", permit, PermissionState, nothing, print)
    qtbot.waitUntil(lambda: not is_blocked(real.dns, HOST))
    qtbot.waitUntil(lambda: is_blocked(real.dns, HOST))  # it ends by itself

    press(panel.window, "Lock now")
    press(panel.window.page, "Turn off…")
    dialog = type_password(panel, "1234", qtbot)
    qtbot.waitUntil(lambda: not dialog.problem.isHidden())
    assert is_blocked(real.dns, HOST)
    type_password(panel, PASSWORD, qtbot)
    qtbot.waitUntil(lambda: "Protection is off" in reads(panel.window.page))
    qtbot.waitUntil(lambda: not is_blocked(real.dns, HOST))


def test_every_page_shows_what_the_real_daemon_answers(panel: Panel, qtbot: PatientBot) -> None:
    if not panel.link.caller.password_set:
        set_up(panel, qtbot)
    elif not panel.link.is_open:
        panel.link.open_session(password=PASSWORD, done=lambda: None, failed=print)
    qtbot.waitUntil(lambda: panel.link.is_open and bool(panel.house.settings))
    complaints: list[tuple[str, str]] = []
    for page in panel.window.pages.values():
        page.said.connect(lambda text, tone, *_: complaints.append((text, tone)))
    for name in panel.window.pages:
        panel.window.open_page(name)
        qtbot.wait(150)
        assert not panel.window.page.is_locked, name

    lists = panel.window.pages["lists"]
    assert isinstance(lists, ListsPage)
    assert [text for text, tone in complaints if tone == "bad"] == []
