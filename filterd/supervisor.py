# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the roles, restarts one that dies, passes reload and stop on."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from filterd.activity.feed import RoleState, Sender
from filterd.roles.base import CONFIG, NOTIFY, SOURCE, SUPERVISOR
from filterd.settings import Settings
from filterd.settings_file import write_atomically
from filterd.sockets import Bound, bind_all, close_all, dns_workers, to_environment

logger = logging.getLogger(__name__)

KILL_AFTER_S = 1.5
POLL_S = 0.3  # how soon a changed file is seen: an exception must be in force within 2 s (D4.b)
_LIVED_LONG_S = 5.0
_GIVE_UP_AFTER = 4  # deaths in a row of a role that never served: who started us is told, in one line
_RESTART_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)

_Stamps = list[tuple[int, int, int] | None]  # inode, size, time of each file; ``None``: it is not there


class StartFailed(ValueError):
    """A role ended again and again before it was ever ready."""


class AlreadyRunning(RuntimeError):
    """Another daemon holds this runtime folder."""


@dataclass(slots=True)
class _Child:
    """A role's process and its history."""

    name: str
    process: asyncio.subprocess.Process | None = None
    started: float = 0.0
    restarts: int = 0
    quick_deaths: int = 0
    told: RoleState | None = None
    generation: int = 0  # the reload after which it read its files
    problem: str = ""  # what it said last, until it is ready
    trouble: str = ""  # what lasts, until it says otherwise
    served: bool = False  # it was ready once
    ready: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one configuration asks of the supervisor."""

    settings: Settings
    runtime: Path
    watched: tuple[Path, ...]  # files whose change means: reload
    text: str | None = None  # the configuration as it was read; ``None``: built-in defaults

    def roles(self) -> list[str]:
        """Return the roles that are needed; control first, for it counts what the others decide."""
        settings = self.settings
        web = bool(settings.proxy.listen or settings.proxy.listeners or settings.block_page.listen)
        return ["control", *dns_workers(self.settings), *(["proxy"] if web else [])]


class Supervisor:
    """Runs until SIGTERM or SIGINT."""

    def __init__(self, config: Path | None, plan: Callable[[], Plan], prepare: Callable[[Plan], Sequence[str]]) -> None:
        """Keep what is needed.

        *plan* reads the configuration anew (raises SettingsError); *prepare* sees to a usable database before roles
        start and at each reload, and returns the problems it found.
        """
        self._config = config
        self._read_plan = plan
        self._prepare = prepare
        self._children: dict[str, _Child] = {}
        self._bound: list[Bound] = []
        self._stopping = asyncio.Event()
        self._reload = asyncio.Event()
        self._generation = 0  # reloads so far
        self._own: RoleState | None = None
        self._kept: Path | None = None

    async def run(self, announce: Callable[[list[Bound]], None]) -> None:
        """Serve; call *announce* with the sockets once every role is ready.

        Raises:
            AlreadyRunning, PortError, SettingsError: nothing was started.
        """
        read_from = self._stamp_configuration()  # before it is read: an edit while we start is an edit
        plan = self._read_plan()
        with lock(plan.runtime):
            self._keep_configuration(plan)
            self._bound = bind_all(plan.settings, plan.runtime)
            self._sender = Sender(str(plan.runtime / "decisions.sock"))
            try:
                await self._serve(plan, announce, read_from)
            finally:
                self._sender.close()
                close_all(self._bound)

    def _keep_configuration(self, plan: Plan) -> None:
        """Write down what is good, for the roles: one that dies must come back though the file has become wrong."""
        if plan.text is not None:
            self._kept = plan.runtime / "filterd.toml"
            write_atomically(self._kept, plan.text, mode=0o600)

    def _stamp_configuration(self) -> _Stamps:
        return _stamps([self._config] if self._config else [])

    async def _serve(self, plan: Plan, announce: Callable[[list[Bound]], None], read_from: _Stamps) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        problems = await asyncio.to_thread(self._prepare, plan)
        for problem in problems:
            logger.warning("%s", problem)
        taken_up = [*_stamps(plan.watched), *read_from]  # roles read these only from here on
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._children = {name: _Child(name) for name in plan.roles()}
            keepers = [tasks.create_task(self._keep(child)) for child in self._children.values()]
            keepers.append(tasks.create_task(self._announce(announce, problems)))
            keepers.append(tasks.create_task(self._watch(plan, taken_up)))
            keepers.append(tasks.create_task(self._reload_forever(plan)))
            await stop.wait()
            self._stopping.set()
            await self._stop_children()
            for keeper in keepers:
                keeper.cancel()

    async def _announce(self, announce: Callable[[list[Bound]], None], problems: Sequence[str]) -> None:
        for child in self._children.values():
            await child.ready.wait()
        self._tell_problems(problems)
        announce(self._bound)

    async def _keep(self, child: _Child) -> None:
        """Run the role *child* for as long as we run."""
        while not self._stopping.is_set():
            await self._start(child)
            assert child.process is not None  # noqa: S101 (just started)
            status = await child.process.wait()
            child.ready.clear()
            if self._stopping.is_set():
                return
            lived = time.monotonic() - child.started
            child.quick_deaths = 0 if lived > _LIVED_LONG_S else child.quick_deaths + 1
            child.restarts += 1
            if not child.served and child.quick_deaths >= _GIVE_UP_AFTER:
                raise StartFailed(f"the {child.name} process cannot start: {child.problem or _how(status)}")
            logger.warning("%s ended (%s) after %.1f s; starting it again", child.name, _how(status), lived)
            self._tell(child, "died", f"ended ({_how(status)})")
            await asyncio.sleep(_RESTART_DELAYS_S[min(child.quick_deaths, len(_RESTART_DELAYS_S) - 1)])

    async def _start(self, child: _Child) -> None:
        sockets, descriptors = to_environment(self._bound, child.name)
        read_end, write_end = os.pipe()
        environment = {
            **os.environ,
            **sockets,
            CONFIG: str(self._kept or ""),
            SOURCE: str(self._config or ""),
            NOTIFY: str(write_end),
            SUPERVISOR: str(os.getpid()),
        }
        child.started = time.monotonic()
        child.generation = self._generation
        child.trouble = ""
        try:
            child.process = await asyncio.create_subprocess_exec(
                *own_command(), "role", child.name, pass_fds=(*descriptors, write_end), env=environment,
                stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            os.close(write_end)
        self._tell(child, "starting")
        await self._listen(child, read_end)

    async def _listen(self, child: _Child, read_end: int) -> None:
        """Follow what the role says of itself, without waiting for it."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb"))
        # Ends by itself when the role ends and its end of the pipe closes.
        self._tasks.create_task(self._follow(child, child.process, reader))

    async def _follow(
        self, child: _Child, process: asyncio.subprocess.Process | None, reader: asyncio.StreamReader
    ) -> None:
        while line := await reader.readline():
            if child.process is not process:  # the last words of one that another has followed already
                return
            word, _, text = line.decode(errors="replace").strip().partition(" ")
            if word == "ready":
                self._take_ready(child)
            elif word == "problem":
                child.problem = text
                self._tell(child, _state(child), text)
            elif word == "trouble":
                child.trouble = text
                self._tell(child, _state(child), child.problem)

    def _take_ready(self, child: _Child) -> None:
        child.ready.set()
        child.served = True
        child.problem = ""
        self._tell(child, "ready")
        if child.name == "control":
            self._tell_all()
        self._bring_up_to_date(child)

    def _reloaded(self) -> None:
        self._generation += 1
        for child in self._children.values():
            self._bring_up_to_date(child)

    def _bring_up_to_date(self, child: _Child) -> None:
        """Have *child* read its files again where it read them before the last reload.

        One that is starting cannot hear yet: it is told when it is ready.
        """
        if child.process is None or not child.ready.is_set() or child.generation == self._generation:
            return
        child.generation = self._generation
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(signal.SIGHUP)

    async def _watch(self, plan: Plan, taken_up: _Stamps) -> None:
        """Reload when a watched file is another than in *taken_up*, then than before, once it has settled."""
        watched = [*plan.watched, *([self._config] if self._config else [])]
        seen = settled = taken_up
        while True:
            await asyncio.sleep(POLL_S)
            now = _stamps(watched)
            if now == seen and now != settled:
                settled = now
                self._reload.set()
            seen = now

    async def _reload_forever(self, plan: Plan) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            try:
                fresh = self._read_plan()
            except (ValueError, OSError) as error:
                logger.warning("kept the configuration in force: %s", error)
                self._tell_problems([str(error)])
                continue
            if (fresh.runtime, fresh.watched) != (plan.runtime, plan.watched):
                text = "[paths] changed: kept what is in force until filterd is started again"
                logger.warning("%s", text)
                self._tell_problems([text])
                continue
            self._keep_configuration(fresh)
            problems = list(await asyncio.to_thread(self._prepare, fresh))
            if _from_the_start(fresh) != _from_the_start(plan):
                problems.append(
                    "listeners, their certificates, the cache's size or who is served changed: "
                    "this takes effect when filterd is started again"
                )
            for problem in problems:
                logger.warning("%s", problem)
            self._tell_problems(problems)
            self._reloaded()

    async def _stop_children(self) -> None:
        running = [c.process for c in self._children.values() if c.process and c.process.returncode is None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        waits = [asyncio.create_task(process.wait()) for process in running]
        if waits:
            await asyncio.wait(waits, timeout=KILL_AFTER_S)
        for process in running:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if waits:
            await asyncio.wait(waits)

    def _tell(self, child: _Child, state: str, problem: str = "") -> None:
        pid = child.process.pid if child.process else 0
        problems = "; ".join(filter(None, (problem, child.trouble)))
        child.told = RoleState(child.name, state, pid=pid, restarts=child.restarts, problem=problems)
        self._sender.post(child.told)

    def _tell_problems(self, problems: Sequence[str]) -> None:
        self._own = RoleState("supervisor", "ready", pid=os.getpid(), problem="; ".join(problems))
        self._sender.post(self._own)

    def _tell_all(self) -> None:
        """Tell a control that has just started what the one before it knew."""
        for state in (self._own, *(child.told for child in self._children.values())):
            if state is not None:
                self._sender.post(state)


def own_command() -> list[str]:
    """Return the command that runs this program again: the frozen executable, or Python with our script."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, str(Path(sys.argv[0]).absolute())]


@contextlib.contextmanager
def lock(runtime: Path) -> Iterator[None]:
    """Hold *runtime* as the one daemon there.

    Raises:
        AlreadyRunning: another one does.
    """
    runtime.mkdir(parents=True, exist_ok=True, mode=0o755)
    path = runtime / "filterd.pid"
    file: IO[str] = path.open("a+", encoding="ascii")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise AlreadyRunning(
                f"filterd is running already (process {file.read().strip() or '?'}, {runtime})"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield  # the file stays: unlinking a locked file lets two daemons each lock one of that name
        file.truncate(0)


def _state(child: _Child) -> str:
    return "ready" if child.ready.is_set() else "starting"


def _stamps(paths: Sequence[Path]) -> _Stamps:
    found: _Stamps = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return found


def _from_the_start(plan: Plan) -> tuple[object, ...]:
    """Return what a running daemon does not take up."""
    settings = plan.settings
    dns = settings.dns
    fixed = dns.cache_mb, dns.min_ttl, dns.max_ttl, dns.serve_stale_hours, dns.rate_limit, dns.allow_from
    web = settings.proxy.listen, settings.proxy.listeners, settings.metrics.listen, settings.block_page.listen
    return dns.listen, dns.workers, settings.dot, settings.doh, *fixed, *web


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
