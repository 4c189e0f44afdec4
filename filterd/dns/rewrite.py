# SPDX-License-Identifier: GPL-3.0-or-later
"""Safe search by DNS: an engine's name answered with the addresses of its safe host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from filterd.dns import wire
from filterd.dns.answer import Answer, addresses
from filterd.dns.resolver import Resolver
from filterd.dns.upstream_spec import UpstreamError
from filterd.dns.wire import ExtendedError, Query, Record
from filterd.policy.domains import is_address

MIN_TTL, MAX_TTL = 60, 300  # short, so that a change of policy acts quickly

Address = IPv4Address | IPv6Address


class SafeHosts:
    """Where safe hosts are: asked of *resolver*, or when it does not know as it said last, or as *fixed* says.

    The resolver keeps and renews them as it does any name that is asked for; *fixed* are addresses by host.
    """

    def __init__(self, resolver: Resolver, *, fixed: Mapping[str, Sequence[str]]) -> None:
        self._resolver = resolver
        self._fixed = fixed
        self._last: dict[tuple[str, int], list[Address]] = {}  # as many as there are engines

    async def find(self, host: str, qtype: int) -> tuple[list[Address], int]:
        """Return the addresses of *host* that an answer of type *qtype* holds, and for how long to say so.

        Raises:
            UpstreamError: nobody knows; the engine's own addresses are no way out.
        """
        if qtype == wire.CNAME:
            return [], MAX_TTL  # the alias is all that was asked for
        if is_address(host):
            return _of_type([host], qtype), MAX_TTL
        try:
            answer, age_s = await self._ask(host, qtype)
        except UpstreamError:
            known = self._last.get((host, qtype))
            if known is None and host not in self._fixed:
                raise
            return _of_type(self._fixed[host], qtype) if known is None else known, MIN_TTL
        found = list(addresses(answer, qtype))
        ttl = min((ttl for _, ttl in found), default=MAX_TTL) - age_s
        self._last[host, qtype] = [address for address, _ in found]
        return self._last[host, qtype], max(MIN_TTL, min(ttl, MAX_TTL))

    async def _ask(self, host: str, qtype: int) -> tuple[Answer, int]:
        answer, age_s = await self._resolver.resolve(wire.encode_name(host), qtype)
        if answer.rcode != wire.NOERROR:
            raise UpstreamError(f"the safe host {host} does not exist there")
        return answer, age_s


def is_rewritten(qtype: int) -> bool:
    """Return whether a question of type *qtype* is answered with the safe host; all others get "no such data".

    HTTPS and SVCB above all: browsers would connect by the addresses hinted there (AdGuard Home #753).
    """
    return qtype in (wire.A, wire.AAAA, wire.CNAME)


def rewrite_reply(
    query: Query, alias: str | None, found: Sequence[Address], *, ttl: int, error: ExtendedError
) -> bytes:
    """Return the answer that *query*'s name is *alias*, at the addresses *found*; ``None``: it has them itself."""
    answers: list[Record] = []
    owner = wire.THE_QUESTION
    if alias:
        # It stays in the answer: iOS does not believe addresses without it (AdGuard Home #6352).
        answers = [wire.cname_record(alias, ttl=ttl)]
        data_at = wire.HEADER_SIZE + len(query.question) + wire.RECORD_OVERHEAD
        owner = (0xC000 | data_at).to_bytes(2)
    answers += [wire.address_record(address, ttl=ttl, owner=owner) for address in found]
    if found or (alias and query.qtype == wire.CNAME):
        return wire.reply(query, answers=answers, error=error)
    return wire.reply(query, answers=answers, authority=[wire.soa_record(ttl=ttl, owner=owner)], error=error)


def _of_type(texts: Sequence[str], qtype: int) -> list[Address]:
    version = 4 if qtype == wire.A else 6
    return [address for address in map(ip_address, texts) if address.version == version]
