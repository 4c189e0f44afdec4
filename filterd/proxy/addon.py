# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes through the proxy is judged in these hooks of mitmproxy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from mitmproxy import connection, http
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer, TCPLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.tunnel import LayerStack

from filterd.policy.domains import InvalidHost, covers, is_address, normalise_host
from filterd.policy.model import Block, Decision, Rewrite, Stage
from filterd.proxy import sniff
from filterd.proxy.block_page import Asked, Form, failure_page, notice_page
from filterd.proxy.conversation import Conversation, Tunnel
from filterd.proxy.fail_closed import Refused, as_response, fail_closed
from filterd.proxy.inspection import speaks_web
from filterd.proxy.judge import Judge, Refusal, Rulebook, covers_addresses, refuse_with
from filterd.proxy.learned import program_of
from filterd.proxy.resolve import is_public
from filterd.proxy.streams import HERE, FilterHttpLayer, Route, VerifyingLayer, set_route
from filterd.proxy.target import BadRequest, is_websocket, make_plain, read_connect, read_target
from filterd.proxy.tls_hooks import ConnectionHooks
from filterd.wording import Notice

DEMONSTRATION = "prueba.home.arpa"  # names below it that are allowed show our greeting; no network is needed

# RFC 8446 §6: a fatal alert, access_denied. More than a closed connection can say, and no false certificate.
_TLS_REFUSAL = b"\x15\x03\x03\x00\x02\x02\x31"

# Names that stand outside an encrypted ClientHello for any site of their network; a page there is nobody's aim.
_OUTER_NAMES = frozenset({"cloudflare-ech.com"})


class FilterAddon(ConnectionHooks):
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
        super().__init__(Judge(rulebook, observe=observe, clock=clock), connect_timeout_s=connect_timeout_s)
        self._allow_unknown_protocols = allow_unknown_protocols
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
        try:
            if covers(DEMONSTRATION, host):
                self._judge.let_through(decision)
                inside = self._judge.rulebook.inspection_for(decision.profile)
                raise refuse_with(Notice.WORKS if inside else Notice.WORKS_WITHOUT_TLS, host)
            self._want_name(decision)
            served_by, route = await self._judge.find_route(decision, port)
        except Refusal as refusal:
            if self._judge.rulebook.inspection_for(decision.profile) is None:
                raise
            # The page is shown inside, where a browser shows it; nobody else is asked for anything.
            self._clear(flow, HERE).tunnel = Tunnel(decision, host, host, HERE, refusal)
            return
        self._clear(flow, route).tunnel = Tunnel(decision, host, served_by, route)

    def _want_name(self, decision: Decision) -> None:
        """Raise the refusal of a bare address of the internet, for a profile to which everything has to have a name."""
        host = decision.request.host
        if not (is_address(host) and is_public(host) and self._judge.rulebook.strict(decision.profile)):
            return
        if not isinstance(decision.verdict, Block) and not covers_addresses(decision.verdict):
            self._judge.let_through(decision)
            raise refuse_with(Notice.NO_NAME, host)

    @fail_closed
    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Choose how a client is understood, from what it says first."""
        context, server = nextlayer.context, nextlayer.context.server
        said: bytes = nextlayer.data_client()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
        answered: bytes = nextlayer.data_server()  # type: ignore[no-untyped-call]  # likewise
        # Where the server speaks first it is mail, SSH or the like.
        spoken = sniff.Unknown() if answered else sniff.recognise(said)
        tunnel = self._conversations.of(context.client).tunnel
        if isinstance(context.layers[-1], modes.HttpProxy):
            tls = said.startswith(b"\x16")  # no TLS to the proxy itself
            nextlayer.layer = Refused(context) if tls else FilterHttpLayer(context, HTTPMode.regular, self)
        elif tunnel is None:
            nextlayer.layer = Refused(context)
        elif isinstance(context.layers[-1], ClientTLSLayer):
            nextlayer.layer = self._decrypted_layer(context, tunnel, spoken)
        else:
            nextlayer.layer = self._layer_for(context, tunnel, spoken)
        if context.server is not server:  # that the first one left is no news for the next
            nextlayer.events = [e for e in nextlayer.events if getattr(e, "connection", None) is not server]

    def _layer_for(self, context: Context, tunnel: Tunnel, spoken: sniff.Spoken) -> layer.Layer | None:
        match spoken:
            case sniff.NotYet():
                return None  # we are asked again when there is more
            case sniff.Tls():
                return self._greeted_layer(context, tunnel, spoken)
            case sniff.Http():
                return FilterHttpLayer(context, HTTPMode.transparent, self)
            case sniff.Unknown():
                return self._unknown_layer(context, tunnel)
            case _ as never:
                assert_never(never)

    def _decrypted_layer(self, context: Context, tunnel: Tunnel, spoken: sniff.Spoken) -> layer.Layer | None:
        if context.client.alpn == b"h2":
            return FilterHttpLayer(context, HTTPMode.transparent, self)
        # TLS inside TLS is a tunnel in the tunnel.
        return self._layer_for(context, tunnel, sniff.Unknown() if isinstance(spoken, sniff.Tls) else spoken)

    def _unknown_layer(self, context: Context, tunnel: Tunnel) -> layer.Layer:
        passes = self._allow_unknown_protocols and tunnel.refusal is None
        return TCPLayer(context, ignore=True) if passes else Refused(context)

    def _greeted_layer(self, context: Context, tunnel: Tunnel, hello: sniff.Tls) -> layer.Layer:
        """Return what becomes of a TLS greeting: passed on as it is, decrypted, or answered by ourselves."""
        known = self._conversations.of(context.client)
        known.inspection = inspection = self._judge.rulebook.inspection_for(tunnel.profile)
        named = tunnel.host
        try:
            named, agreed = self._judge_names(context.client, tunnel, hello)
        except Refusal as refusal:
            if inspection is None:
                return Refused(context, _TLS_REFUSAL)
            known.tunnel = replace(tunnel, host=_wanted(hello) or named, refusal=refusal)
            return ClientTLSLayer(context)
        if inspection is None or (agreed and inspection.leaves_alone(tunnel.decision, hello.shape)):
            return TCPLayer(context, ignore=True)
        if not speaks_web(hello.shape):
            return self._unknown_layer(context, tunnel)
        known.tunnel = replace(tunnel, host=named)
        known.program = program_of(tunnel.decision, hello.shape) if agreed else None
        if not context.server.connected:  # it left while the client was silent: another try
            context.server = connection.Server(address=context.server.address)
        return (LayerStack() / VerifyingLayer(context) / ClientTLSLayer(context))[0]

    def _judge_names(self, client: connection.Client, tunnel: Tunnel, hello: sniff.Tls) -> tuple[str, bool]:
        """Return the host that a greeting asks for, and whether it is the one of *tunnel*.

        Raises:
            Refusal: the tunnel was refused, or what the greeting asks for is.
        """
        if tunnel.refusal is not None:
            raise tunnel.refusal
        strict = self._judge.rulebook.strict(tunnel.profile)
        named = tunnel.host
        if strict and hello.shape.ech and named in _OUTER_NAMES:
            raise refuse_with(Notice.TWO_NAMES, named)
        for name in hello.names:
            try:
                host = normalise_host(name)
            except InvalidHost:
                raise refuse_with(Notice.BAD_REQUEST, tunnel.host) from None
            if host == tunnel.host:
                continue  # judged when the tunnel was asked for
            decision = self._judge.ask(Stage.HELLO, client, host)
            self._judge.let_through(decision)
            if strict or not _leads_to(decision, tunnel):
                raise refuse_with(Notice.TWO_NAMES, host)
            named = host
        return named, named == tunnel.host

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
        known = self._conversations.of(flow.client_conn)
        tunnel = known.tunnel
        if tunnel is not None and tunnel.refusal is not None:
            raise tunnel.refusal
        if known.program is not None and known.inspection is not None:
            known.inspection.learned.note_success(known.program)
            known.program = None
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
        flow.response.headers.pop("alt-svc", None)  # the way around us by QUIC
        if flow.response.status_code == 101 and not is_websocket(flow.request):
            flow.kill()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped

    # What the layers ask for when there is trouble

    def page(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response:
        """Return the page for trouble with the server of *flow*."""
        known = self._conversations.of(flow.client_conn)
        # Inside a tunnel the request's host is an address; its Host header was found to agree with the tunnel.
        host = known.tunnel.host if known.tunnel else flow.request.pretty_host
        if known.trouble is not None and notice is Notice.UNREACHABLE:
            notice = known.trouble
        return as_response(notice_page(notice, _asked(flow), host=host), flow.request)

    def refuse_tunnel(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response | None:
        """Return the answer to a CONNECT whose server is not there; ``None`` where it is given inside the tunnel."""
        known = self._conversations.of(flow.client_conn)
        tunnel = known.tunnel
        host = flow.request.data.host
        if tunnel is not None and self._judge.rulebook.inspection_for(tunnel.profile) is not None:
            known.tunnel = replace(tunnel, refusal=refuse_with(notice, host))
            return None
        return as_response(notice_page(notice, _asked(flow), host=host), flow.request)

    def _clear(self, flow: http.HTTPFlow, route: Route) -> Conversation:
        set_route(flow, route)
        known = self._conversations.of(flow.client_conn)
        known.cleared.update((address, route.port) for address in route.addresses)
        return known


def _asked(flow: http.HTTPFlow) -> Asked:
    asked = Asked.by(flow.request.headers)
    # No browser shows the body of a refused CONNECT; who reads it reads a terminal.
    return Asked(asked.language, Form.TEXT) if flow.request.method == "CONNECT" else asked


def _leads_to(decision: Decision, tunnel: Tunnel) -> bool:
    """Return whether *tunnel*, granted to another name or before the URL was known, serves what *decision* is about."""
    verdict = decision.verdict
    return not isinstance(verdict, Rewrite) or verdict.host == tunnel.served_by  # else a search without its safe mode


def _wanted(hello: sniff.Tls) -> str | None:
    """Return the host that a certificate has to be for, if *hello* is to take it; ``None`` where it names none."""
    for name in hello.names:
        with contextlib.suppress(InvalidHost):
            return normalise_host(name)
    return None
