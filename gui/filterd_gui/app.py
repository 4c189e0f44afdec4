# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd-panel`: puts link, window, tray and dialogs together."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import QLibraryInfo, QObject, QTimer, QTranslator
from PyQt6.QtWidgets import QApplication, QWidget

from filterd.control.messages import Caller
from filterd.paths import default_config, default_runtime
from filterd_gui.daemon_link import DaemonLink
from filterd_gui.dialogs.first_run import FirstRun
from filterd_gui.dialogs.new_password import NewPasswordDialog
from filterd_gui.dialogs.password import PasswordDialog
from filterd_gui.household import Household
from filterd_gui.icons import icon
from filterd_gui.idle import IdleWatch
from filterd_gui.language import LANGUAGES, speak
from filterd_gui.pages.settings import SettingsPage
from filterd_gui.preferences import Preferences
from filterd_gui.theme import colours_of, system_is_dark, wear
from filterd_gui.tray import Tray
from filterd_gui.window import Window


class Panel(QObject):
    """The running panel. A change of language builds the window anew: no text can be forgotten that way."""

    def __init__(self, app: QApplication, link: DaemonLink, preferences: Preferences) -> None:
        super().__init__(app)
        self._app, self.link, self._preferences = app, link, preferences
        self._qt_words = QTranslator(self)
        self._asking: QWidget | None = None
        self._waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._wizard_refused = False
        self.wizard: FirstRun | None = None
        self._idle = IdleWatch(app, link)
        link.unlock_wanted.connect(self._unlock)
        link.caller_changed.connect(self._caller_known)
        hints = app.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(lambda _scheme: self._follow_system())
        self._speak(preferences.language)
        self._dress()
        self._build()
        link.look()

    def _build(self, page: str = "overview") -> None:
        self.house = Household(self.link, self)
        self.window = Window(self.house)
        self.window.setWindowIcon(icon("shield", colours_of(self._app).accent))
        self.window.language_chosen.connect(self.change_language)
        settings = self.window.pages["settings"]
        if isinstance(settings, SettingsPage):
            settings.show_look(self._preferences.look, self._preferences.scale)
            settings.look_chosen.connect(self._change_look)
        self.tray = Tray(self.link, self)
        self._app.setQuitOnLastWindowClosed(not self.tray.icon.isVisible())
        if self.tray.open_action is not None:
            self.tray.open_action.triggered.connect(self.raise_window)
        self.window.requests_waiting.connect(self.tray.tell_requests)
        self.window.open_page(page)
        self.window.show()

    def change_language(self, language: str) -> None:
        """Speak *language* from now on."""
        self._preferences.language = language
        self._speak(language)
        self._rebuild()

    def _speak(self, language: str) -> None:
        speak(language)
        # Qt's own words (Yes, No, Open …); it speaks no Guaraní, whose readers read Spanish.
        self._app.removeTranslator(self._qt_words)
        folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if self._qt_words.load("qtbase_en" if language == "en" else "qtbase_es", folder):
            self._app.installTranslator(self._qt_words)

    def _follow_system(self) -> None:
        if self._preferences.look == "system":
            self._dress()
            self._rebuild()

    def raise_window(self) -> None:
        """Bring the window to the front."""
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    def _rebuild(self) -> None:
        page = list(self.window.pages)[max(0, self.window.nav.currentRow())]
        step = self.wizard.step if self.wizard is not None else None
        old = (self.window, self.house, self.tray)
        geometry = self.window.saveGeometry()
        self.link.drop_pending()
        if self.wizard is not None:
            self.wizard.deleteLater()
            self.wizard = None
        self._build(page)
        self.window.restoreGeometry(geometry)
        old[2].icon.hide()
        for gone in old:
            gone.setParent(None)
            gone.deleteLater()
        if step is not None:
            self._open_wizard(step)
        self.link.look()

    def _change_look(self, look: str, scale: int) -> None:
        self._preferences.look, self._preferences.scale = look, scale
        self._dress()
        self._rebuild()

    def _dress(self) -> None:
        look = self._preferences.look
        dark = system_is_dark(self._app) if look == "system" else look == "dark"
        wear(self._app, dark=dark, scale=self._preferences.scale)

    def _unlock(self, opened: Callable[[], None], given_up: Callable[[], None]) -> None:
        if not self.link.caller.password_set and self.link.caller.uid >= 0:
            given_up()
            self._open_wizard(0)
            return
        if self.link.is_open:  # it was opened while this call was on its way
            opened()
            return
        # One dialog at a time; whoever asks meanwhile is told the same.
        self._waiting.append((opened, given_up))
        if self._asking is not None:
            return
        dialog = PasswordDialog(
            self.link, lambda: self._answer(is_open=True), lambda: self._answer(is_open=False), self.window
        )
        dialog.forgotten.connect(lambda: NewPasswordDialog(self.link, self.window, forgotten=True).open())
        self._asking = dialog
        self.raise_window()
        dialog.open()

    def _answer(self, *, is_open: bool) -> None:
        waiting, self._waiting, self._asking = self._waiting, [], None
        for opened, given_up in waiting:
            (opened if is_open else given_up)()

    def _caller_known(self, caller: Caller) -> None:
        if not caller.password_set and self.wizard is None and not self._wizard_refused:
            self._open_wizard(0)

    def _open_wizard(self, step: int) -> None:
        self.wizard = FirstRun(self.house, self.window, step=step)
        self.wizard.language_chosen.connect(self.change_language)
        self.wizard.finished.connect(self._wizard_done)
        self.wizard.open()

    def _wizard_done(self) -> None:
        self._wizard_refused = True
        self.wizard = None
        self.link.look()
        self.window.page.reload()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the panel; return the exit status."""
    given = _parse(arguments)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("filterd-panel")
    app.setDesktopFileName("filterd-panel")
    preferences = Preferences()
    if given.language:
        preferences.language = given.language
    panel = Panel(app, DaemonLink(runtime_folder(given.config), app), preferences)
    # Python sees Ctrl-C only when it runs: a timer lets it, twice a second.
    signal.signal(signal.SIGINT, lambda *_: app.quit())
    beat = QTimer(panel)
    beat.timeout.connect(lambda: None)
    beat.start(500)
    return app.exec()


def runtime_folder(config: Path | None) -> Path:
    """Return where the daemon of the configuration file *config* (``None``: the system's) has its sockets.

    Raises:
        SystemExit: the file cannot be read.
    """
    path = config or default_config()
    if path is None:
        return default_runtime()
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8")).get("paths", {}).get("runtime", "")
    except PermissionError:
        if config is None:  # the system's file is the daemon's alone; its sockets are where they always are
            return default_runtime()
        raise SystemExit(f"filterd-panel: {path}: may not be read by this account") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SystemExit(f"filterd-panel: {path}: cannot be read: {error}") from error
    return Path(os.path.expandvars(said)) if said else default_runtime()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="filterd-panel", description="El panel del adulto responsable · the adult's panel"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the daemon's configuration file (default: the system's)"
    )
    parser.add_argument("--language", choices=sorted(LANGUAGES), help="es, gn or en; remembered")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
