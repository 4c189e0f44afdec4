# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens, and hands each client to mitmproxy's protocol layers with our addon at their hooks.

mitmproxy's own ``Master`` is left out: it swallows what an addon raises, tells every addon of every event, formats each
log record a second time, and loads the addons of its user interfaces (20 MB).
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.utils.asyncio_utils import set_eager_task_factory

from filterd.policy.model import Client
from filterd.proxy.addon import FilterAddon
from filterd.proxy.client import ClientConnection
from filterd.proxy.limits import FULL, Limits, Places, is_near, raise_open_files
from filterd.proxy.live import Watch
from filterd.proxy.transparent import (
    Destination,
    FindDestination,
    leads_to_ourselves,
    original_destination,
    take_foreign,
)

logger = logging.getLogger(__name__)

_BACKLOG = 512  # connections that wait to be accepted: a browser opens dozens at once


class ListenError(OSError):
    """The proxy cannot listen where it was told to."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where clients come in, and what is fixed for those that come in there.

    *bound* is a socket that listens there already, kept open by whoever made it while the role restarts.
    """

    host: str
    port: int
    mode: Literal["explicit", "transparent"] = "explicit"
    profile: str | None = None
    bound: socket.socket | None = None


async def run_proxy(
    listeners: Sequence[Listener],
    addon: FilterAddon,
    stop: asyncio.Event,
    *,
    ready: Callable[[list[tuple[str, int]]], None] = lambda _: None,
    grace_s: float = 1.0,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    serves: Callable[[str], bool] = is_near,
    find_destination: FindDestination = original_destination,
) -> None:
    """Serve *listeners* until *stop*; *ready* is told the addresses once all accept.

    Explicit listeners hang up on clients from elsewhere than *serves* says: an open relay is found within a day.
    *find_destination* tells where a redirected client was headed.

    Raises:
        ListenError: one line that says which listener cannot be had and what to do.
    """
    # mitmproxy logs every connection with its host: that belongs to the activity store, if anywhere.
    logging.getLogger("mitmproxy").setLevel(logging.ERROR)
    sockets = _bind_all(listeners)
    for bound in sockets:
        # What is accepted inherits it. asyncio forgets sockets whose protocol number is 0, and each answer waits 40 ms.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for bound, listener in zip(sockets, listeners, strict=True):
        if listener.mode == "transparent":
            take_foreign(bound)
    addresses = [(str(s.getsockname()[0]), int(s.getsockname()[1])) for s in sockets]
    # mitmproxy marks each client with the mode it came in by: with the address in it, that is our listener.
    marks = [ProxyMode.parse(f"regular@{host}:{port}") for host, port in addresses]
    profiles = {mark.full_spec: listener.profile for mark, listener in zip(marks, listeners, strict=True)}
    addon.know_listeners(profiles, {port for _, port in addresses})
    own_ports = frozenset(port for _, port in addresses)
    clients = _Clients(addon, Places(replace(limits, clients=raise_open_files(limits.clients))), serves)
    find = _Finder(find_destination, own_ports)
    watch = Watch(clients.present, addon.judge.next_boundary, clients.review, clock=lambda: addon.judge.clock())
    clients.joined = watch.joined
    loop = asyncio.get_running_loop()
    addon.on_swap(functools.partial(_wake, loop, watch))
    with set_eager_task_factory():  # what mitmproxy is written for: a hook that does not wait costs no turn of the loop
        servers = [
            await asyncio.start_server(
                clients.acceptor(mark, limits, find if listener.mode == "transparent" else None),
                sock=bound,
                backlog=_BACKLOG,
            )
            for bound, mark, listener in zip(sockets, marks, listeners, strict=True)
        ]
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(watch.run())
                ready(addresses)
                await stop.wait()
                watching.cancel()
        finally:
            addon.on_swap(lambda: None)
            for server in servers:
                server.close()
            await clients.hang_up(grace_s)


class _Clients:
    """The open connections of all listeners."""

    def __init__(self, addon: FilterAddon, places: Places, serves: Callable[[str], bool]) -> None:
        self._addon = addon
        self._places = places
        self._serves = serves
        self._open: dict[asyncio.Task[None], ClientConnection] = {}
        self.joined: Callable[[Client], None] = lambda _: None

    def acceptor(
        self, mark: ProxyMode, limits: Limits, find: _Finder | None
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        """Return what serves a connection to the listener that *mark* stands for, redirected where there is *find*."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = writer.get_extra_info("peername")
            # What is redirected was chosen by the router's own rules, and may come from any of the house's addresses.
            if peer is None or (find is None and not self._serves(peer[0])):
                writer.close()
                return
            if not self._places.take(peer[0]):
                if find is None:
                    writer.write(FULL)
                writer.close()
                return
            try:
                await self._serve(reader, writer, mark, limits, find)
            finally:
                self._places.leave(peer[0])

        return serve

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        mark: ProxyMode,
        limits: Limits,
        find: _Finder | None,
    ) -> None:
        destination = None
        if find is not None:
            destination = find(writer.get_extra_info("socket"))
            if destination is None:
                writer.close()
                return
        task = cast("asyncio.Task[None]", asyncio.current_task())
        client = self._open[task] = ClientConnection(reader, writer, mark, self._addon, destination=destination)
        self.joined(self._addon.client_of(client.client))
        try:
            await client.serve(limits)
        finally:
            del self._open[task]

    def present(self) -> set[Client]:
        """Return who is there."""
        return {self._addon.client_of(client.client) for client in self._open.values()}

    async def review(self) -> None:
        """End what is no longer allowed on any connection; others are served between two of them."""
        for client in tuple(self._open.values()):
            try:
                await client.review()
            except Exception:
                logger.exception("a connection could not be judged again; it is closed")
                client.hang_up()
            await asyncio.sleep(0)

    async def hang_up(self, grace_s: float) -> None:
        """Close all connections; those that are not done after *grace_s* are cut."""
        for client in tuple(self._open.values()):
            client.hang_up()
        if self._open:
            await asyncio.wait(tuple(self._open), timeout=grace_s)
        for task in tuple(self._open):
            task.cancel()


def _wake(loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
    loop.call_soon_threadsafe(watch.swapped)  # whoever swaps may do so in another thread


class _Finder:
    """Tells where redirected clients were headed; ``None`` for those that came straight to us, who get nothing."""

    def __init__(self, find: FindDestination, own_ports: frozenset[int]) -> None:
        self._find = find
        self._own_ports = own_ports

    def __call__(self, accepted: socket.socket) -> Destination | None:
        """Return where the client of *accepted* was headed."""
        found = self._find(accepted)
        return None if found is None or leads_to_ourselves(found, self._own_ports) else found


def _bind_all(listeners: Sequence[Listener]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        sockets.extend(_bind(listener) for listener in listeners)
    except BaseException:
        for made in sockets:
            made.close()
        raise
    return sockets


def _bind(listener: Listener) -> socket.socket:
    where = f"{f'[{listener.host}]' if ':' in listener.host else listener.host}:{listener.port}"
    if listener.bound is not None:
        return listener.bound.dup()
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    try:
        return socket.create_server((listener.host, listener.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # the standard library repeats the address
        taken = "stop the program that uses it, or " if error.errno == errno.EADDRINUSE else ""
        raise ListenError(f"[proxy] cannot listen on {where}: {reason}; {taken}change [proxy] listen") from error
