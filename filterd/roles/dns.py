# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS role: the pipeline under the policy, on the inherited sockets."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime
from pathlib import Path

from filterd.activity.feed import Counted, Sender
from filterd.assembly import Assembly
from filterd.commands.common import load
from filterd.dns.blocking import parse_blocked_answer
from filterd.dns.fastpath import FastPath, ProfileOf
from filterd.dns.lasting import Lasts, make_lasts
from filterd.dns.pipeline import Pipeline
from filterd.dns.server import DnsServer
from filterd.dns.upstream import Upstreams, make_upstreams, parse_upstream
from filterd.policy.policy import Policy
from filterd.policy.safesearch import SafeSearch, SafeTarget
from filterd.settings import Dns
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
        self._dns, policy, runtime = self._read()
        self._sender = Sender(str(runtime / "decisions.sock"))
        self._counted = Counted("dns")
        self._upstreams = _upstreams(self._dns)
        self._fast = FastPath(_profile_of(policy), lasts_s=_lasts(policy))
        safe = _safe_targets(self._shipped.safe_search)
        self._pipeline = Pipeline(
            policy.decide,
            self._upstreams.ask,
            clock=_now,
            boundary=policy.next_boundary,
            observe=self._sender.send,
            blocked_answer=parse_blocked_answer(self._dns.blocked_answer),
            safe_addresses={target.host: target.addresses for target in safe},
            without_cname={target.host for target in safe if not target.cname},
        )

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Serve."""
        self._server = DnsServer([b.socket for b in self._sockets], self._pipeline, fast=self._fast)
        await self._server.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        self._telling = tasks.create_task(self._tell_forever())

    async def reload(self) -> None:
        """Swap policy and, where they changed, upstreams; no query is lost."""
        # In a thread: reading and mapping take longer than a query may wait.
        dns, policy, _ = await asyncio.to_thread(self._read)
        blocked_answer = parse_blocked_answer(dns.blocked_answer)
        before = None
        if (dns.upstreams, dns.upstream_ca) != (self._dns.upstreams, self._dns.upstream_ca):
            before, self._upstreams = self._upstreams, _upstreams(dns)
            self._pipeline.swap_upstream(self._upstreams.ask)
        self._dns = dns
        self._pipeline.swap(policy.decide, boundary=policy.next_boundary, blocked_answer=blocked_answer)
        # Together with the swap: between the two no answer may be given or become ready.
        self._fast.clear(_profile_of(policy), _lasts(policy))
        if before is not None:
            await before.close()

    async def stop(self) -> None:
        """Answer what is under way, then end."""
        self._telling.cancel()
        await self._server.stop()
        await self._upstreams.close()
        self._tell_hits(everything=True)
        self._tell_counters()
        self._sender.close()

    def _read(self) -> tuple[Dns, Policy, Path]:
        settings, path = load(self._config)
        assembly = Assembly.of(settings, path, self._shipped)
        return settings.dns, assembly.policy(), assembly.runtime

    async def _tell_forever(self) -> None:
        while True:
            for _ in range(COUNT_EVERY):
                await asyncio.sleep(TELL_S)
                self._tell_hits()
            self._tell_counters()

    def _tell_hits(self, *, everything: bool = False) -> None:
        now = _now()
        for decision, count in self._fast.take_hits(everything=everything):
            self._sender.send(decision, count=count, when=now)

    def _tell_counters(self) -> None:
        counted = Counted("dns", dropped=self._sender.dropped, counters=self._server.counters())
        if counted != self._counted:
            self._counted = counted
            self._sender.post(counted)


def _now() -> datetime:
    return datetime.now(UTC)


def _profile_of(policy: Policy) -> ProfileOf:
    return lambda client: policy.profile(client).id


def _lasts(policy: Policy) -> Lasts:
    return make_lasts(policy.decide, policy.next_boundary, clock=_now)


def _upstreams(dns: Dns) -> Upstreams:
    specs = [parse_upstream(text) for text in dns.upstreams]
    return make_upstreams(specs, ca_file=Path(dns.upstream_ca) if dns.upstream_ca else None)


def _safe_targets(safe_search: SafeSearch) -> list[SafeTarget]:
    return [*safe_search.engines.values(), *(t for level in safe_search.youtube.values() for t in level.values())]
