# SPDX-License-Identifier: GPL-3.0-or-later
"""Qt without a screen, a fake daemon with a family, and a link to it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before the first QApplication

from PyQt6.QtCore import QEvent
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterd_gui.daemon_link import DaemonLink
from filterd_gui.household import Household
from filterd_gui.language import speak
from filterd_gui.theme import LIGHT, colours_of, wear
from tests.gui.fake_daemon import PASSWORD, FakeDaemon
from tests.gui.scenery import furnish


@pytest.fixture(autouse=True)
def _english(qapp: QApplication) -> Iterator[None]:
    speak("en")
    if colours_of(qapp) is not LIGHT or qapp.font().pointSizeF() != 10.5 or not qapp.styleSheet():
        wear(qapp, dark=False)
    yield
    QApplication.closeAllWindows()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


class PatientBot(QtBot):
    """Waits longer: many tests share few processors."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = 30_000) -> None:
        super().waitUntil(callback, timeout=timeout)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> PatientBot:
    return PatientBot(request)


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder with a short name: a socket's path has 108 letters at most."""
    folder = Path(tempfile.mkdtemp(prefix="panel"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def daemon(runtime: Path) -> Iterator[FakeDaemon]:
    fake = furnish(FakeDaemon(runtime)).start()
    yield fake
    fake.stop()


@pytest.fixture
def link(daemon: FakeDaemon, runtime: Path, qapp: QApplication) -> Iterator[DaemonLink]:
    made = DaemonLink(runtime)
    yield made
    made.drop_pending()
    made.deleteLater()


@pytest.fixture
def unlocked(link: DaemonLink, qtbot: QtBot) -> DaemonLink:
    """The link with the adult's session open."""
    with qtbot.waitSignal(link.session_changed):
        link.open_session(password=PASSWORD, done=lambda: None, failed=print)
    return link


@pytest.fixture
def house(link: DaemonLink) -> Household:
    return Household(link, link)


@pytest.fixture
def home(unlocked: DaemonLink, house: Household, qtbot: QtBot) -> Household:
    """The household as the adult sees it: categories and settings known."""
    house.load()
    qtbot.waitUntil(lambda: bool(house.categories and house.settings))
    return house
