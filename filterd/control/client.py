# SPDX-License-Identifier: GPL-3.0-or-later
"""How the command line and the panel ask the daemon."""

from __future__ import annotations

import http.client
import math
import socket
import struct
import urllib.parse
from pathlib import Path
from typing import Any

import msgspec

from filterd.control.messages import (
    AddException,
    Caller,
    ChangePassword,
    Done,
    Effects,
    FirstPassword,
    OpenSession,
    PermissionState,
    Permit,
    Problem,
    RecoveryCode,
    Restore,
    Restored,
    Session,
    SetProtection,
    SetSettings,
    SettingsText,
    Status,
)

_MAX_ANSWER = 64 << 20
_BUSY = "the daemon is busy; try again"


class DaemonUnreachable(ConnectionError):
    """No daemon answers on the control socket."""


class DaemonNotRunning(DaemonUnreachable):
    """Nobody listens there: what it keeps may be changed without it."""


class Refused(Exception):
    """The daemon refused: the HTTP *status*, one line, and for how long to wait before the next try."""

    def __init__(self, status: int, message: str, *, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.wait_s = wait_s

    @property
    def needs_session(self) -> bool:
        """Whether it was for want of a session."""
        return self.status == http.client.UNAUTHORIZED


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("filterd", timeout=timeout_s)
        self._path = path
        self._wait_s = timeout_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Blocking: it waits in line where many come at once, where a socket with a timeout of Python's would not.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", math.ceil(self._wait_s), 0))
        self.sock.connect(str(self._path))
        self.sock.settimeout(self.timeout)


class Daemon:
    """The daemon whose sockets lie in *runtime*. Every call raises `DaemonUnreachable` or `Refused`."""

    def __init__(self, runtime: Path, *, timeout_s: float = 10) -> None:
        self._path = runtime / "control.sock"
        self._timeout_s = timeout_s
        self._token = ""

    def status(self) -> Status:
        """Return its state."""
        return self._get("/v1/status", Status)

    def me(self) -> Caller:
        """Return how it sees the caller."""
        return self._get("/v1/me", Caller)

    def open_session(self, *, password: str = "", code: str = "") -> None:
        """Open a session, which later calls go with."""
        answer = self._send("POST", "/v1/session", OpenSession(password=password, code=code), Session)
        self._token = answer.token

    def end_session(self) -> None:
        """End the session."""
        if self._token:
            self.ask("DELETE", "/v1/session", None, Done)
            self._token = ""

    def set_first_password(self, password: str) -> RecoveryCode:
        """Set the first password."""
        return self._send("POST", "/v1/password", FirstPassword(password=password), RecoveryCode)

    def change_password(self, new: str, *, old: str = "", recovery_code: str = "") -> RecoveryCode:
        """Set a new password."""
        body = ChangePassword(new=new, old=old, recovery_code=recovery_code)
        return self._send("PUT", "/v1/password", body, RecoveryCode)

    def acknowledge_reset(self) -> Done:
        """Say that the adult has seen that an administrator set the password anew."""
        return self._send("POST", "/v1/password/seen", None, Done)

    def protect(self, body: SetProtection) -> Done:
        """Turn protection on or off, or pause it."""
        return self._send("POST", "/v1/protection", body, Done)

    def add_exceptions(self, body: AddException) -> Effects:
        """Put domains on the white or black list."""
        return self._send("POST", "/v1/exceptions", body, Effects)

    def permit(self, body: Permit) -> PermissionState:
        """Open a host for a while."""
        return self._send("POST", "/v1/permissions", body, PermissionState)

    def change_settings(self, changes: list[tuple[list[str], Any]]) -> Done:
        """Change settings."""
        return self._send("PATCH", "/v1/settings", SetSettings(changes=changes), Done)

    def export(self) -> SettingsText:
        """Return all settings in one file."""
        return self._get("/v1/export", SettingsText)

    def restore(self, text: str, *, dry_run: bool) -> Restored:
        """Take settings over, or show what would change."""
        return self._send("POST", "/v1/restore", Restore(text=text, dry_run=dry_run), Restored)

    def check(self, name: str, *, profile: str = "") -> dict[str, Any]:
        """Return the verdict on a host or URL."""
        query = urllib.parse.urlencode({"name": name, "profile": profile})
        verdict: dict[str, Any] = self._get(f"/v1/check?{query}", dict[str, Any])["verdict"]
        return verdict

    def ask[T](self, method: str, path: str, body: object, kind: type[T]) -> T:
        """Return the answer of *kind* to any call of the API."""
        connection = _UnixConnection(self._path, self._timeout_s)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            connection.request(method, path, None if body is None else msgspec.json.encode(body), headers)
            answer = connection.getresponse()
            raw = answer.read(_MAX_ANSWER)
            if answer.status < http.client.BAD_REQUEST:
                return msgspec.json.decode(raw, type=kind)
            busy = answer.status == http.client.SERVICE_UNAVAILABLE
            problem = Problem(error=_BUSY) if busy else msgspec.json.decode(raw, type=Problem)
        except (ConnectionResetError, BrokenPipeError, BlockingIOError) as error:  # RemoteDisconnected too
            raise DaemonUnreachable(_BUSY) from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise DaemonNotRunning(f"filterd is not running ({self._path}); start it with: filterd run") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            message = f"{self._path}: no usable answer ({error}); is this daemon of another version?"
            raise DaemonUnreachable(message) from error
        finally:
            connection.close()
        raise Refused(answer.status, problem.error, wait_s=problem.wait_s)

    def _get[T](self, path: str, kind: type[T]) -> T:
        return self.ask("GET", path, None, kind)

    def _send[T](self, method: str, path: str, body: object, kind: type[T]) -> T:
        return self.ask(method, path, body, kind)


def fetch_status(runtime: Path, *, timeout_s: float = 5) -> Status:
    """Return the state of the daemon whose sockets lie in *runtime*.

    Raises:
        DaemonUnreachable: none is running there, or it does not answer as ours does.
    """
    try:
        return Daemon(runtime, timeout_s=timeout_s).status()
    except Refused as error:
        raise DaemonUnreachable(f"the daemon answered {error.status}: {error.message}; see its log") from error
