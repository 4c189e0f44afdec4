# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own encrypted resolvers, told to clients that look for one (DDR, RFC 9462)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from filterd.dns import svcb, wire
from filterd.dns.wire import Query, Record

DISCOVERY_NAME = "_dns.resolver.arpa"  # RFC 9462 §4
_DEFAULT_PORT = {b"dot": 853, b"h2": 443}


@dataclass(frozen=True, slots=True)
class Designated:
    """A DoT or DoH listener of ours. *target* is the name in its certificate; *dohpath* is given for DoH.

    The certificate must show the addresses of the plain resolver too (RFC 9462 §4.2), else clients do not move.
    """

    target: str
    port: int
    dohpath: str | None = None  # a URI template: "/dns-query{?dns}" (RFC 9461 §5)
    addresses: tuple[str, ...] = ()

    def record(self, *, priority: int, ttl: int) -> Record:
        """Return the SVCB record that names it."""
        protocol = b"dot" if self.dohpath is None else b"h2"
        packed = [ip_address(text) for text in self.addresses]
        params = {
            svcb.ALPN: svcb.encode_alpn((protocol,)),
            svcb.PORT: b"" if self.port == _DEFAULT_PORT[protocol] else self.port.to_bytes(2),
            svcb.IPV4HINT: b"".join(a.packed for a in packed if isinstance(a, IPv4Address)),
            svcb.IPV6HINT: b"".join(a.packed for a in packed if isinstance(a, IPv6Address)),
            svcb.DOHPATH: (self.dohpath or "").encode(),
        }
        head = priority.to_bytes(2) + wire.encode_name(self.target)
        return Record(wire.SVCB, ttl, svcb.write_service(head, {key: value for key, value in params.items() if value}))


def discovery_reply(query: Query, designated: Sequence[Designated], *, ttl: int) -> bytes | None:
    """Return the answer to a question for *designated*, in their order; ``None`` where *query* is no such question.

    It is one for the discovery name, or for a resolver by its name (RFC 9462 §5).
    """
    if not designated or query.qtype != wire.SVCB or not query.host.startswith("_dns."):
        return None
    name = query.host.removeprefix("_dns.")
    meant = [one for one in designated if query.host == DISCOVERY_NAME or one.target == name]
    if not meant:
        return None
    return wire.reply(query, answers=[one.record(priority=n, ttl=ttl) for n, one in enumerate(meant, 1)])
