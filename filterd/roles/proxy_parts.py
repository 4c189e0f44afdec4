# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the proxy role, each made of what the settings say of it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from filterd import paths
from filterd.control.private_file import write_private
from filterd.dns.boundaries import Boundaries
from filterd.policy.domains import normalise_host
from filterd.policy.model import AgeBand
from filterd.policy.policy import Policy
from filterd.proxy import authority
from filterd.proxy.inspection import Inspection
from filterd.proxy.judge import Rulebook
from filterd.proxy.learned import Learned, LearnedError
from filterd.proxy.never_decrypt import NeverDecrypt
from filterd.proxy.resolve import PrivateTargets, Resolve, Router, resolve_as_machine
from filterd.proxy.safe_requests import SafeModes
from filterd.roles.dns_parts import upstreams_of
from filterd.roles.lookup import Lookup
from filterd.settings import Proxy, Settings


class Inspector:
    """Makes what decrypts, once for settings that say the same: clients keep their connections over a reload."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._made: tuple[tuple[object, ...], Inspection] | None = None

    def inspection(self, proxy: Proxy) -> Inspection | None:
        """Return what decrypts by the settings *proxy*; ``None`` where nothing is to be.

        Raises:
            ValueError: the authority or the roots cannot be used. Inspected profiles must not go on without.
        """
        if not proxy.inspect:
            self._made = None
            # A key that signs for any site must not lie about; turned on again, a new one is made.
            authority.remove(self._state / "ca")
            return None
        wanted = (proxy.upstream_ca, proxy.never_decrypt)
        if self._made is None or self._made[0] != wanted:
            self._made = wanted, self._make(proxy)
        return self._made[1]

    def _make(self, proxy: Proxy) -> Inspection:
        return Inspection(
            authority.load_or_make(self._state / "ca", machine=socket.gethostname(), now=datetime.now(UTC)),
            upstream_ca=Path(proxy.upstream_ca) if proxy.upstream_ca else None,
            never_decrypt=NeverDecrypt.read(paths.categories_folder(), own=map(normalise_host, proxy.never_decrypt)),
            learned=self._learned(),
        )

    def _learned(self) -> Learned:
        path = self._state / "proxy" / "learned.json"

        def save(content: bytes) -> None:
            write_private(path, content)

        try:
            return Learned(saved=path.read_bytes() if path.is_file() else b"", save=save)
        except LearnedError:
            return Learned(save=save)  # to learn it all again costs a program a few refusals


def rulebook_of(settings: Settings, policy: Policy, inspection: Inspection | None, zone: tzinfo) -> Rulebook:
    """Return what the proxy judges by; times on its pages are of *zone*."""
    names = {category.id: category.names for category in policy.categories.values()}
    profiles = policy.profiles
    return Rulebook(
        policy.decide,
        names,
        Router(_resolve(settings), PrivateTargets.parse(settings.proxy.private_targets)),
        inspection,
        inspects=lambda name: profiles[name].inspect,
        strict=lambda name: profiles[name].band is AgeBand.CHILD,
        next_boundary=Boundaries(policy.next_boundary, lambda client: policy.profile(client).id),
        zone=zone,
        safe_modes=SafeModes(
            policy.safe_search,
            lambda name: (profiles[name].safe_search, profiles[name].youtube),
            google_domains=settings.proxy.google_domains,
        ),
    )


def _resolve(settings: Settings) -> Resolve:
    """Return how names are resolved: the hosts file first, then our upstreams; without our DNS, as the machine does.

    Not by way of our own DNS listener: it would judge the name again, by the profile of whoever asks from loopback.
    """
    if not settings.dns.listen:
        return resolve_as_machine
    return Lookup(upstreams_of(settings.dns).ask)
