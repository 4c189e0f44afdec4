# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that are answered here and never asked of an upstream."""

from __future__ import annotations

import enum
from ipaddress import IPv4Address, IPv6Address

from filterd.dns import wire
from filterd.dns.wire import Query
from filterd.policy.domains import covers, suffixes

LOCAL_TTL = 300
DEMONSTRATION_ZONE = "prueba.home.arpa"


class Local(enum.Enum):
    """What a special name is answered."""

    NXDOMAIN = enum.auto()
    NODATA = enum.auto()
    LOOPBACK = enum.auto()


def local_answer(host: str, qtype: int = wire.A) -> Local | None:
    """Return what *host* is answered whatever the policy says, ``None`` where it is an ordinary name or question."""
    if host in _CANARIES:
        return Local.NXDOMAIN
    if host.rpartition(".")[2] not in _SPECIAL_ENDS or is_demonstration(host):
        return None
    if host in _EMPTY_ZONES:
        # RFC 8375 §4, RFC 6303 §3: the zone exists, and holds nothing. Who validates asks its parent's DS, which says
        # that nothing in it is signed.
        return None if qtype == wire.DS else Local.NODATA
    return next((_SPECIAL[domain] for domain in suffixes(host) if domain in _SPECIAL), None)


def is_demonstration(host: str) -> bool:
    """Return whether *host* is of the zone with which the filter is shown without a network."""
    return host.endswith(DEMONSTRATION_ZONE) and covers(DEMONSTRATION_ZONE, host)


def local_reply(query: Query, answer: Local, *, ttl: int = LOCAL_TTL) -> bytes:
    """Return *answer* to *query*."""
    no = wire.soa_record(ttl=ttl)
    if answer is Local.NXDOMAIN:
        return wire.reply(query, rcode=wire.NXDOMAIN, authority=[no])
    if answer is Local.LOOPBACK and query.qtype in _LOOPBACK:
        return wire.reply(query, answers=[wire.address_record(_LOOPBACK[query.qtype], ttl=ttl)])
    return wire.reply(query, authority=[no])


def refusal(query: Query) -> int | None:
    """Return the rcode for a question that is not for us whatever its name, ``None`` where it is."""
    if query.edns_version:
        return wire.BADVERS  # RFC 6891 §6.1.3
    if query.qtype in (wire.OPT, wire.TKEY, wire.TSIG):
        return wire.FORMERR  # these are never asked for
    if query.qclass != wire.IN or query.qtype in (wire.AXFR, wire.IXFR):
        return wire.REFUSED  # what the policy knows are names of the Internet class; zones are not ours to give
    return None


_LOOPBACK: dict[int, IPv4Address | IPv6Address] = {
    wire.A: IPv4Address("127.0.0.1"),
    wire.AAAA: IPv6Address("::1"),
}

# Names by which software asks whether it may go around this resolver. Only NXDOMAIN is understood by all as "no":
# 0.0.0.0 turns Firefox's DoH back on, and a dropped question makes iCloud's relay wait.
_CANARIES = frozenset(
    {
        "use-application-dns.net",  # Firefox's default DoH
        "mask.icloud.com",  # iCloud Private Relay
        "mask-h2.icloud.com",
        "mask-canary.icloud.com",
        "mask-api.icloud.com",
        "mask.apple-dns.net",
        "doh.dns.apple.com",
        "dns-tunnel-check.googlezip.net",  # Chrome's private prefetch proxy
        "wpad",  # who answers this name becomes everybody's proxy
    }
)

# RFC 6303 §4 and RFC 7793: reverse zones of addresses that mean something on this network only.
_PRIVATE_REVERSE = [
    "10.in-addr.arpa",
    *(f"{n}.172.in-addr.arpa" for n in range(16, 32)),
    "168.192.in-addr.arpa",
    *(f"{n}.100.in-addr.arpa" for n in range(64, 128)),
    "0.in-addr.arpa",
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "0." * 32 + "ip6.arpa",
    "1." + "0." * 31 + "ip6.arpa",
    "d.f.ip6.arpa",
    *(f"{n}.e.f.ip6.arpa" for n in "89ab"),
    "8.b.d.0.1.0.0.2.ip6.arpa",
]

_EMPTY_ZONES = frozenset({"home.arpa", *_PRIVATE_REVERSE})

_SPECIAL = {
    "localhost": Local.LOOPBACK,  # RFC 6761 §6.3
    "invalid": Local.NXDOMAIN,  # RFC 6761 §6.4
    "test": Local.NXDOMAIN,  # RFC 6761 §6.2
    "onion": Local.NXDOMAIN,  # RFC 7686
    "alt": Local.NXDOMAIN,  # RFC 9476
    "local": Local.NXDOMAIN,  # RFC 6762 §22.1: asked by multicast
    "home.arpa": Local.NXDOMAIN,
    "resolver.arpa": Local.NODATA,  # RFC 9462 §6.4: whatever else is said of our own encrypted resolvers
    **dict.fromkeys(_PRIVATE_REVERSE, Local.NXDOMAIN),
}
_SPECIAL_ENDS = frozenset(domain.rpartition(".")[2] for domain in _SPECIAL)
