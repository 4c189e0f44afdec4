# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts what a client asks for to the policy: the name, and every address that it leads to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import assert_never

from mitmproxy import connection

from filterd.policy.domains import is_address, normalise_host
from filterd.policy.model import Allow, Block, Cause, Client, Decide, Decision, Reason, Request, Rewrite, Stage
from filterd.proxy.answer import Asked, Page
from filterd.proxy.block_page import Actions, CategoryNames, block_page, notice_page
from filterd.proxy.inspection import Inspection
from filterd.proxy.limits import is_web_port
from filterd.proxy.resolve import NoRoute, Router
from filterd.proxy.safe_requests import SafeModes
from filterd.proxy.streams import Route
from filterd.wording import Notice

# An allow by clauses 1 to 6 of the order of precedence covers the addresses of the name.
_COVERS_ADDRESSES = frozenset(
    {Cause.PROTECTION_OFF, Cause.SURVIVAL, Cause.PERMISSION, Cause.ALLOW_LIST, Cause.GUARD_SITE, Cause.GUARD_PLATFORM}
)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What is judged by; swapped whole."""

    decide: Decide
    category_names: CategoryNames
    router: Router
    inspection: Inspection | None = None  # nothing is decrypted without it
    inspects: Callable[[str], bool] = lambda _: False  # whether a profile's pages are looked at
    strict: Callable[[str], bool] = lambda _: False  # whether a profile is kept from what nobody can name
    # When verdicts for a client may next change after a moment; None: never.
    next_boundary: Callable[[Client, datetime], datetime | None] = lambda _client, _when: None
    zone: tzinfo | None = None  # the family's; None: the machine's
    opens_port: Callable[[str, int], bool] = lambda _profile, port: is_web_port(port)
    redirected_ports: frozenset[int] = frozenset({80, 443})  # of connections that a router turns to us
    safe_modes: SafeModes | None = None  # what is forced on requests to search engines; nothing without it

    def inspection_for(self, profile: str) -> Inspection | None:
        """Return what decrypts for *profile*; ``None`` where nothing does."""
        return self.inspection if self.inspection is not None and self.inspects(profile) else None


class Refusal(Exception):
    """The request ends here; *page* makes the answer for who asked."""

    def __init__(self, page: Callable[[Asked], Page]) -> None:
        super().__init__()
        self.page = page


class Judge:
    """Asks the policy, and tells *observe* each decision on what a client asked for, once."""

    def __init__(
        self,
        rulebook: Rulebook,
        *,
        observe: Callable[[Decision], None],
        clock: Callable[[], datetime],
        actions: Callable[[Decision], Actions | None] = lambda _: None,
    ) -> None:
        self.rulebook = rulebook
        self._actions = actions
        self.observe = observe
        self.clock = clock
        self._profiles: Mapping[str, str | None] = {}

    def know_profiles(self, profiles: Mapping[str, str | None]) -> None:
        """Say which profile is fixed for the clients of each proxy mode."""
        self._profiles = profiles

    def ask(self, stage: Stage, client: connection.Client, host: str, url: str | None = None) -> Decision:
        """Return the decision on *host* or *url*; it still has to be observed or followed."""
        return self.rulebook.decide(Request(stage, self.client_of(client), self.clock(), host, url))

    def client_of(self, client: connection.Client) -> Client:
        """Return who *client* is to the policy."""
        return _client(client.peername[0], self._profiles.get(client.proxy_mode.full_spec))

    def next_boundary(self, client: Client, when: datetime) -> datetime | None:
        """Return when verdicts for *client* may next change after *when*; ``None``: never."""
        return self.rulebook.next_boundary(client, when)

    def review(self, decision: Decision, addresses: Iterable[str]) -> Decision:
        """Return what would be decided now in the place of *decision*, whose server has *addresses*."""
        again = self.rulebook.decide(replace(decision.request, when=self.clock()))
        return self._with_addresses(again, addresses)

    def let_through(self, decision: Decision) -> None:
        """Observe *decision*.

        Raises:
            Refusal: it is a block.
        """
        self.observe(decision)
        if isinstance(decision.verdict, Block):
            raise self.refusal_of(decision, decision.verdict.reason)

    def refusal_of(self, decision: Decision, reason: Reason) -> Refusal:
        """Return the refusal that says what *decision* was and why."""
        names, zone = self.rulebook.category_names, self.rulebook.zone
        return Refusal(
            lambda asked: block_page(
                decision, reason, asked, category_names=names, zone=zone, actions=self._actions(decision)
            )
        )

    async def find_route(self, decision: Decision, port: int) -> tuple[str, Route]:
        """Observe *decision* and return the host that answers for the one decided on, and the way there.

        Raises:
            Refusal: the host or one of its addresses is blocked, or there is no way.
        """
        if not self.rulebook.opens_port(decision.profile, port) and not isinstance(decision.verdict, Block):
            self.let_through(decision)
            raise refuse_with(Notice.PORT, decision.request.host)
        served_by = _serving_host(decision)
        addresses: tuple[str, ...] = ()
        trouble: NoRoute | None = None
        if not isinstance(decision.verdict, Block):
            try:
                addresses = await self.rulebook.router.find(served_by)
            except NoRoute as error:
                trouble = error
        self.let_through(self._with_addresses(decision, addresses))
        if trouble is not None:
            raise refuse_with(trouble.notice, decision.request.host) from trouble
        return served_by, Route(addresses, port)

    def _with_addresses(self, decision: Decision, addresses: Iterable[str]) -> Decision:
        """Return *decision*, or the block that one of the *addresses* deserves."""
        asked = decision.request
        if is_address(asked.host) or covers_addresses(decision.verdict):
            return decision
        for address in addresses:
            found = self.rulebook.decide(Request(Stage.HELLO, asked.client, asked.when, address))
            if isinstance(found.verdict, Block):
                return Decision(asked, found.verdict, found.profile)
        return decision


def refuse_with(notice: Notice, host: str) -> Refusal:
    """Return the refusal that says *notice* about *host*."""
    return Refusal(lambda asked: notice_page(notice, asked, host=host))


@functools.lru_cache(maxsize=1024)
def _client(address: str, profile: str | None) -> Client:
    return Client(address=normalise_host(address), profile=profile)


def _serving_host(decision: Decision) -> str:
    """Return the host that answers for the one decided on: itself, or the engine's safe one."""
    verdict = decision.verdict
    return verdict.host if isinstance(verdict, Rewrite) else decision.request.host


def covers_addresses(verdict: Allow | Block | Rewrite) -> bool:
    """Return whether *verdict*, on a name, holds for wherever the name leads."""
    match verdict:
        case Allow(reason):
            return reason is not None and reason.cause in _COVERS_ADDRESSES
        case Rewrite():
            return True  # the policy's own choice of server
        case Block():
            return False
        case _ as never:
            assert_never(never)
