# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that talks to the daemon: asks without waiting, keeps the session, says how the daemon stands."""

from __future__ import annotations

import enum
import functools
import http
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from PyQt6.QtCore import QObject, QTimer, QUrl, pyqtSignal
from PyQt6.QtNetwork import QNetworkAccessManager, QNetworkProxy, QNetworkReply, QNetworkRequest

from filterd.control.client import DaemonUnreachable, Refused
from filterd.control.messages import API_VERSION, Caller, OpenSession, Problem, Session, Status

type Failure = Refused | DaemonUnreachable
type Failed = Callable[[Failure], None]

SLOW_AFTER_MS = 3000
GIVE_UP_AFTER_MS = 30_000
POLL_MS, POLL_GONE_MS = 4000, 1000


class Standing(enum.Enum):
    """How the daemon stands, as far as the panel can see."""

    UNKNOWN = enum.auto()
    HERE = enum.auto()
    SLOW = enum.auto()
    GONE = enum.auto()
    NEWER = enum.auto()  # it speaks another version of the API: the panel is to be updated


class NotUnderstood(DaemonUnreachable):
    """The daemon answered what this panel cannot read: they are of different versions."""


class DaemonLink(QObject):
    """Asks the daemon whose sockets lie in *runtime*; answers arrive as calls, on Qt's own loop: there is no thread."""

    standing_changed = pyqtSignal(object)
    status_changed = pyqtSignal(object)
    caller_changed = pyqtSignal(object)
    session_changed = pyqtSignal(bool)
    unlock_wanted = pyqtSignal(object, object)  # what to do once a session is open, and what where it is not

    def __init__(self, runtime: Path, parent: QObject | None = None, *, slow_after_ms: int = SLOW_AFTER_MS) -> None:
        super().__init__(parent)
        self.standing = Standing.UNKNOWN
        self.status = Status()
        self.caller = Caller(uid=-1)
        self.idle_minutes = 0.0
        self._socket = str(runtime / "control.sock")
        self._token = ""
        self._generation = 0
        self._poll = QTimer(self)
        self._poll.setSingleShot(True)
        self._poll.timeout.connect(self.look)
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(slow_after_ms)
        self._slow.timeout.connect(lambda: self._stand(Standing.SLOW))
        self._looking = False
        self._again = False

    @property
    def is_open(self) -> bool:
        """Whether the adult's session is open."""
        return bool(self._token)

    def look(self) -> None:
        """Ask how the daemon is, now and from now on every few seconds."""
        if self._looking:
            self._again = True  # what is asked already may be from before the change that somebody waits to see
            return
        self._looking = True
        self._poll.stop()
        self._slow.start()
        # Without the session: looking at the state must not keep it open for whoever comes to the keyboard.
        self._call("GET", "/v1/status", b"", self._decoded(Status, self._seen, self._missed), self._missed, bare=True)

    def get[T](
        self,
        path: str,
        kind: type[T],
        done: Callable[[T], None],
        failed: Failed,
        query: Mapping[str, str] | None = None,
    ) -> None:
        """Read *path* as *kind*. Where that needs a session that is not open, *failed* is told; nobody is asked."""
        whole = f"{path}?{urlencode(query)}" if query else path
        self._call("GET", whole, b"", self._decoded(kind, done, failed), failed)

    def fetch(self, path: str, done: Callable[[bytes], None], failed: Failed) -> None:
        """Read *path* as it is; the adult is asked for the password where that is needed."""
        self._call(
            "GET", path, b"", done, self._or_unlock(lambda again: self._call("GET", path, b"", done, again), failed)
        )

    def send[T](
        self, method: str, path: str, body: msgspec.Struct | None, kind: type[T], done: Callable[[T], None],
        failed: Failed,
    ) -> None:  # fmt: skip
        """Ask for a change; the adult is asked for the password where that is needed, and then it is asked for again."""
        raw = b"" if body is None else msgspec.json.encode(body)
        answered = self._decoded(kind, done, failed)
        once_more = functools.partial(self._call, method, path, raw, answered)
        self._call(method, path, raw, answered, self._or_unlock(once_more, failed))

    def open_session(self, *, password: str = "", code: str = "", done: Callable[[], None], failed: Failed) -> None:
        """Open the adult's session."""

        def opened(session: Session) -> None:
            self._token, self.idle_minutes = session.token, session.idle_minutes
            self.session_changed.emit(True)
            done()

        body = msgspec.json.encode(OpenSession(password=password, code=code))
        self._call("POST", "/v1/session", body, self._decoded(Session, opened, failed), failed)

    def end_session(self) -> None:
        """End it: what is shown to the adult only is put away at once."""
        if self._token:
            self._call("DELETE", "/v1/session", b"", lambda _: None, lambda _: None)
            self._forget_session()

    def drop_pending(self) -> None:
        """Tell nobody what is still to come: those who asked are gone."""
        self._generation += 1
        self._looking = False

    def _or_unlock(self, again: Callable[[Failed], None], failed: Failed) -> Failed:
        def refused(failure: Failure) -> None:
            if isinstance(failure, Refused) and failure.needs_session:
                self.unlock_wanted.emit(lambda: again(failed), lambda: failed(failure))
            else:
                failed(failure)

        return refused

    def _call(
        self, method: str, path: str, body: bytes, done: Callable[[bytes], None], failed: Failed, *, bare: bool = False
    ) -> None:
        request = QNetworkRequest(QUrl(f"unix+http://filterd{path}"))
        request.setAttribute(QNetworkRequest.Attribute.FullLocalServerNameAttribute, self._socket)
        request.setTransferTimeout(GIVE_UP_AFTER_MS)
        request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        request.setRawHeader(b"Connection", b"close")
        token = "" if bare else self._token
        if token:
            request.setRawHeader(b"Authorization", f"Bearer {token}".encode())
        # A manager for each: one that is kept sends over a socket that the daemon is closing, and such a request hangs.
        manager = QNetworkAccessManager(self)
        manager.setProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))
        reply = manager.sendCustomRequest(request, method.encode(), body)
        assert reply is not None  # noqa: S101 (Qt always gives one; its stubs do not say so)
        reply.finished.connect(manager.deleteLater)
        reply.finished.connect(functools.partial(self._finished, reply, self._generation, token, done, failed))

    def _finished(
        self, reply: QNetworkReply, generation: int, token: str, done: Callable[[bytes], None], failed: Failed
    ) -> None:
        status = reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
        raw = bytes(reply.readAll().data())
        reply.deleteLater()
        if status == http.HTTPStatus.UNAUTHORIZED and token and token == self._token:
            self._forget_session()
        if generation != self._generation:
            return
        if not isinstance(status, int):
            failed(DaemonUnreachable(reply.errorString()))
            if not self._looking and self.standing is not Standing.GONE:
                self._poll.start(0)
        elif status >= http.HTTPStatus.BAD_REQUEST:
            failed(_refusal(status, raw))
        else:
            done(raw)

    def _decoded[T](self, kind: type[T], done: Callable[[T], None], failed: Failed) -> Callable[[bytes], None]:
        def decode(raw: bytes) -> None:
            try:
                answer = msgspec.json.decode(raw, type=kind)
            except msgspec.DecodeError as error:
                failed(NotUnderstood(str(error)))
                return
            done(answer)

        return decode

    def _seen(self, status: Status) -> None:
        self._slow.stop()
        self.status = status
        self._stand(Standing.HERE if status.api == API_VERSION else Standing.NEWER)
        self.status_changed.emit(status)
        self._call("GET", "/v1/me", b"", self._decoded(Caller, self._known, self._missed), self._missed, bare=True)

    def _known(self, caller: Caller) -> None:
        if caller != self.caller:
            self.caller = caller
            self.caller_changed.emit(caller)
        self._look_in(POLL_MS)

    def _missed(self, failure: Failure) -> None:
        self._slow.stop()
        if isinstance(failure, NotUnderstood):
            self._stand(Standing.NEWER)
        elif isinstance(failure, DaemonUnreachable):
            self._stand(Standing.GONE)
        self._look_in(POLL_GONE_MS)

    def _look_in(self, milliseconds: int) -> None:
        self._looking = False
        self._poll.start(0 if self._again else milliseconds)
        self._again = False

    def _stand(self, standing: Standing) -> None:
        if standing is not self.standing:
            self.standing = standing
            self.standing_changed.emit(standing)

    def _forget_session(self) -> None:
        self._token = ""
        self.session_changed.emit(False)


def _refusal(status: int, raw: bytes) -> Refused:
    try:
        problem = msgspec.json.decode(raw, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(error=f"the daemon answered {status}")
    return Refused(status, problem.error, wait_s=problem.wait_s)


def nothing(_: Any) -> None:
    """Take an answer that nobody needs."""
