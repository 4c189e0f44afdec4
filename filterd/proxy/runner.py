# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens, and hands each client to mitmproxy's protocol layers with our addon at their hooks.

mitmproxy's own ``Master`` is left out: it swallows what an addon raises, tells every addon of every event, formats each
log record a second time, and loads the addons of its user interfaces (20 MB).
"""

from __future__ import annotations

import asyncio
import errno
import inspect
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from mitmproxy.options import Options
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import LiveConnectionHandler
from mitmproxy.utils.asyncio_utils import set_eager_task_factory

from filterd.proxy.addon import FilterAddon
from filterd.proxy.streams import FilterHttpLayer

_BACKLOG = 512  # connections that wait to be accepted: a browser opens dozens at once
_MAX_WAITING = 64  # events of at most 64 KiB that one client may have in memory before we stop reading from it


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
) -> None:
    """Serve *listeners* until *stop*; *ready* is told the addresses once all accept.

    Raises:
        ListenError: one line that says which listener cannot be had and what to do.
    """
    # mitmproxy logs every connection with its host: that belongs to the activity store, if anywhere.
    logging.getLogger("mitmproxy").setLevel(logging.ERROR)
    sockets = _bind_all(listeners)
    for bound in sockets:
        # What is accepted inherits it. asyncio forgets sockets whose protocol number is 0, and each answer waits 40 ms.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    addresses = [(str(s.getsockname()[0]), int(s.getsockname()[1])) for s in sockets]
    # mitmproxy marks each client with the mode it came in by: with the address in it, that is our listener.
    marks = [ProxyMode.parse(f"regular@{host}:{port}") for host, port in addresses]
    profiles = {mark.full_spec: listener.profile for mark, listener in zip(marks, listeners, strict=True)}
    addon.know_listeners(profiles, {port for _, port in addresses})
    clients = _Clients(addon)
    with set_eager_task_factory():  # what mitmproxy is written for: a hook that does not wait costs no turn of the loop
        servers = [
            await asyncio.start_server(clients.acceptor(mark), sock=bound, backlog=_BACKLOG)
            for bound, mark in zip(sockets, marks, strict=True)
        ]
        try:
            ready(addresses)
            await stop.wait()
        finally:
            for server in servers:
                server.close()
            await clients.hang_up(grace_s)


@dataclass(frozen=True)
class _Options:
    """What mitmproxy's layers read of its options. Theirs copies a value deeply each time it is read."""

    body_size_limit: None = None
    connection_strategy: str = "lazy"  # FilterStream dials, once it knows where
    http2_ping_keepalive: int = 58
    http3: bool = False
    keep_host_header: bool = False
    normalize_outbound_headers: bool = True
    proxy_debug: bool = False
    rawtcp: bool = True
    store_streamed_bodies: bool = False
    stream_large_bodies: None = None
    tcp_timeout: int = 600
    validate_inbound_headers: bool = True
    websocket: bool = False  # relayed as it comes, not message by message


class _Client(LiveConnectionHandler):
    """One client connection, and the connections to servers made for it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mark: ProxyMode, addon: FilterAddon
    ) -> None:
        super().__init__(reader, writer, cast("Options", _Options()), mark)
        self.layer = modes.HttpProxy(self.layer.context)
        self._addon = addon

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Call the addon's method of the hook's name, if it has one."""
        method = getattr(self._addon, hook.name, None)
        if method is not None:
            with self.timeout_watchdog.disarm():
                called = method(*hook.args())
                if inspect.isawaitable(called):
                    await called

    async def drain_writers(self) -> None:
        """Wait until peers have taken what was sent, and until little is left behind a look-up or a connect."""
        await super().drain_writers()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
        while self._waiting() > _MAX_WAITING:  # noqa: ASYNC110 - nobody tells when mitmproxy's queue shrinks
            await asyncio.sleep(0.01)  # a look-up and a connect have their time-outs

    def hang_up(self) -> None:
        """Close the connection to the client, and with it the others."""
        transport = self.transports.get(self.client)
        if transport is not None and transport.handler is not None:
            self.close_connection(self.client)

    def _waiting(self) -> int:
        return sum(spoken.backlog() for spoken in self.layer.context.layers if isinstance(spoken, FilterHttpLayer))


class _Clients:
    """The open connections of all listeners."""

    def __init__(self, addon: FilterAddon) -> None:
        self._addon = addon
        self._open: dict[asyncio.Task[None], _Client] = {}

    def acceptor(self, mark: ProxyMode) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        """Return what serves a connection to the listener that *mark* stands for."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = cast("asyncio.Task[None]", asyncio.current_task())
            client = self._open[task] = _Client(reader, writer, mark, self._addon)
            try:
                await client.handle_client()
            finally:
                del self._open[task]

        return serve

    async def hang_up(self, grace_s: float) -> None:
        """Close all connections; those that are not done after *grace_s* are cut."""
        for client in tuple(self._open.values()):
            client.hang_up()
        if self._open:
            await asyncio.wait(tuple(self._open), timeout=grace_s)
        for task in tuple(self._open):
            task.cancel()


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
    if listener.mode != "explicit":
        raise ListenError(f"[proxy] {where}: mode {listener.mode!r} is not built yet; use mode = 'explicit'")
    if listener.bound is not None:
        return listener.bound.dup()
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    try:
        return socket.create_server((listener.host, listener.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # the standard library repeats the address
        taken = "stop the program that uses it, or " if error.errno == errno.EADDRINUSE else ""
        raise ListenError(f"[proxy] cannot listen on {where}: {reason}; {taken}change [proxy] listen") from error
