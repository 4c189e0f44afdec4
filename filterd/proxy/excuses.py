# SPDX-License-Identifier: GPL-3.0-or-later
"""What the protocol layers ask of us between hooks: words for trouble, and whether what is open may stay so."""

from __future__ import annotations

from dataclasses import replace

from mitmproxy import connection, http

from filterd.policy.model import Block, Decision
from filterd.proxy.answer import Asked, Form, Page
from filterd.proxy.block_page import notice_page
from filterd.proxy.conversation import Conversation
from filterd.proxy.fail_closed import as_response
from filterd.proxy.judge import refuse_with
from filterd.proxy.streams import FilterHttpLayer, Route, route_of, set_route
from filterd.proxy.tls_hooks import ConnectionHooks
from filterd.wording import Notice

_DECISION = "filterd.decision"


class Excuses(ConnectionHooks):
    """Answers what the layers ask; see the protocol of the same name in ``streams``."""

    def page(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response:
        """Return the page for trouble with the server of *flow*."""
        known = self._conversations.of(flow.client_conn)
        # Inside a tunnel the request's host is an address; its Host header was found to agree with the tunnel.
        host = known.tunnel.host if known.tunnel else flow.request.pretty_host
        if known.trouble is not None and notice is Notice.UNREACHABLE:
            notice = known.trouble
        return as_response(notice_page(notice, asked_by(flow), host=host), flow.request)

    def malformed(self, _connection: connection.Connection, /) -> Page:
        """Return the page for what is no request; nothing of it can be trusted, its language neither."""
        return notice_page(Notice.BAD_REQUEST, Asked(), host="")

    def refuse_tunnel(self, flow: http.HTTPFlow, notice: Notice, /) -> http.Response | None:
        """Return the answer to a CONNECT whose server is not there; ``None`` where it is given inside the tunnel."""
        tunnel = self._conversations.of(flow.client_conn).tunnel
        host = flow.request.data.host
        if tunnel is not None and self._judge.rulebook.inspection_for(tunnel.profile) is not None:
            self.refuse_arrival(flow.client_conn, notice)
            return None
        return as_response(notice_page(notice, asked_by(flow), host=host), flow.request)

    def refuse_arrival(self, client: connection.Client, notice: Notice, /) -> None:
        """Take back the tunnel of *client*: what it asked for is not there."""
        known = self._conversations.of(client)
        if known.tunnel is not None:
            known.tunnel = replace(known.tunnel, refusal=refuse_with(notice, known.tunnel.host))

    def speaks(self, layer: FilterHttpLayer, /) -> None:
        """Remember where a client goes on in HTTP."""
        self._conversations.of(layer.context.client).spoken.append(layer)

    def begun(self, client: connection.Client, /) -> None:
        """Count a request of *client*."""
        self._conversations.of(client).requests += 1

    def review(self, flow: http.HTTPFlow, /) -> http.Response | None:
        """Return the block page in the place of *flow*'s answer where that is no longer allowed."""
        decision: Decision | None = flow.metadata.get(_DECISION)
        if decision is None:
            return None  # not judged yet, or refused
        again = self._judge.review(decision, route_of(flow).addresses)
        if not isinstance(again.verdict, Block):
            return None
        self._judge.observe(again)
        return as_response(self._judge.refusal_of(again, again.verdict.reason).page(asked_by(flow)), flow.request)

    def may_pass(self, client: connection.Client, /) -> bool:
        """Return whether what passes untouched between *client* and its server may go on."""
        known = self._conversations.of(client)
        addresses = known.tunnel.route.addresses if known.tunnel else ()
        for decision in known.standing:
            again = self._judge.review(decision, addresses)
            if isinstance(again.verdict, Block):
                self._judge.observe(again)
                known.standing = ()
                return False
        return True

    def _clear(self, flow: http.HTTPFlow, route: Route, decision: Decision | None = None) -> Conversation:
        """Let *flow* go by *route*, for as long as *decision* stands."""
        set_route(flow, route)
        flow.metadata[_DECISION] = decision
        return self._clear_route(flow.client_conn, route)

    def _clear_route(self, client: connection.Client, route: Route) -> Conversation:
        known = self._conversations.of(client)
        known.cleared.update((address, route.port) for address in route.addresses)
        return known


def decision_of(flow: http.HTTPFlow) -> Decision | None:
    """Return what let *flow* through; ``None``: nothing has."""
    decision: Decision | None = flow.metadata.get(_DECISION)
    return decision


def asked_by(flow: http.HTTPFlow) -> Asked:
    """Return what the client of *flow* can use."""
    asked = Asked.by(flow.request.headers, flow.request.path or "/")
    # No browser shows the body of a refused CONNECT; who reads it reads a terminal.
    return Asked(asked.language, Form.TEXT) if flow.request.method == "CONNECT" else asked
