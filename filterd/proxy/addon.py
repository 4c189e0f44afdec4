# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes through the proxy is judged in these hooks of mitmproxy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime

from mitmproxy import connection, http

from filterd.policy.domains import covers, normalise_host
from filterd.policy.model import Client, Decision, Stage
from filterd.proxy.actions import MAX_FORM, OURS, BlockPageActions, Posted
from filterd.proxy.answer import Page
from filterd.proxy.block_page import failure_page, outcome_page
from filterd.proxy.excuses import asked_by
from filterd.proxy.fail_closed import as_response, fail_closed
from filterd.proxy.judge import Judge, Refusal, Rulebook, refuse_with
from filterd.proxy.pac import CONTENT_TYPE, is_pac_path, make_pac
from filterd.proxy.responses import Responses
from filterd.proxy.target import (
    BadRequest,
    is_websocket,
    make_plain,
    origin_of,
    read_host,
    read_target,
)
from filterd.proxy.tunnels import DEMONSTRATION, TunnelHooks, leads_to
from filterd.wording import Notice, Outcome

_POSTED = "filterd.posted"  # marks a request for a page of ours, whose form is awaited


class FilterAddon(TunnelHooks):
    """Judges requests, tunnels and greetings; *observe* is told every decision on what a client asked for.

    *actions* is what people may do on a block page; nothing without it.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        *,
        observe: Callable[[Decision], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        allow_unknown_protocols: bool = False,
        connect_timeout_s: float = 6.0,
        actions: BlockPageActions | None = None,
    ) -> None:
        self._actions = actions or BlockPageActions()
        judge = Judge(rulebook, observe=observe, clock=clock, actions=self._actions.offer)
        super().__init__(judge, connect_timeout_s=connect_timeout_s, allow_unknown_protocols=allow_unknown_protocols)
        self._responses = Responses(self._judge)
        self._swapped: Callable[[], None] = lambda: None
        failure_page()  # made now, so that nothing can go wrong when it is needed

    def swap(self, rulebook: Rulebook, *, allow_unknown_protocols: bool | None = None) -> None:
        """Judge by *rulebook* from now on; ``None`` keeps what holds for unknown protocols."""
        self._judge.rulebook = rulebook
        if allow_unknown_protocols is not None:
            self._allow_unknown_protocols = allow_unknown_protocols
        self._swapped()

    def on_swap(self, swapped: Callable[[], None]) -> None:
        """Say whom to tell that it is judged by something else now."""
        self._swapped = swapped

    @property
    def judge(self) -> Judge:
        """What asks the policy."""
        return self._judge

    @property
    def actions(self) -> BlockPageActions:
        """What people may do on a block page."""
        return self._actions

    def client_of(self, client: connection.Client) -> Client:
        """Return who *client* is to the policy."""
        return self._judge.client_of(client)

    def busy(self, client: connection.Client) -> bool:
        """Return whether something of *client* is under way."""
        return self._conversations.of(client).busy()

    def requests_of(self, client: connection.Client) -> int:
        """Return how many requests *client* has made."""
        return self._conversations.of(client).requests

    def backlog_of(self, client: connection.Client) -> int:
        """Return how many events of *client* wait in memory for a look-up or a connection."""
        return sum(layer.backlog() for layer in self._conversations.of(client).spoken)

    def know_listeners(self, profiles: Mapping[str, str | None], own_ports: Collection[int]) -> None:
        """Say which profile is fixed for clients of each proxy mode, and which ports are our own: never dialled."""
        self._judge.know_profiles(profiles)
        self._own_ports = frozenset(own_ports)

    # Requests

    @fail_closed
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Judge a request by its URL before its body is read: bodies stream through."""
        flow.request.stream = True
        if flow.error:
            return  # malformed: it is refused by the layer that found it so
        try:
            await self._pass_on(flow)
        except Refusal as refusal:
            flow.request.headers.pop("expect", None)  # no "100 Continue": we want no body
            flow.response = as_response(refusal.page(asked_by(flow)), flow.request)

    @fail_closed
    async def request(self, flow: http.HTTPFlow) -> None:
        """Do what a form of the block page asks for, now that it is here."""
        posted: Decision | None = flow.metadata.get(_POSTED)
        if posted is None or flow.response is not None:
            return
        request = flow.request
        # Not the request's own scheme: where there is no server, mitmproxy knows of none with TLS either.
        origin = origin_of(posted.request.host, request.port, tls=flow.client_conn.tls_established)
        form = Posted(request.method, request.path, request.headers, origin, request.raw_content or b"", posted)
        flow.response = as_response(await self._actions.take(form), request)

    async def _pass_on(self, flow: http.HTTPFlow) -> None:
        known = self._conversations.of(flow.client_conn)
        tunnel = known.tunnel
        ours = flow.request.path.startswith(OURS)
        if tunnel is not None and tunnel.refusal is not None and not ours:
            raise tunnel.refusal
        if known.program is not None and known.inspection is not None:
            known.inspection.learned.note_success(known.program)
            known.program = None
        try:
            named = tunnel.host if tunnel else read_host(flow.request, known.destination)
            target = read_target(flow.request, tunnel=named)
        except BadRequest:
            raise refuse_with(Notice.BAD_REQUEST, "") from None
        if pac := self._pac(flow, target.host):
            raise Refusal(lambda _: pac)
        decision = self._judge.ask(Stage.REQUEST, flow.client_conn, target.host, target.url)
        if ours:
            self._await_form(flow, decision)
            return
        if covers(DEMONSTRATION, target.host):
            self._judge.let_through(decision)
            raise refuse_with(Notice.WORKS, target.host)
        if tunnel is None:
            if flow.request.scheme != "http":  # an absolute https: URL; who wants TLS asks for a tunnel
                raise refuse_with(Notice.BAD_REQUEST, target.host)
            if known.destination is not None:
                self._want_name(decision)
                if known.destination[1] not in self._judge.rulebook.redirected_ports:
                    raise refuse_with(Notice.PORT, target.host)
            _, route = await self._judge.find_route(decision, flow.request.port)
        else:
            self._judge.let_through(decision)
            if not leads_to(decision, tunnel):
                raise refuse_with(Notice.BAD_REQUEST, target.host)
            route = tunnel.route
        make_plain(flow.request, target.host)
        self._clear(flow, route, decision)
        self._responses.prepare(flow)

    def _pac(self, flow: http.HTTPFlow, host: str) -> Page | None:
        """Return the PAC file where *flow* asks the proxy itself for it, at the address that it was reached by."""
        own, port, *_ = flow.client_conn.sockname
        if flow.request.port != port or not is_pac_path(flow.request.path) or host != normalise_host(own):
            return None
        headers = (("Content-Type", CONTENT_TYPE), ("Cache-Control", "max-age=300"))
        return Page(200, headers, make_pac(host, port))

    def _await_form(self, flow: http.HTTPFlow, decision: Decision) -> None:
        """Read a form that was sent to a page of ours: the one body that is kept, if it is small."""
        headers, host = flow.request.headers, decision.request.host
        length = headers.get("content-length", "")  # every browser says it; else nobody knows how much comes
        known = length.isascii() and length.isdigit() and int(length[:9]) <= MAX_FORM
        if flow.request.method != "POST" or not known or "transfer-encoding" in headers:
            raise Refusal(lambda asked: outcome_page(Outcome.NO_FORM, asked, host=host))
        flow.request.stream = False
        flow.metadata[_POSTED] = decision

    @fail_closed
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let the answer stream through, but for pages, which are looked at first."""
        assert flow.response  # noqa: S101 - for the type checker
        flow.response.stream = True
        flow.response.headers.pop("alt-svc", None)  # the way around us by QUIC
        if flow.response.status_code == 101 and not is_websocket(flow.request):
            flow.kill()  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
        self._responses.begin(flow)

    @fail_closed
    async def response(self, flow: http.HTTPFlow) -> None:
        """Judge the page that was held back."""
        await self._responses.finish(flow)
