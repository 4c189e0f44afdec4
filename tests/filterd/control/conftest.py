# SPDX-License-Identifier: GPL-3.0-or-later
"""A control API on files of its own: called directly as any account, or served on a Unix socket in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.control.api import make_app
from filterd.control.rows import rows
from filterd.control.server import ControlServer
from tests.filterd.control.fakes import Control


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


@pytest.fixture
def serving(runtime: Path, control: Control) -> Iterator[Path]:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(runtime / "control.sock"))
    listening.listen()
    server = ControlServer(make_app(rows(control.parts()), control.gate.is_adult))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    yield runtime
    server.should_exit = True
    thread.join(10)
