# SPDX-License-Identifier: GPL-3.0-or-later
"""How the command line and the panel ask the daemon."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

import msgspec

from filterd.control.messages import Status

_MAX_ANSWER = 8 << 20


class DaemonUnreachable(ConnectionError):
    """No daemon answers on the control socket."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("filterd", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def fetch_status(runtime: Path, *, timeout_s: float = 5) -> Status:
    """Return the state of the daemon whose sockets lie in *runtime*.

    Raises:
        DaemonUnreachable: none is running there, or it does not answer as ours does.
    """
    path = runtime / "control.sock"
    connection = _UnixConnection(path, timeout_s)
    try:
        connection.request("GET", "/v1/status")
        answer = connection.getresponse()
        body = answer.read(_MAX_ANSWER)
        if answer.status == http.client.OK:
            return msgspec.json.decode(body, type=Status)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise DaemonUnreachable(f"filterd is not running ({path}); start it with: filterd run") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DaemonUnreachable(f"{path}: no usable answer ({error}); is this daemon of another version?") from error
    finally:
        connection.close()
    raise DaemonUnreachable(f"{path}: the daemon answered {answer.status}; see its log")
