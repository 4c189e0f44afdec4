# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the DNS role, each made of what the settings say of it."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from filterd.database.reader import Database
from filterd.dns import server_doh, server_dot
from filterd.dns.access import PRIVATE, Access
from filterd.dns.cache import AnswerCache, Keeping
from filterd.dns.callers import RateLimit
from filterd.dns.designated import Designated
from filterd.dns.doh import PATH, service_for
from filterd.dns.identify import Identifier
from filterd.dns.leads import AnswerRules
from filterd.dns.limits import RateLimiter, client_key
from filterd.dns.listener import Gate
from filterd.dns.local_names import LocalNames
from filterd.dns.pipeline import Pipeline
from filterd.dns.rebinding import PrivateSpace, plain_address, plain_packed
from filterd.dns.second_opinion import SecondOpinion, make_second_opinion
from filterd.dns.server_doh import DohServer
from filterd.dns.server_dot import DotServer
from filterd.dns.tls import Certificate
from filterd.dns.upstream import Upstreams, make_upstreams, parse_upstream
from filterd.dns.upstream_domains import parse_domain
from filterd.dns.upstream_strategy import Strategy
from filterd.policy.domains import is_address
from filterd.policy.policy import Policy
from filterd.settings import Dns, EncryptedListener, Settings
from filterd.settings_read import parse_listen
from filterd.sockets import Bound

_EVERYWHERE = ("0.0.0.0/0", "::/0")
_LOOPBACK6 = client_key("::1")
_BURST_S = 2.0  # what a client may ask at once: a page with many names, a machine that wakes up


def upstreams_of(dns: Dns) -> Upstreams:
    """Return the upstreams."""
    return make_upstreams(
        [parse_upstream(text) for text in dns.upstreams],
        ca_file=_file(dns.upstream_ca),
        strategy=Strategy(dns.strategy),
        domains={parse_domain(name): [parse_upstream(text) for text in texts] for name, texts in dns.domains.items()},
    )


def opinion_of(dns: Dns) -> SecondOpinion | None:
    """Return the family resolvers that may object."""
    specs = [parse_upstream(text) for text in dns.second_opinion]
    return make_second_opinion(specs, ca_file=_file(dns.upstream_ca)) if specs else None


def cache_of(dns: Dns) -> AnswerCache:
    """Return an empty cache."""
    keeping = Keeping(min_ttl_s=dns.min_ttl, max_ttl_s=dns.max_ttl, stale_s=3600 * dns.serve_stale_hours)
    return AnswerCache(max_bytes=dns.cache_mb << 20, keeping=keeping)


def rules_of(settings: Settings, policy: Policy, upstreams: Upstreams, opinion: SecondOpinion | None) -> AnswerRules:
    """Return what answers hold to beside the policy."""
    dns, proxy = settings.dns, settings.proxy
    private = [*dns.private_domains, *proxy.private_targets] if dns.rebinding_protection else _EVERYWHERE
    inspected = {profile.id for profile in policy.profiles.values() if profile.inspect} if proxy.inspect else ()
    return AnswerRules(
        judges_address=_may_know_address(policy),
        private_space=PrivateSpace.parse(private, has_own_upstream=upstreams.has_own),
        inspected=frozenset(inspected),
        consult=opinion.consult if opinion else None,
        local_names=LocalNames.parse(dns.hosts),
        designated=tuple(_designated(settings)),
    )


def gate_of(dns: Dns) -> Gate:
    """Return who comes in: private networks where the settings name none."""
    return Gate(
        access=Access(dns.allow_from or PRIVATE), queries=_OthersOnly(dns.rate_limit, dns.rate_limit * _BURST_S)
    )


def rate_of(dns: Dns) -> RateLimit:
    """Return what one client may ask by UDP."""
    return RateLimit(dns.rate_limit, dns.rate_limit * _BURST_S)


def encrypted_server(
    bound: Bound, settings: Settings, pipeline: Pipeline, identify: Identifier, gate: Gate
) -> tuple[DotServer | DohServer, Certificate]:
    """Return the server for *bound*, a socket of the DoT or the DoH listener, and what it shows to clients.

    Raises:
        CertificateError: there is nothing that it could show.
    """
    if bound.handed.mode == "dot":
        dot = settings.dot
        names = [dot.server_name] if dot.server_name else []
        certificate = _certificate(dot, server_dot.ALPN)
        return DotServer(bound.socket, pipeline, identify, certificate=certificate, names=names, gate=gate), certificate
    doh = settings.doh
    address, _ = parse_listen(bound.handed.address)
    own = [doh.server_name] if doh.server_name else []
    service = service_for([*own, *([] if ip_address(address).is_unspecified else [address])])
    certificate = _certificate(doh, server_doh.ALPN)
    return DohServer(bound.socket, pipeline, identify, certificate=certificate, service=service, gate=gate), certificate


class _OthersOnly(RateLimiter):
    """Holds others to the limit, this machine's own programs not: they are one address for everybody on it."""

    def admit(self, key: str) -> bool:
        return key.startswith("127.") or key == _LOOPBACK6 or super().admit(key)


def _may_know_address(policy: Policy) -> Callable[[bytes], bool]:
    """Return whether an address, packed, may be known to the policy, asked before it is judged as a host."""
    denied = {name for profile in policy.profiles.values() for name in profile.deny}
    denied_packed = frozenset(ip_address(name).packed for name in denied if is_address(name))
    names = policy.names
    listed = names.may_know_address if isinstance(names, Database) else lambda a: bool(names.find(plain_address(a)))
    # Every answer's addresses come by here: the lists are searched only where there is no shorter way.
    return lambda packed: plain_packed(packed) in denied_packed or listed(packed)


def _designated(settings: Settings) -> list[Designated]:
    found = []
    for listener, path in ((settings.dot, None), (settings.doh, f"{PATH}{{?dns}}")):
        if not (listener.listen and listener.server_name):
            continue
        address, port = parse_listen(listener.listen)
        hints = () if ip_address(address).is_unspecified else (address,)
        found.append(Designated(listener.server_name, port, path, hints))
    return found


def _certificate(listener: EncryptedListener, alpn: list[str] | tuple[str, ...]) -> Certificate:
    return Certificate(Path(listener.certificate), Path(listener.key), alpn=alpn)


def _file(text: str) -> Path | None:
    return Path(text) if text else None
