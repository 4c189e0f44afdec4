# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy role: mitmproxy's layers under the policy, on the inherited sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from filterd.activity.feed import Sender
from filterd.assembly import Assembly
from filterd.commands.common import load
from filterd.proxy.actions import BlockPageActions
from filterd.proxy.addon import FilterAddon
from filterd.proxy.judge import Rulebook
from filterd.proxy.page_server import PageServer
from filterd.proxy.runner import Listener, run_proxy
from filterd.roles.desk_link import DeskLink
from filterd.roles.proxy_parts import Inspector, rulebook_of
from filterd.settings import Settings
from filterd.settings_read import parse_listen
from filterd.shipped import Shipped
from filterd.sockets import Bound

_PAGES = "block_page"  # the mode of the listener of our own pages


def make(config: Path | None, sockets: list[Bound]) -> ProxyRole:
    """Return the role for the configuration file *config* on *sockets*."""
    return ProxyRole(config, sockets)


class ProxyRole:
    """Serves the web."""

    def __init__(self, config: Path | None, sockets: list[Bound]) -> None:
        self._config = config
        self._shipped = Shipped()
        self._sockets = sockets
        self._inspecting: Inspector | None = None
        settings, assembly, rulebook = self._read()
        self._sender = Sender(str(assembly.runtime / "decisions.sock"))
        self._link = DeskLink(assembly.runtime)
        self._addon = FilterAddon(
            rulebook,
            observe=self._sender.send,
            allow_unknown_protocols=settings.proxy.allow_unknown_protocols,
            actions=BlockPageActions(ask=self._link.ask, unlock=self._link.unlock, has_codes=self._link.has_codes),
        )
        self._stop = asyncio.Event()

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Serve."""
        ready = asyncio.Event()
        listeners = [_listener(bound) for bound in self._sockets if bound.handed.mode != _PAGES]
        self._serving = tasks.create_task(
            run_proxy(listeners, self._addon, self._stop, ready=lambda _: ready.set(), grace_s=0.8)
        )
        await ready.wait()
        self._following = tasks.create_task(self._link.follow())
        explicit = next((x.port for x in listeners if x.mode == "explicit"), None)
        pages = PageServer(self._addon, proxy_port=explicit)
        self._pages = [await pages.listen(bound.socket) for bound in self._sockets if bound.handed.mode == _PAGES]

    async def reload(self) -> None:
        """Swap what is judged by."""
        settings, _, rulebook = await asyncio.to_thread(self._read)
        self._addon.swap(rulebook, allow_unknown_protocols=settings.proxy.allow_unknown_protocols)

    async def stop(self) -> None:
        """Close what is open."""
        self._following.cancel()
        for server in self._pages:
            server.close()
        self._stop.set()
        await self._serving
        self._sender.close()

    def _read(self) -> tuple[Settings, Assembly, Rulebook]:
        settings, path = load(self._config)
        assembly = Assembly.of(settings, path, self._shipped)
        policy = replace(assembly.policy(), scorer=self._shipped.scorer)  # pages are seen here alone
        inspection = self._inspector(assembly).inspection(settings.proxy)
        return settings, assembly, rulebook_of(settings, policy, inspection, assembly.zone)

    def _inspector(self, assembly: Assembly) -> Inspector:
        if self._inspecting is None:
            self._inspecting = Inspector(assembly.state)
        return self._inspecting


def _listener(bound: Bound) -> Listener:
    host, port = parse_listen(bound.handed.address)
    mode = cast("Literal['explicit', 'transparent']", bound.handed.mode or "explicit")
    return Listener(host, port, mode=mode, profile=bound.handed.profile or None, bound=bound.socket)
