# SPDX-License-Identifier: GPL-3.0-or-later
"""A control API that serves on a Unix socket, in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.control.api import make_app
from filterd.control.messages import Status
from filterd.control.server import ControlServer


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


@pytest.fixture
def serving(runtime: Path) -> Iterator[Path]:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(runtime / "control.sock"))
    listening.listen()
    server = ControlServer(make_app(lambda: Status(version="9.9", queries=4)))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    yield runtime
    server.should_exit = True
    thread.join(10)
