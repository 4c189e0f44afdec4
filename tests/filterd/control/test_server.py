# SPDX-License-Identifier: GPL-3.0-or-later
"""The server lives inside a role: signals stay the role's."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.control.api import make_app
from filterd.control.calls import Peer
from filterd.control.client import DaemonUnreachable, fetch_status
from filterd.control.rows import rows
from filterd.control.server import ControlServer, Limits
from tests.filterd.control.fakes import Control

HALF = b"POST /v1/session HTTP/1.1\r\nHost: filterd\r\nContent-Length: 20\r\n\r\n{"


class Caller:
    """Whose the connections are that come in from now on."""

    uid = 1001


@contextlib.contextmanager
def served(control: Control, runtime: Path, limits: Limits) -> Iterator[Caller]:
    caller = Caller()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(runtime / "control.sock"))
        listening.listen()
        app = make_app(rows(control.parts()), control.gate.is_adult)
        server = ControlServer(app, limits=limits, peer_of=lambda _socket: Peer(caller.uid))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        try:
            yield caller
        finally:
            server.should_exit = True
            thread.join(10)


def connect(runtime: Path, sent: bytes) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(runtime / "control.sock"))
    client.settimeout(20)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it was turned away already
        client.sendall(sent)
    return client


def ended(client: socket.socket) -> bool:
    """Return whether the server has closed *client*; nothing may have been answered."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_serving_leaves_the_signals_alone(serving: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    fetch_status(serving)

    assert signal.getsignal(signal.SIGTERM) is before


def test_many_clients_are_served_one_after_the_other(serving: Path) -> None:
    assert {fetch_status(serving).queries for _ in range(20)} == {4}


@pytest.mark.parametrize("half", [HALF, b"GET /v1/st", b""])
def test_one_account_cannot_keep_the_others_out(control: Control, runtime: Path, half: bytes) -> None:
    limits = Limits(per_account=40, request_s=60, trusted=frozenset((0,)))
    with served(control, runtime, limits) as caller, contextlib.ExitStack() as held:
        clients = [held.enter_context(connect(runtime, half)) for _ in range(300)]
        assert all(ended(client) for client in clients[40:])

        with pytest.raises(DaemonUnreachable, match="the daemon is busy; try again"):
            fetch_status(runtime)
        for caller.uid in (1000, 0):
            assert fetch_status(runtime).queries == 4


def test_all_accounts_together_cannot_keep_the_administrator_out(control: Control, runtime: Path) -> None:
    limits = Limits(per_account=2, together=3, request_s=60, trusted=frozenset((0,)))
    with served(control, runtime, limits) as caller, contextlib.ExitStack() as held:
        for caller.uid in (1001, 1002):
            clients = [held.enter_context(connect(runtime, HALF)) for _ in range(3)]
            assert ended(clients[-1])
        caller.uid = 1003
        with pytest.raises(DaemonUnreachable, match="busy"):
            fetch_status(runtime)
        caller.uid = 0
        assert fetch_status(runtime).queries == 4


@pytest.mark.parametrize("half", [HALF, b"GET /v1/st", b""])
def test_a_request_that_does_not_come_in_whole_is_ended_and_makes_room(
    control: Control, runtime: Path, half: bytes
) -> None:
    limits = Limits(per_account=3, request_s=0.3, trusted=frozenset())
    with served(control, runtime, limits):
        for _ in range(2):
            clients = [connect(runtime, half) for _ in range(3)]
            assert all(ended(client) for client in clients)
            for client in clients:
                client.close()


def test_drops_of_a_request_do_not_prolong_it(control: Control, runtime: Path) -> None:
    with served(control, runtime, Limits(request_s=0.4, trusted=frozenset())):
        began = time.monotonic()
        with connect(runtime, b"GET /v1/status HTTP/1.1\r\nX: ") as client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while time.monotonic() - began < 10:
                    client.sendall(b"x")
                    time.sleep(0.02)
            assert time.monotonic() - began < 5


def test_a_second_request_on_a_connection_has_its_time_too(control: Control, runtime: Path) -> None:
    whole = b"GET /v1/me HTTP/1.1\r\nHost: filterd\r\n\r\n"
    with (
        served(control, runtime, Limits(request_s=0.4, trusted=frozenset())),
        connect(runtime, whole + HALF) as client,
    ):
        answer = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(4096):
                answer += part
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_body_that_is_too_large_by_its_own_word_is_refused_at_once(control: Control, runtime: Path) -> None:
    head = b"POST /v1/session HTTP/1.1\r\nHost: filterd\r\nContent-Length: 200000000\r\n\r\n"
    with served(control, runtime, Limits(request_s=60)), connect(runtime, head) as client:
        answer = bytearray()
        while b"}" not in answer:
            answer += client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"more than 4 MB" in answer
