# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends the session when nobody has used the panel for a while."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, QTimer

from filterd_gui.daemon_link import DaemonLink

_USE = (QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel, QEvent.Type.TouchBegin)


class IdleWatch(QObject):
    """Watches keys and clicks of *app*: the panel asks the daemon by itself, so the daemon alone would never see idleness."""

    def __init__(self, app: QObject, link: DaemonLink) -> None:
        super().__init__(app)
        self._link = link
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(link.end_session)
        link.session_changed.connect(self._begin)
        app.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: ARG002 (Qt's signature)
        """Begin anew at each use."""
        if event is not None and event.type() in _USE and self._timer.isActive():
            self._timer.start()
        return False

    def _begin(self, is_open: bool) -> None:
        if is_open and self._link.idle_minutes > 0:
            self._timer.start(round(self._link.idle_minutes * 60_000))
        else:
            self._timer.stop()
