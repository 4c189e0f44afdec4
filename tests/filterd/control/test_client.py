# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a daemon that answers, and those that do not."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from filterd.control.client import DaemonUnreachable, fetch_status


def test_the_status_comes_typed(serving: Path) -> None:
    status = fetch_status(serving)

    assert (status.version, status.queries) == ("9.9", 4)


def test_no_daemon_is_said_with_the_way_out(runtime: Path) -> None:
    with pytest.raises(DaemonUnreachable, match=r"not running .*filterd run"):
        fetch_status(runtime)


def test_a_socket_that_nobody_serves_is_no_daemon(runtime: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(runtime / "control.sock"))

    with pytest.raises(DaemonUnreachable, match="not running"):
        fetch_status(runtime)


@pytest.mark.parametrize("answer", [b"nonsense", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", b"",
                                    b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"])  # fmt: skip
def test_an_answer_that_is_not_ours_is_refused(runtime: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(runtime / "control.sock"))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(DaemonUnreachable):
            fetch_status(runtime)
        thread.join(5)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 503 Full\r\nContent-Length: 4\r\n\r\nfull"])
def test_a_busy_daemon_is_said_to_be_busy(runtime: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(runtime / "control.sock"))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(DaemonUnreachable, match="the daemon is busy; try again"):
            fetch_status(runtime)
        thread.join(5)


def test_a_daemon_that_is_silent_is_given_up(runtime: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(runtime / "control.sock"))
        server.listen()

        with pytest.raises(DaemonUnreachable, match="timed out"):
            fetch_status(runtime, timeout_s=0.1)
