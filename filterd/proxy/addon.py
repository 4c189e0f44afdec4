# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes through the proxy is judged in these hooks of mitmproxy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import assert_never

from mitmproxy import connection, http
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import TCPLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from filterd.policy.domains import InvalidHost, covers, normalise_host
from filterd.policy.model import Decision, Rewrite, Stage
from filterd.proxy import sniff
from filterd.proxy.block_page import Asked, Form, failure_page, notice_page
from filterd.proxy.fail_closed import Refused, as_response, fail_closed
from filterd.proxy.judge import Judge, Refusal, Rulebook, refuse_with
from filterd.proxy.resolve import is_own_address
from filterd.proxy.streams import TIMED_OUT, FilterHttpLayer, Route, set_route
from filterd.proxy.target import BadRequest, is_websocket, make_plain, read_connect, read_target
from filterd.wording import Notice

DEMONSTRATION = "prueba.home.arpa"  # names below it that are allowed show our greeting; no network is needed

# RFC 8446 §6: a fatal alert, access_denied. More than a closed connection can say, and no false certificate.
_TLS_REFUSAL = b"\x15\x03\x03\x00\x02\x02\x31"


@dataclass(frozen=True, slots=True)
class _Tunnel:
    """What a CONNECT was granted: to *host*, answered by *served_by* (the same, but for safe search), at *route*."""

    host: str
    served_by: str
    route: Route


@dataclass(slots=True)
class _Conversation:
    """What is known of one client connection. Nothing is dialled for it that is not *cleared*."""

    tunnel: _Tunnel | None = None
    cleared: set[tuple[str, int]] = field(default_factory=set)


class FilterAddon:
    """Judges requests, tunnels and greetings; *observe* is told every decision on what a client asked for."""

    def __init__(
        self,
        rulebook: Rulebook,
        *,
        observe: Callable[[Decision], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        allow_unknown_protocols: bool = False,
        connect_timeout_s: float = 6.0,
    ) -> None:
        self._judge = Judge(rulebook, observe=observe, clock=clock)
        self._allow_unknown_protocols = allow_unknown_protocols
        self._connect_timeout_s = connect_timeout_s
        self._conversations: dict[str, _Conversation] = {}
        self._dialling: dict[str, asyncio.TimerHandle] = {}
        self._own_ports: frozenset[int] = frozenset()
        failure_page()  # made now, so that nothing can go wrong when it is needed

    def swap(self, rulebook: Rulebook, *, allow_unknown_protocols: bool | None = None) -> None:
        """Judge by *rulebook* from now on; ``None`` keeps what holds for unknown protocols."""
        self._judge.rulebook = rulebook
        if allow_unknown_protocols is not None:
            self._allow_unknown_protocols = allow_unknown_protocols

    def know_listeners(self, profiles: Mapping[str, str | None], own_ports: Collection[int]) -> None:
        """Say which profile is fixed for clients of each proxy mode, and which ports are our own: never dialled."""
        self._judge.know_profiles(profiles)
        self._own_ports = frozenset(own_ports)

    # Tunnels

    @fail_closed
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Judge a CONNECT by its host."""
        try:
            await self._open_tunnel(flow)
        except Refusal as refusal:
            flow.response = as_response(refusal.page(_asked(flow)), flow.request)

    async def _open_tunnel(self, flow: http.HTTPFlow) -> None:
        try:
            host, port = read_connect(flow.request)
        except BadRequest:
            raise refuse_with(Notice.BAD_REQUEST, "") from None
        decision = self._judge.ask(Stage.HELLO, flow.client_conn, host)
        if covers(DEMONSTRATION, host):
            self._judge.let_through(decision)
            raise refuse_with(Notice.WORKS_WITHOUT_TLS, host)
        served_by, route = await self._judge.find_route(decision, port)
        self._clear(flow, route).tunnel = _Tunnel(host, served_by, route)

    @fail_closed
    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Choose how a client is understood, from what it says first."""
        context = nextlayer.context
        said: bytes = nextlayer.data_client()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
        answered: bytes = nextlayer.data_server()  # type: ignore[no-untyped-call]  # likewise
        tunnel = self._conversation(context.client).tunnel
        if isinstance(context.layers[-1], modes.HttpProxy):
            tls = said.startswith(b"\x16")  # no TLS to the proxy itself
            nextlayer.layer = Refused(context) if tls else FilterHttpLayer(context, HTTPMode.regular, self._excuse)
        elif tunnel is None:
            nextlayer.layer = Refused(context)
        else:
            # Where the server speaks first it is mail, SSH or the like.
            nextlayer.layer = self._layer_for(nextlayer, tunnel, sniff.Unknown() if answered else sniff.recognise(said))

    def _layer_for(self, nextlayer: layer.NextLayer, tunnel: _Tunnel, spoken: sniff.Spoken) -> layer.Layer | None:
        context = nextlayer.context
        match spoken:
            case sniff.NotYet():
                return None  # we are asked again when there is more
            case sniff.Tls(names):
                granted = all(self._may_greet(context.client, tunnel, name) for name in names)
                return TCPLayer(context, ignore=True) if granted else Refused(context, _TLS_REFUSAL)
            case sniff.Http():
                return FilterHttpLayer(context, HTTPMode.transparent, self._excuse)
            case sniff.Unknown():
                return TCPLayer(context, ignore=True) if self._allow_unknown_protocols else Refused(context)
            case _ as never:
                assert_never(never)

    def _may_greet(self, client: connection.Client, tunnel: _Tunnel, name: str) -> bool:
        """Return whether a TLS greeting that asks for *name* may go through *tunnel*."""
        try:
            host = normalise_host(name)
        except InvalidHost:
            return False
        if host == tunnel.host:
            return True  # judged when the tunnel was asked for
        decision = self._judge.ask(Stage.HELLO, client, host)
        try:
            self._judge.let_through(decision)
        except Refusal:
            return False
        return _leads_to(decision, tunnel)

    # Requests

    @fail_closed
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Judge a request by its URL before its body is read: bodies stream through."""
        flow.request.stream = True
        if flow.error:
            return  # malformed: mitmproxy refuses it by itself
        try:
            await self._pass_on(flow)
        except Refusal as refusal:
            flow.request.headers.pop("expect", None)  # no "100 Continue": we want no body
            flow.response = as_response(refusal.page(_asked(flow)), flow.request)

    async def _pass_on(self, flow: http.HTTPFlow) -> None:
        tunnel = self._conversation(flow.client_conn).tunnel
        try:
            target = read_target(flow.request, tunnel=tunnel.host if tunnel else None)
        except BadRequest:
            raise refuse_with(Notice.BAD_REQUEST, "") from None
        decision = self._judge.ask(Stage.REQUEST, flow.client_conn, target.host, target.url)
        if covers(DEMONSTRATION, target.host):
            self._judge.let_through(decision)
            raise refuse_with(Notice.WORKS, target.host)
        if tunnel is None:
            if flow.request.scheme != "http":  # an absolute https: URL; who wants TLS asks for a tunnel
                raise refuse_with(Notice.BAD_REQUEST, target.host)
            _, route = await self._judge.find_route(decision, flow.request.port)
        else:
            self._judge.let_through(decision)
            if not _leads_to(decision, tunnel):
                raise refuse_with(Notice.BAD_REQUEST, target.host)
            route = tunnel.route
        make_plain(flow.request, target.host)
        self._clear(flow, route)

    @fail_closed
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let the answer stream through; page text will be looked at from here."""
        assert flow.response  # noqa: S101 - for the type checker
        flow.response.stream = True
        if flow.response.status_code == 101 and not is_websocket(flow.request):
            flow.kill()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped

    # Connections

    @fail_closed
    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Dial only what a verdict cleared; give up after a while."""
        host, port, *_ = data.server.address or ("", 0)
        if (host, port) not in self._conversation(data.client).cleared:
            data.server.error = "not cleared by a verdict"
        elif port in self._own_ports and is_own_address(host):
            data.server.error = "the proxy itself"
        elif task := asyncio.current_task():  # the one that dials and, once connected, serves the connection
            loop = asyncio.get_running_loop()
            self._dialling[data.server.id] = loop.call_later(self._connect_timeout_s, task.cancel, TIMED_OUT)

    @fail_closed
    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Stop the clock: the server is there."""
        self._stop_clock(data.server)

    @fail_closed
    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """Stop the clock: the server is not there."""
        self._stop_clock(data.server)

    @fail_closed
    def client_disconnected(self, client: connection.Client) -> None:
        """Forget what was granted."""
        self._conversations.pop(client.id, None)

    def _stop_clock(self, server: connection.Server) -> None:
        give_up = self._dialling.pop(server.id, None)
        if give_up is not None:
            give_up.cancel()

    def _clear(self, flow: http.HTTPFlow, route: Route) -> _Conversation:
        set_route(flow, route)
        conversation = self._conversation(flow.client_conn)
        conversation.cleared.update((address, route.port) for address in route.addresses)
        return conversation

    def _conversation(self, client: connection.Client) -> _Conversation:
        if client.timestamp_end is not None:
            return _Conversation()  # gone while we looked up a name: nothing is granted, nothing kept
        return self._conversations.setdefault(client.id, _Conversation())

    def _excuse(self, flow: http.HTTPFlow, notice: Notice) -> http.Response:
        """Return the page for trouble with the server of *flow*."""
        # Inside a tunnel the request's host is an address; its Host header was found to agree with the tunnel.
        host = flow.request.data.host if flow.request.method == "CONNECT" else flow.request.pretty_host
        return as_response(notice_page(notice, _asked(flow), host=host), flow.request)


def _asked(flow: http.HTTPFlow) -> Asked:
    asked = Asked.by(flow.request.headers)
    # No browser shows the body of a refused CONNECT; who reads it reads a terminal.
    return Asked(asked.language, Form.TEXT) if flow.request.method == "CONNECT" else asked


def _leads_to(decision: Decision, tunnel: _Tunnel) -> bool:
    """Return whether *tunnel*, granted to another name or before the URL was known, serves what *decision* is about."""
    verdict = decision.verdict
    return not isinstance(verdict, Rewrite) or verdict.host == tunnel.served_by  # else a search without its safe mode
