# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS role: the pipeline under the policy, on the inherited sockets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from filterd.activity.feed import Counted, Sender
from filterd.assembly import Assembly
from filterd.commands.common import load
from filterd.dns.blocking import parse_blocked_answer
from filterd.dns.pipeline import Pipeline
from filterd.dns.server import DnsServer
from filterd.dns.upstream import Upstreams, make_upstreams, parse_upstream
from filterd.policy.policy import Policy
from filterd.policy.safesearch import SafeSearch, SafeTarget
from filterd.settings import Dns
from filterd.shipped import Shipped
from filterd.sockets import Bound

TELL_LOSSES_S = 5.0


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
        self._upstreams = _upstreams(self._dns)
        safe = _safe_targets(self._shipped.safe_search)
        self._pipeline = Pipeline(
            policy.decide,
            self._upstreams.ask,
            clock=lambda: datetime.now(UTC),
            boundary=policy.next_boundary,
            observe=self._sender.send,
            blocked_answer=parse_blocked_answer(self._dns.blocked_answer),
            safe_addresses={target.host: target.addresses for target in safe},
            without_cname={target.host for target in safe if not target.cname},
        )

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Serve."""
        self._server = DnsServer([b.socket for b in self._sockets], self._pipeline)
        await self._server.start()
        self._telling = tasks.create_task(self._tell_losses())

    async def reload(self) -> None:
        """Swap policy and, where they changed, upstreams; no query is lost."""
        # In a thread: reading and mapping take longer than a query may wait.
        dns, policy, _ = await asyncio.to_thread(self._read)
        blocked_answer = parse_blocked_answer(dns.blocked_answer)
        if (dns.upstreams, dns.upstream_ca) != (self._dns.upstreams, self._dns.upstream_ca):
            before, self._upstreams = self._upstreams, _upstreams(dns)
            self._pipeline.swap_upstream(self._upstreams.ask)
            await before.close()
        self._dns = dns
        self._pipeline.swap(policy.decide, boundary=policy.next_boundary, blocked_answer=blocked_answer)

    async def stop(self) -> None:
        """Answer what is under way, then end."""
        self._telling.cancel()
        await self._server.stop()
        await self._upstreams.close()
        self._sender.close()

    def _read(self) -> tuple[Dns, Policy, Path]:
        settings, path = load(self._config)
        assembly = Assembly.of(settings, path, self._shipped)
        return settings.dns, assembly.policy(), assembly.runtime

    async def _tell_losses(self) -> None:
        while True:
            await asyncio.sleep(TELL_LOSSES_S)
            if self._sender.dropped:
                self._sender.post(Counted("dns", dropped=self._sender.dropped))


def _upstreams(dns: Dns) -> Upstreams:
    specs = [parse_upstream(text) for text in dns.upstreams]
    return make_upstreams(specs, ca_file=Path(dns.upstream_ca) if dns.upstream_ca else None)


def _safe_targets(safe_search: SafeSearch) -> list[SafeTarget]:
    return [*safe_search.engines.values(), *(t for level in safe_search.youtube.values() for t in level.values())]
