# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener of our own pages: the file for proxies, and the block page for names that our resolver led here.

With ``[dns] blocked_answer`` set to its address, a browser that asks for a blocked name arrives here, and is told why.
What is not blocked gets nothing from here: there is no way on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass

import h11

from filterd.policy.domains import InvalidHost, normalise_host, split_target
from filterd.policy.model import Block, Client, Decision, Request, Stage
from filterd.proxy.actions import MAX_FORM, OURS, Posted
from filterd.proxy.addon import FilterAddon
from filterd.proxy.answer import Asked, Page
from filterd.proxy.block_page import failure_page, notice_page
from filterd.proxy.judge import Judge
from filterd.proxy.limits import Limits, Places, is_near
from filterd.proxy.pac import CONTENT_TYPE, is_pac_path, make_pac
from filterd.proxy.target import origin_of
from filterd.wording import Notice

logger = logging.getLogger(__name__)

_HEAD = 16 * 1024
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it was read: *own* is the address that it came to."""

    head: h11.Request
    headers: dict[str, str]
    body: bytes
    own: tuple[str, int]
    client: str


class PageServer:
    """Answers on the listener of our own pages, for the names *hosts* and for names that are blocked.

    *proxy_port* is that of the explicit proxy on the same machine; ``None`` where there is none.
    """

    def __init__(
        self,
        addon: FilterAddon,
        *,
        hosts: Collection[str] = (),
        proxy_port: int | None = None,
        serves: Callable[[str], bool] = is_near,
        limits: Limits = Limits(clients=256, clients_an_address=32),  # noqa: B008 - frozen
    ) -> None:
        self._addon = addon
        self._hosts = frozenset(map(normalise_host, hosts))
        self._proxy_port = proxy_port
        self._serves = serves
        self._places = Places(limits)

    async def listen(self, bound: socket.socket) -> asyncio.Server:
        """Return the server that answers on *bound*."""
        return await asyncio.start_server(self._accept, sock=bound)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        if peer is None or not self._serves(peer[0]) or not self._places.take(peer[0]):
            writer.close()
            return
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_TIMEOUT_S):
                    await self._talk(reader, writer, peer[0])
        finally:
            self._places.leave(peer[0])
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str) -> None:
        """Answer one request: who comes here does not come for speed."""
        spoken = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        own = writer.get_extra_info("sockname")[:2]
        try:
            asked = await _read(spoken, reader, own=(str(own[0]), int(own[1])), client=client)
        except (h11.RemoteProtocolError, UnicodeDecodeError):
            asked, page = None, notice_page(Notice.BAD_REQUEST, Asked(), host="")
        if asked is not None:
            try:
                page = await self._page_for(asked)
            except Exception:
                logger.exception("our own page failed")
                page = failure_page()
        elif spoken.their_state is h11.MUST_CLOSE or spoken.their_state is h11.CLOSED:
            return  # came and went
        writer.write(_assemble(page, head_only=asked is not None and asked.head.method == b"HEAD"))
        await writer.drain()

    async def _page_for(self, asked: _Asked) -> Page:
        path = asked.head.target.decode("ascii")
        wants = Asked.by(asked.headers, path if path.startswith("/") else "/")
        try:
            target = split_target(f"http://{asked.headers.get('host', '')}{wants.path}")
        except InvalidHost:
            return notice_page(Notice.BAD_REQUEST, wants, host="")
        if target.host in self._hosts or target.host == normalise_host(asked.own[0]):
            return self._own_page(asked, wants, target.host)
        judge = self._addon.judge
        decision = _decide(judge, Client(address=normalise_host(asked.client)), target.host, target.url or "")
        if wants.path.startswith(OURS):
            origin = origin_of(target.host, asked.own[1], tls=False)
            posted = Posted(asked.head.method.decode(), wants.path, asked.headers, origin, asked.body, decision)
            return await self._addon.actions.take(posted)
        if isinstance(decision.verdict, Block):
            judge.observe(decision)
            return judge.refusal_of(decision, decision.verdict.reason).page(wants)
        return notice_page(Notice.NOT_HERE, wants, host=target.host)

    def _own_page(self, asked: _Asked, wants: Asked, host: str) -> Page:
        if self._proxy_port is not None and is_pac_path(wants.path) and asked.head.method in (b"GET", b"HEAD"):
            headers = (("Content-Type", CONTENT_TYPE), ("Cache-Control", "max-age=300"))
            return Page(200, headers, make_pac(normalise_host(asked.own[0]), self._proxy_port))
        return notice_page(Notice.NOT_HERE, wants, host=host)


def _decide(judge: Judge, client: Client, host: str, url: str) -> Decision:
    return judge.rulebook.decide(Request(Stage.REQUEST, client, judge.clock(), host, url))


async def _read(
    spoken: h11.Connection, reader: asyncio.StreamReader, *, own: tuple[str, int], client: str
) -> _Asked | None:
    """Return the request; ``None`` where none comes."""
    head: h11.Request | None = None
    body = b""
    while True:
        event = spoken.next_event()
        if event is h11.NEED_DATA:
            spoken.receive_data(await reader.read(_HEAD))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_FORM:
                raise h11.RemoteProtocolError("too long for a form of ours", 413)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            return _Asked(head, headers, body, own, client)
        else:
            return None


def _assemble(page: Page, *, head_only: bool) -> bytes:
    headers = [*page.headers, ("Content-Length", str(len(page.body))), ("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    body = b"" if head_only else page.body
    return f"HTTP/1.1 {page.status} \r\n{head}\r\n".encode("latin-1", "replace") + body
