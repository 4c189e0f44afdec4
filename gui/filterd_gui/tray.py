# SPDX-License-Identifier: GPL-3.0-or-later
"""The icon in the desktop's tray, where there is one, and notifications of requests."""

from __future__ import annotations

import shutil
from typing import Literal

from PyQt6.QtCore import QObject, QProcess
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from filterd.control.messages import Done, SetProtection
from filterd_gui.daemon_link import DaemonLink, Standing, nothing
from filterd_gui.formats import span, until
from filterd_gui.icons import icon
from filterd_gui.language import _, plural
from filterd_gui.theme import colours_of


class Tray(QObject):
    """State and time left at a glance; pausing asks the password as everywhere."""

    def __init__(self, link: DaemonLink, parent: QObject) -> None:
        super().__init__(parent)
        self._link = link
        self._told = 0
        self.menu = QMenu()
        self.open_action = self.menu.addAction(_("Open the panel"))
        self.menu.addSeparator()
        self._pauses = [self._pause_action(15, _("Pause 15 minutes")), self._pause_action(60, _("Pause 1 hour"))]
        self._resume = self.menu.addAction(_("Resume now"))
        if self._resume is not None:
            self._resume.triggered.connect(lambda: self._protect("on", None))
        self.menu.addSeparator()
        self.menu.addAction(_("Quit"), QApplication.quit)
        self.icon = QSystemTrayIcon(self)
        self.icon.setContextMenu(self.menu)
        link.status_changed.connect(lambda _status: self.show_state())
        link.standing_changed.connect(lambda _standing: self.show_state())
        self.show_state()
        if QSystemTrayIcon.isSystemTrayAvailable():
            self.icon.show()

    def show_state(self) -> None:
        """Show how the filter stands."""
        status, app = self._link.status, QApplication.instance()
        if not isinstance(app, QApplication):
            return
        colours = colours_of(app)
        shown = {
            "on": ("shield", colours.good, _("Protection is on")),
            "paused": ("shield-pause", colours.warn, _("Paused, {left} left").format(left=span(until(status.until)))),
            "off": ("shield-off", colours.bad, _("Protection is off")),
        }
        drawing, colour, text = shown.get(status.protection, shown["off"])
        if self._link.standing in (Standing.GONE, Standing.UNKNOWN):
            drawing, colour, text = "shield-off", colours.bad, _("The filter does not answer")
        self.icon.setIcon(icon(drawing, colour))
        self.icon.setToolTip(f"filterd: {text}")
        for action in self._pauses:
            if action is not None:
                action.setVisible(status.protection == "on")
        if self._resume is not None:
            self._resume.setVisible(status.protection != "on")

    def tell_requests(self, waiting: int) -> None:
        """Tell that more requests wait for an answer than when it was last told."""
        more, self._told = waiting > self._told, waiting
        if not more:
            return
        text = plural("{n} request waits for your answer.", "{n} requests wait for your answer.", waiting).format(
            n=waiting
        )
        if self.icon.isVisible():
            self.icon.showMessage("filterd", text, self.icon.icon())
        elif shutil.which("notify-send"):  # a desktop without a tray (stock GNOME) has notifications all the same
            QProcess.startDetached("notify-send", ["--app-name=filterd", "filterd", text])

    def _pause_action(self, minutes: int, text: str) -> QAction | None:
        action = self.menu.addAction(text)
        if action is not None:
            action.triggered.connect(lambda: self._protect("paused", minutes))
        return action

    def _protect(self, state: Literal["on", "off", "paused"], minutes: float | None) -> None:
        body = SetProtection(state=state, minutes=minutes)
        self._link.send("POST", "/v1/protection", body, Done, lambda _done: self._link.look(), nothing)
