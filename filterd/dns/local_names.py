# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the house: those that the configuration gives addresses to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from filterd.dns import wire
from filterd.dns.wire import Query, Record
from filterd.policy.domains import InvalidHost, covers, is_address, normalise_host, suffixes

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class LocalNames:
    """Names with their addresses. A name covers itself alone; ``*.name`` covers what is below it."""

    exact: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    below: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    reverse: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # an address's reverse name -> names

    @classmethod
    def parse(cls, entries: Mapping[str, Sequence[str]]) -> LocalNames:
        """Return the names that *entries* (name or ``*.name`` to addresses) give.

        Raises:
            ValueError: naming the entry that is wrong.
        """
        exact: dict[str, tuple[Address, ...]] = {}
        below: dict[str, tuple[Address, ...]] = {}
        reverse: dict[str, tuple[str, ...]] = {}
        for text, texts in entries.items():
            name, found = _name(text), _addresses(text, texts)
            if text.strip().startswith("*."):
                below[name] = found
                continue
            exact[name] = found
            for address in found:
                pointer = address.reverse_pointer
                reverse[pointer] = (*reverse.get(pointer, ()), name)
        return cls(exact, below, reverse)

    def knows(self, host: str) -> bool:
        """Return whether *host* is answered by what stands here, and asked of nobody else."""
        return host in self.exact or host in self.reverse or (bool(self.below) and self._above(host) is not None)

    def answer(self, query: Query, *, ttl: int) -> bytes:
        """Return the answer to *query*, whose host is known here: "no data" for types that are not given."""
        records = [Record(wire.PTR, ttl, wire.encode_name(name)) for name in self._names_of(query)]
        records += [
            wire.address_record(address, ttl=ttl)
            for address in self._addresses_of(query.host)
            if query.qtype == (wire.A if address.version == 4 else wire.AAAA)
        ]
        return wire.reply(query, answers=records, authority=() if records else [wire.soa_record(ttl=ttl)])

    def _names_of(self, query: Query) -> Sequence[str]:
        return self.reverse.get(query.host, ()) if query.qtype == wire.PTR else ()

    def _addresses_of(self, host: str) -> Sequence[Address]:
        found = self.exact.get(host)
        if found is None and host not in self.reverse:
            found = self.below.get(self._above(host) or "")
        return found or ()

    def _above(self, host: str) -> str | None:
        """Return the nearest domain above *host* whose ``*.`` entry covers it."""
        return next((domain for domain in suffixes(host) if domain != host and domain in self.below), None)


def _name(text: str) -> str:
    try:
        name = normalise_host(text.strip().removeprefix("*."))
    except InvalidHost as error:
        raise ValueError(f"local name {text!r}: {error}") from error
    if is_address(name):
        raise ValueError(f"local name {text!r}: an address needs no name; write the name first")
    if covers("localhost", name):
        raise ValueError(f"local name {text!r}: localhost is always this machine (RFC 6761)")
    return name


def _addresses(name: str, texts: Sequence[str]) -> tuple[Address, ...]:
    try:
        found = tuple(ip_address(text.strip()) for text in texts)
    except ValueError as error:
        raise ValueError(f"local name {name!r}: {error}") from error
    if not found:
        raise ValueError(f"local name {name!r}: name at least one address")
    return found
