# SPDX-License-Identifier: GPL-3.0-or-later
"""Which upstream is meant, and where it is without asking a resolver."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from filterd.dns.blocking import NETWORK_ERROR
from filterd.policy.domains import InvalidHost, is_address, normalise_host


class UpstreamError(Exception):
    """No upstream answers. *ede* is the extended error (RFC 8914) to say so with."""

    def __init__(self, why: str, *, ede: int = NETWORK_ERROR) -> None:
        super().__init__(why)
        self.ede = ede


class Scheme(enum.StrEnum):
    """How an upstream is spoken to."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class UpstreamSpec:
    """An upstream resolver. *name* is what its certificate must show; *addresses* is empty where we must look it up."""

    text: str  # as configured
    scheme: Scheme
    name: str  # a host name or an IP address
    port: int
    path: str = ""  # https only
    addresses: tuple[str, ...] = ()


def parse_upstream(text: str) -> UpstreamSpec:
    """Return the upstream that *text* names: ``udp://``, ``tcp://``, ``tls://`` or ``https://``, host, port, path.

    A name after ``#`` is the one in the certificate, as systemd-resolved spells it: ``tls://192.0.2.1#dns.example``.

    Raises:
        ValueError: it names none; the message says what would.
    """
    try:
        url = urlsplit(text.strip())
        scheme, port = Scheme(url.scheme), url.port
        host = normalise_host(url.hostname or "")
        name = normalise_host(url.fragment) if url.fragment else host
    except (ValueError, InvalidHost) as error:
        raise ValueError(f"{text!r} is no upstream: {_USAGE}") from error
    if problem := _find_problem(url, scheme, host):
        raise ValueError(f"{text!r} is no upstream: {problem}")
    return UpstreamSpec(
        text=text.strip(),
        scheme=scheme,
        name=name,
        port=port or _DEFAULT_PORT[scheme],
        path=(url.path or "/dns-query") + (f"?{url.query}" if url.query else "") if scheme is Scheme.HTTPS else "",
        addresses=(host,) if is_address(host) else KNOWN_RESOLVERS.get(host, ()),
    )


def _find_problem(url: SplitResult, scheme: Scheme, host: str) -> str | None:
    if url.username is not None:
        return "leave out what stands before the @"
    if url.port == 0:
        return "port 0 cannot be asked"
    if scheme is not Scheme.HTTPS and (url.path.strip("/") or url.query):
        return f"{scheme}:// takes a host and a port, no path"
    if scheme in (Scheme.UDP, Scheme.TCP) and not is_address(host) and host not in KNOWN_RESOLVERS:
        return f"{scheme}:// takes an IP address: nothing would prove that a looked-up one is right"
    return None


_USAGE = "use udp://ADDRESS, tcp://ADDRESS, tls://HOST or https://HOST/dns-query, with :PORT where it is unusual"
_DEFAULT_PORT = {Scheme.UDP: 53, Scheme.TCP: 53, Scheme.TLS: 853, Scheme.HTTPS: 443}

_QUAD9 = ("9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9")
_CLOUDFLARE = ("1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001")
_GOOGLE = ("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844")
_OPENDNS = ("208.67.222.222", "208.67.220.220")

# Published addresses of well-known resolvers. A wrong one does no harm beyond its own failure: the certificate must
# show the name.
KNOWN_RESOLVERS: dict[str, tuple[str, ...]] = {
    "localhost": ("127.0.0.1", "::1"),
    "dns.quad9.net": _QUAD9,
    "dns9.quad9.net": _QUAD9,
    "dns10.quad9.net": ("9.9.9.10", "149.112.112.10", "2620:fe::10", "2620:fe::fe:10"),
    "dns11.quad9.net": ("9.9.9.11", "149.112.112.11", "2620:fe::11", "2620:fe::fe:11"),
    "cloudflare-dns.com": _CLOUDFLARE,
    "one.one.one.one": _CLOUDFLARE,
    "security.cloudflare-dns.com": ("1.1.1.2", "1.0.0.2", "2606:4700:4700::1112", "2606:4700:4700::1002"),
    "family.cloudflare-dns.com": ("1.1.1.3", "1.0.0.3", "2606:4700:4700::1113", "2606:4700:4700::1003"),
    "dns.google": _GOOGLE,
    "dns.adguard-dns.com": ("94.140.14.14", "94.140.15.15", "2a10:50c0::ad1:ff", "2a10:50c0::ad2:ff"),
    "family.adguard-dns.com": ("94.140.14.15", "94.140.15.16", "2a10:50c0::bad1:ff", "2a10:50c0::bad2:ff"),
    "dns.opendns.com": _OPENDNS,
    "doh.opendns.com": _OPENDNS,
    "doh.familyshield.opendns.com": ("208.67.222.123", "208.67.220.123"),
    "dns.mullvad.net": ("194.242.2.2", "2a07:e340::2"),
    "family.dns.mullvad.net": ("194.242.2.6", "2a07:e340::6"),
}
