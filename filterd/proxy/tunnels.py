# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels: who may have one, to where, and what becomes of what is said in it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import assert_never

from mitmproxy import connection, http
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.tunnel import LayerStack

from filterd.policy.domains import InvalidHost, covers, is_address, normalise_host
from filterd.policy.model import Block, Decision, Rewrite, Stage
from filterd.proxy import sniff
from filterd.proxy.conversation import Tunnel
from filterd.proxy.excuses import Excuses, asked_by
from filterd.proxy.fail_closed import Refused, as_response, fail_closed
from filterd.proxy.inspection import speaks_web
from filterd.proxy.judge import Judge, Refusal, covers_addresses, refuse_with
from filterd.proxy.learned import program_of
from filterd.proxy.relays import PassingLayer, VerifyingLayer
from filterd.proxy.resolve import is_public
from filterd.proxy.streams import HERE, FilterHttpLayer
from filterd.proxy.target import BadRequest, read_connect
from filterd.proxy.transparent import Arrived
from filterd.wording import Notice

DEMONSTRATION = "prueba.home.arpa"  # names below it that are allowed show our greeting; no network is needed

# RFC 8446 §6: a fatal alert, access_denied. More than a closed connection can say, and no false certificate.
_TLS_REFUSAL = b"\x15\x03\x03\x00\x02\x02\x31"

# Names that stand outside an encrypted ClientHello for any site of their network; a page there is nobody's aim.
_OUTER_NAMES = frozenset({"cloudflare-ech.com"})


class TunnelHooks(Excuses):
    """Judges what is asked for by name alone; with *allow_unknown_protocols*, what is neither HTTP nor TLS may pass."""

    def __init__(self, judge: Judge, *, connect_timeout_s: float, allow_unknown_protocols: bool) -> None:
        super().__init__(judge, connect_timeout_s=connect_timeout_s)
        self._allow_unknown_protocols = allow_unknown_protocols

    @fail_closed
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Judge a CONNECT by its host."""
        try:
            await self._open_tunnel(flow)
        except Refusal as refusal:
            flow.response = as_response(refusal.page(asked_by(flow)), flow.request)

    async def _open_tunnel(self, flow: http.HTTPFlow) -> None:
        try:
            host, port = read_connect(flow.request)
        except BadRequest:
            raise refuse_with(Notice.BAD_REQUEST, "") from None
        tunnel = await self._grant(flow.client_conn, host, port)
        if tunnel.refusal is not None and self._judge.rulebook.inspection_for(tunnel.profile) is None:
            raise tunnel.refusal
        # Else the page is shown inside, where a browser shows it; nobody else is asked for anything.
        self._clear(flow, tunnel.route).tunnel = tunnel

    async def _grant(self, client: connection.Client, host: str, port: int) -> Tunnel:
        """Return the tunnel that *client* may have to *host*; refused, it leads nowhere."""
        decision = self._judge.ask(Stage.HELLO, client, host)
        try:
            if covers(DEMONSTRATION, host):
                self._judge.let_through(decision)
                inside = self._judge.rulebook.inspection_for(decision.profile)
                raise refuse_with(Notice.WORKS if inside else Notice.WORKS_WITHOUT_TLS, host)
            self._want_name(decision)
            served_by, route = await self._judge.find_route(decision, port)
        except Refusal as refusal:
            return Tunnel(decision, host, host, HERE, refusal)
        return Tunnel(decision, host, served_by, route)

    @fail_closed
    async def arrived(self, arrived: Arrived) -> None:
        """Grant a redirected connection a tunnel to the host that it names: never to where it was headed."""
        host, port = arrived.destination
        if port not in self._judge.rulebook.redirected_ports:
            return
        known = self._conversations.of(arrived.client)
        if isinstance(arrived.spoken, sniff.Tls):
            host = _wanted(arrived.spoken) or host  # without a name, the address is judged for what it is
        elif not self._allow_unknown_protocols:
            return
        known.tunnel = tunnel = await self._grant(arrived.client, host, port)
        self._clear_route(arrived.client, tunnel.route)
        arrived.route = tunnel.route

    def expect(self, client: connection.Client, destination: tuple[str, int]) -> None:
        """Say that *client* was on its way to *destination* when a router turned it to us."""
        self._conversations.of(client).destination = destination

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
        return self._passing_layer(context, tunnel.decision) if passes else Refused(context)

    def _passing_layer(self, context: Context, *standing: Decision) -> layer.Layer:
        """Return what passes on untouched what *standing*, verdicts on its names, let through."""
        client = context.client
        self._conversations.of(client).standing = standing
        return PassingLayer(context, lambda: self.may_pass(client))

    def _greeted_layer(self, context: Context, tunnel: Tunnel, hello: sniff.Tls) -> layer.Layer:
        """Return what becomes of a TLS greeting: passed on as it is, decrypted, or answered by ourselves."""
        known = self._conversations.of(context.client)
        known.inspection = inspection = self._judge.rulebook.inspection_for(tunnel.profile)
        named = tunnel.host
        try:
            named, decision = self._judge_names(context.client, tunnel, hello)
        except Refusal as refusal:
            if inspection is None:
                return Refused(context, _TLS_REFUSAL)
            known.tunnel = replace(tunnel, host=_wanted(hello) or named, refusal=refusal)
            return ClientTLSLayer(context)
        agreed = decision is tunnel.decision
        if inspection is None or (agreed and inspection.leaves_alone(tunnel.decision, hello.shape)):
            return self._passing_layer(context, *dict.fromkeys((tunnel.decision, decision)))
        if not speaks_web(hello.shape):
            return self._unknown_layer(context, tunnel)
        known.tunnel = replace(tunnel, host=named)
        known.program = program_of(tunnel.decision, hello.shape) if agreed else None
        if not context.server.connected:  # it left while the client was silent: another try
            context.server = connection.Server(address=context.server.address)
        return (LayerStack() / VerifyingLayer(context) / ClientTLSLayer(context))[0]

    def _judge_names(self, client: connection.Client, tunnel: Tunnel, hello: sniff.Tls) -> tuple[str, Decision]:
        """Return the host that a greeting asks for, and the verdict on it: that of *tunnel* where it is the same.

        Raises:
            Refusal: the tunnel was refused, or what the greeting asks for is.
        """
        if tunnel.refusal is not None:
            raise tunnel.refusal
        strict = self._judge.rulebook.strict(tunnel.profile)
        named, standing = tunnel.host, tunnel.decision
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
            if strict or not leads_to(decision, tunnel):
                raise refuse_with(Notice.TWO_NAMES, host)
            named, standing = host, decision
        return named, standing


def leads_to(decision: Decision, tunnel: Tunnel) -> bool:
    """Return whether *tunnel*, granted to another name or before the URL was known, serves what *decision* is about."""
    verdict = decision.verdict
    return not isinstance(verdict, Rewrite) or verdict.host == tunnel.served_by  # else a search without its safe mode


def _wanted(hello: sniff.Tls) -> str | None:
    """Return the host that a certificate has to be for, if *hello* is to take it; ``None`` where it names none."""
    for name in hello.names:
        with contextlib.suppress(InvalidHost):
            return normalise_host(name)
    return None
