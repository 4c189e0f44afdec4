# SPDX-License-Identifier: GPL-3.0-or-later
"""The upstreams together: asked in order, the next one when one fails, a dead one last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, assert_never

from filterd.dns import wire
from filterd.dns.blocking import NO_REACHABLE_AUTHORITY
from filterd.dns.bootstrap import Bootstrap
from filterd.dns.upstream_doh import ALPN, DohChannel
from filterd.dns.upstream_link import FindAddresses, Link, addresses_of, client_context
from filterd.dns.upstream_spec import Scheme, UpstreamError, UpstreamSpec, parse_upstream
from filterd.dns.upstream_stream import StreamChannel
from filterd.dns.upstream_udp import UdpUpstream

__all__ = ["Upstream", "UpstreamError", "UpstreamSpec", "Upstreams", "make_upstreams", "parse_upstream"]

logger = logging.getLogger(__name__)

DEADLINE_S = 4.0  # glibc and dig ask again after 5
ROUNDS = 3
MAX_BACK_OFF_S = 60.0
_MAX_DOUBLINGS = 10  # 2.0 ** 1024 is no number any more

# Answers that say "not from me": another upstream may know better. If none does, they are what the client gets.
_TRY_NEXT = frozenset({wire.SERVFAIL, wire.NOTIMP, wire.REFUSED, wire.FORMERR})


class Upstream(Protocol):
    """One upstream, however it is reached."""

    async def ask(self, question: bytes) -> bytes:
        """Return the answer to *question*, a whole query whose id is of no account; raises `UpstreamError`."""

    async def close(self) -> None:
        """Let go of connections."""


class _Member:
    """An upstream and how it has been."""

    def __init__(self, name: str, upstream: Upstream) -> None:
        self.name = name
        self.upstream = upstream
        self.failures = 0
        self.retry_at = 0.0

    def succeeded(self) -> None:
        if self.failures:
            logger.info("%s answers again", self.name)
        self.failures = 0
        self.retry_at = 0.0

    def failed(self, error: UpstreamError, *, now: float) -> None:
        if not self.failures:
            logger.warning("%s: %s; it is asked last until it answers", self.name, error)
        self.failures += 1
        self.retry_at = now + min(2.0 ** min(self.failures - 1, _MAX_DOUBLINGS), MAX_BACK_OFF_S)


class Upstreams:
    """All upstreams, with one deadline for a question. *members* are names for the log and upstreams, in order."""

    def __init__(
        self,
        members: Sequence[tuple[str, Upstream]],
        *,
        deadline_s: float = DEADLINE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if not members:
            raise ValueError("no upstream: name at least one in [dns] upstreams")
        self._members = [_Member(name, upstream) for name, upstream in members]
        self._deadline_s = deadline_s
        self._now = now

    async def ask(self, question: bytes) -> bytes:
        """Return the answer of the first upstream that gives one.

        Raises:
            UpstreamError: none does before the deadline.
        """
        declined: list[bytes] = []
        failure = UpstreamError("no upstream answers in time", ede=NO_REACHABLE_AUTHORITY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._deadline_s):
                for _ in range(ROUNDS):
                    for member in self._in_order():
                        try:
                            answer = await self._ask_one(member, question)
                        except UpstreamError as error:
                            failure = error
                            continue
                        if answer[3] & 15 not in _TRY_NEXT:
                            return answer
                        declined.append(answer)
                    if declined:
                        break
        if declined:
            return declined[0]
        raise failure

    async def close(self) -> None:
        """Let go of all connections."""
        for member in self._members:
            await member.upstream.close()

    async def _ask_one(self, member: _Member, question: bytes) -> bytes:
        try:
            answer = await member.upstream.ask(question)
            if answer[3] & 15 == wire.FORMERR and not answer[11]:
                # RFC 6891 §7: perhaps a server from before EDNS, such as live on in old routers.
                answer = await member.upstream.ask(wire.without_edns(question))
        except UpstreamError as error:
            member.failed(error, now=self._now())
            raise UpstreamError(f"{member.name}: {error}", ede=error.ede) from error
        member.succeeded()
        return answer

    def _in_order(self) -> Iterator[_Member]:
        # Those that failed are asked last, not never: with all of them dead, trying is how one is seen to come back.
        now = self._now()
        return iter(sorted(self._members, key=lambda member: member.retry_at > now))


def make_upstreams(specs: Sequence[UpstreamSpec], *, ca_file: Path | None = None) -> Upstreams:
    """Return the upstreams that *specs* name, in order. *ca_file* holds authorities to trust beside the system's."""
    located = {spec: make_upstream(spec, ca_file=ca_file) for spec in specs if spec.addresses}
    # Upstreams known by name only are looked up by way of the others, else of well-known ones: whatever these say, the
    # certificate must show the name.
    finders = located or {spec: make_upstream(spec) for spec in map(parse_upstream, _LAST_RESORT)}
    bootstrap = Bootstrap(Upstreams([(spec.text, upstream) for spec, upstream in finders.items()]).ask)
    return Upstreams(
        [
            (spec.text, located.get(spec) or make_upstream(spec, find_addresses=bootstrap.find, ca_file=ca_file))
            for spec in specs
        ]
    )


def make_upstream(
    spec: UpstreamSpec, *, find_addresses: FindAddresses = addresses_of, ca_file: Path | None = None
) -> Upstream:
    """Return the upstream that *spec* names; it connects when it is asked."""
    match spec.scheme:
        case Scheme.UDP:
            return UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel, find_addresses=find_addresses))
        case Scheme.TCP:
            return Link(spec, make=StreamChannel, find_addresses=find_addresses)
        case Scheme.TLS:
            context = client_context(ca_file=ca_file)
            return Link(spec, make=StreamChannel, find_addresses=find_addresses, context=context)
        case Scheme.HTTPS:
            context = client_context(ca_file=ca_file, alpn=ALPN)
            return Link(spec, make=lambda: DohChannel(spec), find_addresses=find_addresses, context=context)
        case _:
            assert_never(spec.scheme)


_LAST_RESORT = ("udp://9.9.9.9", "udp://1.1.1.1")
