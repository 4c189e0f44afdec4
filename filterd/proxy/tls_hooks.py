# SPDX-License-Identifier: GPL-3.0-or-later
"""How both sides of a decrypted connection greet: the server first, and verified before the client is told anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mitmproxy import connection
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData, TlsData

from filterd.proxy.conversation import Conversation, Conversations
from filterd.proxy.fail_closed import fail_closed
from filterd.proxy.inspection import Inspection
from filterd.proxy.judge import Judge, refuse_with
from filterd.proxy.resolve import is_own_address
from filterd.proxy.streams import TIMED_OUT

_OUR_PAGES = (b"http/1.1", b"h2")  # the simpler first: after it, a client begins afresh


class ConnectionHooks:
    """mitmproxy's hooks about connections: which server may be dialled, and how each side greets."""

    def __init__(self, judge: Judge, *, connect_timeout_s: float) -> None:
        self._judge = judge
        self._connect_timeout_s = connect_timeout_s
        self._conversations = Conversations()
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._clocks: dict[str, asyncio.TimerHandle] = {}
        self._own_ports: frozenset[int] = frozenset()

    # Dialling

    @fail_closed
    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Dial only what a verdict cleared; give up after a while."""
        host, port, *_ = data.server.address or ("", 0)
        if (host, port) not in self._conversations.of(data.client).cleared:
            data.server.error = "not cleared by a verdict"
        elif port in self._own_ports and is_own_address(host):
            data.server.error = "the proxy itself"
        elif task := asyncio.current_task():  # the one that dials and, once connected, serves the connection
            self._serving[data.server.id] = task
            self._start_clock(data.server)

    @fail_closed
    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Stop the clock: the server is there."""
        self._stop_clock(data.server)

    @fail_closed
    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """Stop the clock: the server is not there now. Else mitmproxy never tried it again while the client stays."""
        self._stop_clock(data.server)
        self._serving.pop(data.server.id, None)
        data.server.error = None

    @fail_closed
    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Forget who served the connection."""
        self._stop_clock(data.server)
        self._serving.pop(data.server.id, None)

    @fail_closed
    def client_disconnected(self, client: connection.Client) -> None:
        """Forget what was granted; a program that took our certificate and left without a word did not mean it."""
        known = self._conversations.end(client)
        if known is not None and known.program is not None and client.tls_established:
            _inspection(known).learned.note_refusal(known.program)

    # Greetings

    @fail_closed
    def tls_clienthello(self, data: ClientHelloData) -> None:
        """Let the server greet first, where there is one."""
        data.establish_server_tls_first = data.context.server.tls

    @fail_closed
    def tls_start_server(self, data: TlsData) -> None:
        """Greet the server of a tunnel, which has to prove to be the host that was judged."""
        client, known = data.context.client, self._conversations.of(data.context.client)
        if known.tunnel is None:
            raise LookupError("a server without a tunnel")
        self._start_clock(data.conn)
        data.ssl_conn = _inspection(known).greet_server(
            known.tunnel.host,
            # A later connection of the same client goes on as the first one was agreed.
            alpn_offers=(client.alpn,) if client.alpn else () if client.tls_established else tuple(client.alpn_offers),
            only_tls13=client.tls_version == "TLSv1.3",
        )

    @fail_closed
    def tls_established_server(self, data: TlsData) -> None:
        """Stop the clock: the server has proved who it is."""
        self._stop_clock(data.conn)
        self._conversations.of(data.context.client).trouble = None

    @fail_closed
    def tls_failed_server(self, data: TlsData) -> None:
        """Remember why: the client gets a page that says so, and the server gets nothing."""
        self._stop_clock(data.conn)
        known = self._conversations.of(data.context.client)
        known.trouble = _inspection(known).name_failure(data.ssl_conn, data.conn.error or "")
        data.conn.error = None  # else mitmproxy would not try this server again for as long as the client stays

    @fail_closed
    def tls_start_client(self, data: TlsData) -> None:
        """Greet the client as the judged host: with the server's agreement, or to tell why there is none."""
        client, server = data.context.client, data.context.server
        known = self._conversations.of(client)
        tunnel = known.tunnel
        if tunnel is None:
            raise LookupError("a client without a tunnel")
        if known.trouble is not None and tunnel.refusal is None:
            tunnel = known.tunnel = replace(tunnel, refusal=refuse_with(known.trouble, tunnel.host))
        if tunnel.refusal is not None:
            data.ssl_conn = _inspection(known).greet_client(tunnel.host, alpn=_OUR_PAGES)
        elif server.tls_established and server.connected:
            data.ssl_conn = _inspection(known).greet_client(
                tunnel.host,
                alpn=(server.alpn,) if server.alpn else (),
                only_tls12=server.tls_version != "TLSv1.3",
            )
        else:
            raise ConnectionError("no verified server")

    @fail_closed
    def tls_failed_client(self, data: TlsData) -> None:
        """Note that a program does not take our certificate."""
        known = self._conversations.of(data.context.client)
        program, known.program = known.program, None
        said = data.conn.error or ""  # an alert, or nothing at all; else we did not even come to the certificate
        if program is not None and ("alert" in said or "connection closed" in said):
            _inspection(known).learned.note_refusal(program)

    def _start_clock(self, server: connection.Connection) -> None:
        self._stop_clock(server)
        if task := self._serving.get(server.id):
            loop = asyncio.get_running_loop()
            self._clocks[server.id] = loop.call_later(self._connect_timeout_s, task.cancel, TIMED_OUT)

    def _stop_clock(self, server: connection.Connection) -> None:
        clock = self._clocks.pop(server.id, None)
        if clock is not None:
            clock.cancel()


def _inspection(known: Conversation) -> Inspection:
    if known.inspection is None:
        raise LookupError("a connection that is not to be decrypted")
    return known.inspection
