# SPDX-License-Identifier: GPL-3.0-or-later
"""The control role: counts decisions, tells the state, keeps the lists fresh."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

from filterd import __version__
from filterd.activity.feed import MAX_DATAGRAM
from filterd.activity.levels import level_of
from filterd.activity.recorder import Recorder
from filterd.activity.store import ActivityStore
from filterd.assembly import Assembly
from filterd.commands.common import load
from filterd.control.api import make_app
from filterd.control.audit import AuditError, AuditLog
from filterd.control.auth import Auth
from filterd.control.calls import Peer
from filterd.control.changes import Changes
from filterd.control.clock_watch import ClockWatch
from filterd.control.delays import Delays
from filterd.control.desk import Places
from filterd.control.gate import Gate
from filterd.control.history import History
from filterd.control.messages import CategoryInfo, DatabaseStatus
from filterd.control.permissions import Permissions
from filterd.control.requests import Requests
from filterd.control.rows import Parts, rows
from filterd.control.server import ControlServer
from filterd.control.service import Service
from filterd.control.sessions import Sessions
from filterd.database import store as database_store
from filterd.database.layout import DatabaseError
from filterd.lists.model import Meta
from filterd.policy.clients import ClientRule, profile_of
from filterd.policy.model import Client
from filterd.policy.profile import Record
from filterd.roles.base import SOURCE, SUPERVISOR
from filterd.roles.household import Household
from filterd.roles.updates import Updates, update_by_command
from filterd.shipped import Shipped
from filterd.sockets import Bound
from filterd.standing import read_standing
from filterd.supervisor import own_command

logger = logging.getLogger(__name__)

_WRITE_S = 2.0
_FORGET_EVERY = 1800  # writings
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
        source = os.environ.get(SOURCE, "")
        self._source = Path(source) if source else None
        self._api = next(b.socket for b in sockets if b.handed.kind == "unix-stream")
        self._feed = next(b.socket for b in sockets if b.handed.kind == "unix-datagram")
        self._assembly = self._read()
        self._levels = self._record_levels()
        self._store = ActivityStore(self._assembly.state / "activity" / "activity.db")
        self._recorder = Recorder(self._store, lambda profile: self._levels.get(profile, Record.NONE))
        self._service = Service(
            version=__version__, lists=self._lists, database=self._database, protection=self._protection,
            notices=self._notices, record=self._recorder.take,
            open_requests=lambda: self._desk.requests.waiting,
        )  # fmt: skip
        self._desk = self._set_up_desk()
        server = ControlServer(make_app(rows(self._desk), self._desk.gate.is_adult))
        self._servers = [(server, [self._api])]
        if metrics := [b.socket for b in sockets if b.handed.mode == "metrics"]:
            from filterd.control.metrics import make_metrics_app  # here: few want it, and it takes memory

            self._servers.append((ControlServer(make_metrics_app(self._service.status)), metrics))
        self._updates = Updates(update_by_command(own_command(), config))

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Serve."""
        asyncio.get_running_loop().add_reader(self._feed.fileno(), self._take)
        for server, sockets in self._servers:
            tasks.create_task(server.serve(sockets=sockets))
        self._updating = tasks.create_task(self._updates.run(lambda: self._assembly))
        self._clock = ClockWatch()
        self._writing = tasks.create_task(self._write_activity())
        self._record("started", version=__version__)

    async def reload(self) -> None:
        """Take up changed settings."""
        self._assembly = self._read()
        self._house = self._household()
        self._levels = self._record_levels()
        self._updates.wake()

    async def stop(self) -> None:
        """End."""
        self._updating.cancel()
        self._writing.cancel()
        self._take()  # what came last
        await self._desk.history.write()
        self._record("stopped")
        self._store.close()
        for server, _ in self._servers:
            server.should_exit = True

    def _read(self, config: Path | None = None) -> Assembly:
        settings, path = load(config or self._config)
        return Assembly.of(settings, path, self._shipped)

    def _household(self) -> Household:
        return Household(self._assembly, name=str(self._source or "built-in defaults"))

    def _set_up_desk(self) -> Parts:
        """Put the adult's side together: what is asked, checked, recorded and changed."""
        folder = self._assembly.state / "control"
        self._auth = Auth(folder / "auth.json")
        self._house = self._household()
        audit = AuditLog(self._assembly.state / "audit" / "audit.jsonl", folder / "audit-head.json")
        minutes = self._assembly.settings.control.session_minutes
        places = Places(self._source, self._assembly.standing)
        gate = Gate(
            self._auth, Delays(folder / "delays.json"), Sessions(idle_s=60.0 * minutes), audit, idle_minutes=minutes,
            profile_of=self._profile_of,
        )  # fmt: skip
        changes = Changes(lambda: self._house, places, audit, applied=self._applied)
        permissions = Permissions(lambda: self._house, places, audit, applied=self._applied)
        requests = Requests(
            folder / "requests.json", changes, permissions, explain=lambda host, name: self._house.explain(host, name)
        )
        return Parts(
            version=__version__, status=self._service.status, gate=gate, changes=changes, permissions=permissions,
            requests=requests, audit=audit, judge=lambda text, profile: self._house.show(text, profile),
            profile_of=lambda call: self._profile_of(call.peer), categories=self._categories,
            update_lists=lambda: self._updates.update_all(),
            history=History(
                self._store, self._recorder, audit,
                retention_days=lambda: self._assembly.settings.activity.retention_days,
            ),
        )  # fmt: skip

    async def _write_activity(self) -> None:
        """Write every few seconds, forget every few hours; a bug here must not end what else control does."""
        while True:
            try:
                await self._desk.history.forget_old()
                for _ in range(_FORGET_EVERY):
                    await asyncio.sleep(_WRITE_S)
                    self._look_at_clock()
                    await self._desk.history.write()
            except Exception:
                logger.exception("activity could not be written")
                await asyncio.sleep(_WRITE_S)

    def _look_at_clock(self) -> None:
        if (jump_s := self._clock.take_jump()) is not None:
            self._record("clock-jumped", seconds=f"{jump_s:+.0f}")

    def _record(self, what: str, **detail: str) -> None:
        """Record what happened by itself: it has happened, whether it can be written or not."""
        try:
            self._desk.audit.append(what, who="daemon", detail=detail)
        except AuditError as error:
            logger.warning("%s is not in the audit log: %s", what, error)

    def _record_levels(self) -> dict[str, Record]:
        ceiling = self._assembly.settings.activity.record
        return {name: level_of(profile.record, ceiling) for name, profile in self._assembly.profiles().items()}

    def _categories(self) -> list[CategoryInfo]:
        return [
            CategoryInfo(
                id=c.id, names=dict(c.names), descriptions=dict(c.descriptions), decree=list(c.decree),
                blocked_for=sorted(c.blocked_for), optional=c.optional, test_name=c.test_name,
            )
            for c in self._shipped.catalogue.categories.values()
        ]  # fmt: skip

    def _profile_of(self, peer: Peer) -> str:
        return profile_of(Client(user=peer.user), self._rules(), self._assembly.settings.policy.default_profile)

    def _rules(self) -> list[ClientRule]:
        clients = self._assembly.settings.clients
        return [ClientRule(entry.profile, user=entry.user) for entry in clients if entry.user]

    def _applied(self) -> None:
        """Bring a change into force: here at once, so that the next question sees it, elsewhere by the supervisor."""
        self._assembly = self._read(self._source)
        self._house = self._household()
        if supervisor := os.environ.get(SUPERVISOR):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(supervisor), signal.SIGHUP)

    def _protection(self) -> tuple[str, str | None]:
        standing = read_standing(self._assembly.standing)[0].at(time.time())
        if standing.off_until is not None:
            return "paused", datetime.fromtimestamp(standing.off_until, UTC).isoformat(timespec="seconds")
        return ("on" if standing.on else "off"), None

    def _notices(self) -> list[str]:
        found = [problem for problem in (self._store.problem, self._auth.problem) if problem]
        if reset_by := self._auth.reset_by:
            found.append(f"the password was set anew by {reset_by}, without the old one")
        return found

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
