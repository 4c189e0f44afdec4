# SPDX-License-Identifier: GPL-3.0-or-later
"""The control role: counts decisions, tells the state, keeps the lists fresh."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from filterd import __version__
from filterd.activity.feed import MAX_DATAGRAM
from filterd.assembly import Assembly
from filterd.commands.common import load
from filterd.control.api import make_app
from filterd.control.messages import DatabaseStatus
from filterd.control.server import ControlServer
from filterd.control.service import Service
from filterd.database import store as database_store
from filterd.database.layout import DatabaseError
from filterd.lists.model import Meta
from filterd.roles.updates import Updates, update_by_command
from filterd.shipped import Shipped
from filterd.sockets import Bound
from filterd.supervisor import own_command

logger = logging.getLogger(__name__)

_BATCH = 256  # datagrams taken at a time, so that a flood of them does not starve the API


def make(config: Path | None, sockets: list[Bound]) -> ControlRole:
    """Return the role for the configuration file *config* on *sockets*."""
    return ControlRole(config, sockets)


class ControlRole:
    """Serves the API on one socket and takes decisions from the other."""

    def __init__(self, config: Path | None, sockets: list[Bound]) -> None:
        self._config = config
        self._shipped = Shipped()
        self._seen: tuple[list[Path], DatabaseStatus] = ([], DatabaseStatus())
        self._api = next(b.socket for b in sockets if b.handed.kind == "unix-stream")
        self._feed = next(b.socket for b in sockets if b.handed.kind == "unix-datagram")
        self._assembly = self._read()
        self._service = Service(version=__version__, lists=self._lists, database=self._database)
        self._server = ControlServer(make_app(self._service.status))
        self._updates = Updates(update_by_command(own_command(), config))

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Serve."""
        asyncio.get_running_loop().add_reader(self._feed.fileno(), self._take)
        tasks.create_task(self._server.serve(sockets=[self._api]))
        self._updating = tasks.create_task(self._updates.run(lambda: self._assembly))

    async def reload(self) -> None:
        """Take up changed settings."""
        self._assembly = self._read()
        self._updates.wake()

    async def stop(self) -> None:
        """End."""
        self._updating.cancel()
        self._server.should_exit = True

    def _read(self) -> Assembly:
        settings, path = load(self._config)
        return Assembly.of(settings, path, self._shipped)

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_BATCH):
                self._service.receive(self._feed.recv(MAX_DATAGRAM))

    def _lists(self) -> list[Meta]:
        return self._assembly.list_states()

    def _database(self) -> DatabaseStatus:
        try:
            generations = database_store.generations(self._assembly.compilation.folder)
            if generations != self._seen[0]:  # opening one reads it whole: only when there is a new one
                self._seen = (generations, self._look_at_database())
        except DatabaseError as error:
            return DatabaseStatus(problem=str(error))
        return self._seen[1]

    def _look_at_database(self) -> DatabaseStatus:
        found, problems = database_store.open_best(self._assembly.compilation.folder)
        built = found.built.isoformat(timespec="seconds") if found else None
        return DatabaseStatus(built=built, names=found.names if found else 0, problem="; ".join(problems))
