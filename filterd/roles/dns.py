# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS role: the pipeline under the policy, on the inherited sockets."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from filterd.activity.feed import Counted, Sender, UpstreamCounted
from filterd.activity.levels import level_of
from filterd.activity.tally import Tally
from filterd.assembly import Assembly
from filterd.commands.common import load
from filterd.dns.blocking import parse_blocked_answer
from filterd.dns.boundaries import Boundaries
from filterd.dns.fastpath import FastPath, ProfileOf
from filterd.dns.identify import Identifier
from filterd.dns.lasting import Lasts, make_lasts
from filterd.dns.pipeline import Pipeline
from filterd.dns.server import DnsServer
from filterd.policy.model import Client
from filterd.policy.policy import Policy
from filterd.policy.profile import Record
from filterd.policy.safesearch import SafeSearch, SafeTarget
from filterd.roles.base import Notifier
from filterd.roles.dns_encrypted import EncryptedServers
from filterd.roles.dns_parts import (
    cache_of,
    encrypted_server,
    gate_of,
    opinion_of,
    rate_of,
    rules_of,
    upstreams_of,
)
from filterd.settings import Dns, Settings
from filterd.shipped import Shipped
from filterd.sockets import Bound

TELL_S = 0.5
COUNT_EVERY = 4  # tellings

# Answers that are kept are many objects in no cycles: the collector must not walk through them all the time.
_GC_THRESHOLDS = (50_000, 50, 100)


def make(config: Path | None, sockets: list[Bound]) -> DnsRole:
    """Return the role for the configuration file *config* on *sockets*."""
    return DnsRole(config, sockets)


class DnsRole:
    """Answers queries."""

    def __init__(self, config: Path | None, sockets: list[Bound]) -> None:
        self._config = config
        self._shipped = Shipped()
        self._sockets = sockets
        self._name = sockets[0].handed.role if sockets else "dns"
        self._settings, policy, runtime = self._read()
        dns = self._settings.dns
        self._sender = Sender(str(runtime / "decisions.sock"))
        self._tally = Tally(self._sender, _levels(self._settings, policy))
        self._counted = Counted(self._name)
        self._upstreams, self._opinion = upstreams_of(dns), opinion_of(dns)
        self._identify = Identifier(policy.clients)
        boundary = Boundaries(policy.next_boundary, _profile_of(policy))
        self._fast = FastPath(_profile_of(policy), lasts_s=_lasts(policy, boundary))
        self._cache = cache_of(dns)
        safe = _safe_targets(self._shipped.safe_search)
        self._pipeline = Pipeline(
            policy.decide,
            self._upstreams.ask,
            clock=_now,
            boundary=boundary,
            observe=self._tally.send,
            blocked_answer=parse_blocked_answer(dns.blocked_answer),
            safe_addresses={target.host: target.addresses for target in safe},
            without_cname={target.host for target in safe if not target.cname},
            rules=rules_of(self._settings, policy, self._upstreams, self._opinion),
            cache=self._cache,
        )

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Serve."""
        dns, gate = self._settings.dns, gate_of(self._settings.dns)
        plain = [b.socket for b in self._sockets if not b.handed.mode]
        self._server = DnsServer(
            plain, self._pipeline, identify=self._identify, gate=gate, fast=self._fast, limit=rate_of(dns)
        )
        notify = Notifier()
        self._encrypted = EncryptedServers(
            [bound for bound in self._sockets if bound.handed.mode],
            make=lambda bound: encrypted_server(bound, self._settings, self._pipeline, self._identify, gate),
            tell=lambda problem: notify(f"trouble {problem}"),
        )
        await self._server.start()
        await self._encrypted.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        self._telling = tasks.create_task(self._tell_forever())
        self._looking = tasks.create_task(self._encrypted.look_again_forever())

    async def reload(self) -> None:
        """Swap policy, rules and, where they changed, upstreams; no query is lost."""
        # In a thread: reading and mapping take longer than a query may wait.
        settings, policy, _ = await asyncio.to_thread(self._read)
        blocked_answer = parse_blocked_answer(settings.dns.blocked_answer)
        before = None
        if _asked(settings.dns) != _asked(self._settings.dns):
            before = self._upstreams, self._opinion
            self._upstreams, self._opinion = upstreams_of(settings.dns), opinion_of(settings.dns)
            self._pipeline.swap_upstream(self._upstreams.ask)
        self._settings = settings
        rules = rules_of(settings, policy, self._upstreams, self._opinion)
        boundary = Boundaries(policy.next_boundary, _profile_of(policy))
        self._pipeline.swap(policy.decide, boundary=boundary, blocked_answer=blocked_answer, rules=rules)
        self._identify.swap(policy.clients)
        self._tally.levels = _levels(settings, policy)
        # Together with the swap: between the two no answer may be given or become ready.
        self._fast.clear(_profile_of(policy), _lasts(policy, boundary))
        if before is not None:
            await before[0].close()
            if before[1]:
                await before[1].close()
        await self._encrypted.start()

    async def stop(self) -> None:
        """Answer what is under way, then end."""
        self._telling.cancel()
        self._looking.cancel()
        async with asyncio.TaskGroup() as stopping:
            stopping.create_task(self._server.stop())
            stopping.create_task(self._encrypted.stop())
        await self._upstreams.close()
        if self._opinion:
            await self._opinion.close()
        self._tell_hits(everything=True)
        self._tell_counters()
        self._sender.close()

    def _read(self) -> tuple[Settings, Policy, Path]:
        settings, path = load(self._config)
        assembly = Assembly.of(settings, path, self._shipped)
        return settings, assembly.policy(), assembly.runtime

    async def _tell_forever(self) -> None:
        while True:
            for _ in range(COUNT_EVERY):
                await asyncio.sleep(TELL_S)
                self._tell_hits()
            self._tell_counters()

    def _tell_hits(self, *, everything: bool = False) -> None:
        now = _now()
        for decision, count in self._fast.take_hits(everything=everything):
            self._tally.send(decision, count=count, when=now)
        self._tally.tell()

    def _tell_counters(self) -> None:
        counted = Counted(
            self._name,
            dropped=self._sender.dropped,
            counters=self._counters(),
            upstreams=tuple(self._upstream_counts()),
        )
        if counted != self._counted:
            self._counted = counted
            self._sender.post(counted)

    def _counters(self) -> dict[str, int]:
        """Return all that was counted, each under its part's name."""
        found = Counter(self._server.counters())
        resolver = asdict(self._pipeline.resolver.counters)
        found.update({f"cache_{name}": value for name, value in resolver.items()})
        found["cache_bytes"] = self._cache.size
        found.update(self._encrypted.counters())
        return dict(found)

    def _upstream_counts(self) -> list[UpstreamCounted]:
        return [
            UpstreamCounted(
                name=r.name, asked=r.asked, failed=r.failed, up=r.up, mean_ms=round(r.mean_s * 1000, 2),
                p95_ms=round(r.p95_s * 1000, 2), error=r.error,
            )
            for r in self._upstreams.report()
        ]  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


def _levels(settings: Settings, policy: Policy) -> dict[str, Record]:
    return {name: level_of(found.record, settings.activity.record) for name, found in policy.profiles.items()}


def _profile_of(policy: Policy) -> ProfileOf:
    """Return by what the answers of a client are told from others': its profile, and what was opened for it alone."""
    alone = frozenset(permission.address for permission in policy.permissions if permission.address)

    def profile_of(client: Client) -> str:
        profile = policy.profile(client).id
        return f"{profile} {client.address}" if client.address in alone else profile

    return profile_of


def _lasts(policy: Policy, boundary: Boundaries) -> Lasts:
    return make_lasts(policy.decide, boundary, clock=_now)


def _asked(dns: Dns) -> tuple[object, ...]:
    """Return what the upstreams are made of."""
    return dns.upstreams, dns.upstream_ca, dns.strategy, dns.domains, dns.second_opinion


def _safe_targets(safe_search: SafeSearch) -> list[SafeTarget]:
    return [*safe_search.engines.values(), *(t for level in safe_search.youtube.values() for t in level.values())]
