# SPDX-License-Identifier: GPL-3.0-or-later
"""The upstreams together: those of the world, and those that some domains have of their own."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import assert_never

from filterd.dns import wire
from filterd.dns.bootstrap import Bootstrap
from filterd.dns.upstream_doh import ALPN, DohChannel
from filterd.dns.upstream_domains import DomainTable, parse_domain
from filterd.dns.upstream_group import UpstreamGroup
from filterd.dns.upstream_link import FindAddresses, Link, addresses_of
from filterd.dns.upstream_member import Upstream, UpstreamReport
from filterd.dns.upstream_spec import Scheme, UpstreamError, UpstreamSpec, parse_upstream
from filterd.dns.upstream_strategy import Strategy
from filterd.dns.upstream_stream import StreamChannel
from filterd.dns.upstream_tls import client_context
from filterd.dns.upstream_udp import UdpUpstream

__all__ = [
    "Strategy", "Upstream", "UpstreamError", "UpstreamReport", "UpstreamSpec", "Upstreams", "make_upstreams",
    "parse_domain", "parse_upstream",
]  # fmt: skip


class Upstreams:
    """Asks *others* what no domain of *domains* holds; where that is ``None``, *others* are asked all the same.

    The names of a domain go to its own upstreams and to no other, also when these are dead: the house's names are
    nobody's business outside, and what a stranger says about them is worth nothing.
    """

    def __init__(
        self,
        others: UpstreamGroup,
        *,
        domains: Mapping[str, UpstreamGroup | None] | None = None,
        finders: UpstreamGroup | None = None,
    ) -> None:
        groups = dict(domains or {})
        self._others = others
        self._groups = [others, *(group for group in groups.values() if group)]
        self._by_domain = DomainTable({domain: group or others for domain, group in groups.items()})
        self._finders = finders

    def ask(self, question: bytes) -> Awaitable[bytes]:
        """Return the answer of the upstreams that *question* is for.

        Raises:
            UpstreamError: none of them gives one in time.
        """
        if not self._by_domain:
            return self._others.ask(question)
        return (self._by_domain.find(question, at=wire.HEADER_SIZE) or self._others).ask(question)

    def has_own(self, host: str) -> bool:
        """Return whether *host* is in a domain with upstreams of its own: it may have private addresses."""
        return (self._by_domain.find_host(host) or self._others) is not self._others

    def report(self) -> list[UpstreamReport]:
        """Return how each upstream is doing, those of domains last."""
        return [report for group in self._groups for report in group.report()]

    async def close(self) -> None:
        """Let go of all connections."""
        for group in self._groups:
            await group.close()
        if self._finders:
            await self._finders.close()


def make_upstreams(
    specs: Sequence[UpstreamSpec],
    *,
    ca_file: Path | None = None,
    strategy: Strategy = Strategy.IN_ORDER,
    domains: Mapping[str, Sequence[UpstreamSpec]] | None = None,
) -> Upstreams:
    """Return the upstreams that *specs* name.

    *ca_file* holds authorities to trust beside the system's. *domains* are names, as `parse_domain` gives them, with
    upstreams of their own; an empty sequence means the general ones, for a part of a domain that has its own.
    """
    domains = domains or {}
    factory = UpstreamFactory(ca_file=ca_file)
    finders = None
    if not all(spec.addresses for spec in (*specs, *(spec for own in domains.values() for spec in own))):
        # Upstreams known by name only are looked up by way of the others, else of well-known ones: whatever these say,
        # the certificate must show the name.
        located = [spec for spec in specs if spec.addresses] or [parse_upstream(text) for text in _LAST_RESORT]
        finders = UpstreamGroup([(spec.text, factory.make(spec)) for spec in located])
        factory = UpstreamFactory(ca_file=ca_file, find_addresses=Bootstrap(finders.ask).find)
    groups = {
        domain: UpstreamGroup([(f"{spec.text} ({domain})", factory.make(spec)) for spec in own]) if own else None
        for domain, own in domains.items()
    }
    others = UpstreamGroup([(spec.text, factory.make(spec)) for spec in specs], strategy=strategy)
    return Upstreams(others, domains=groups, finders=finders)


class UpstreamFactory:
    """Makes upstreams, which connect when they are asked. They share the certificates to trust, which take memory."""

    def __init__(self, *, ca_file: Path | None = None, find_addresses: FindAddresses = addresses_of) -> None:
        self._ca_file = ca_file
        self._find_addresses = find_addresses
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}

    def make(self, spec: UpstreamSpec) -> Upstream:
        """Return the upstream that *spec* names."""
        match spec.scheme:
            case Scheme.UDP:
                return UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel, find_addresses=self._find_addresses))
            case Scheme.TCP:
                return Link(spec, make=StreamChannel, find_addresses=self._find_addresses)
            case Scheme.TLS:
                return Link(spec, make=StreamChannel, find_addresses=self._find_addresses, context=self._context())
            case Scheme.HTTPS:
                return Link(
                    spec,
                    make=lambda: DohChannel(spec),
                    find_addresses=self._find_addresses,
                    context=self._context(*ALPN),
                )
            case _:
                assert_never(spec.scheme)

    def _context(self, *alpn: str) -> ssl.SSLContext:
        if alpn not in self._contexts:
            self._contexts[alpn] = client_context(ca_file=self._ca_file, alpn=alpn)
        return self._contexts[alpn]


_LAST_RESORT = ("udp://9.9.9.9", "udp://1.1.1.1")
