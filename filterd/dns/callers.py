# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks: one record for each address, with what is known of it and how much it may still ask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from filterd.dns.fastpath import FastPath, Ready
from filterd.dns.peer import address_of
from filterd.policy.model import Client

Identify = Callable[[str], Client | None]
"""Says which client an address is; ``None``: it is not served."""

MAX_CALLERS = 4096  # addresses known at a time; senders are easily made up
REMEMBERED_S = 5.0  # then asked for again: a device or a user may be another now
_MOST_AT_A_TIME = 16
_NO_LIMIT = 1 << 62
_LOOPBACK6 = bytes(15) + b"\x01"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Queries of one client: *per_second* in the long run, *burst* at once; *per_second* 0 is no limit.

    This machine's own programs are held to none: behind loopback they are one address for everybody on it.
    """

    per_second: float = 0
    burst: float = 0


class Caller:
    """What is known of an address. *left* queries are paid for already; *client* is ``None`` for who is not served."""

    __slots__ = ("client", "left", "network", "profile", "ready")

    def __init__(self, client: Client | None, profile: str, ready: Ready, network: bytes) -> None:
        self.client = client
        self.profile = profile
        self.ready = ready
        self.network = network
        self.left = 0


class Callers:
    """The callers of the last seconds."""

    def __init__(self, identify: Identify, fast: FastPath, limit: RateLimit | None = None) -> None:
        self.known: dict[bytes, Caller] = {}
        self._before: dict[bytes, Caller] = {}
        self._identify = identify
        self._fast = fast
        self._generation = fast.generation
        self._forget_at = 0.0
        self._limit = limit or RateLimit()
        # Tokens and since when, by network: whoever has many addresses of an IPv6 network has one share.
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def refresh(self, now: float) -> dict[bytes, Caller]:
        """Return the known callers, to be asked for by packed address; what may be outdated is not among them."""
        if now >= self._forget_at or self._generation != self._fast.generation or len(self.known) >= MAX_CALLERS:
            self._forget_at = now + REMEMBERED_S
            self._generation = self._fast.generation
            self._before, self.known = self.known, {}
        return self.known

    def meet(self, host: bytes) -> Caller:
        """Return a record for *host*, who is not among the known, and know it from now on."""
        client = self._identify(address_of(host))
        profile = self._fast.profile_of(client) if client else ""
        network = host if len(host) == 4 else host[:8] + host[16:]
        caller = Caller(client, profile, self._fast.ready_for(profile), network)
        before = self._before.get(host)
        caller.left = _NO_LIMIT if _is_loopback(host) else before.left if before else 0
        if len(self.known) < MAX_CALLERS:
            self.known[host] = caller
        return caller

    def admit(self, caller: Caller, now: float) -> bool:
        """Return whether *caller*, who used up what was paid for, may ask; if so some of its tokens are taken."""
        limit = self._limit
        if limit.per_second <= 0:
            caller.left = _NO_LIMIT
            return True
        tokens, since = self._buckets.get(caller.network, (limit.burst, now))
        tokens = min(max(limit.burst, 1), tokens + (now - since) * limit.per_second)
        taken = int(min(tokens, max(1, min(_MOST_AT_A_TIME, limit.burst // 8))))
        self._buckets[caller.network] = (tokens - taken, now)
        self._buckets.move_to_end(caller.network)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        caller.left = max(0, taken - 1)
        return taken > 0


def _is_loopback(host: bytes) -> bool:
    return host[0] == 127 if len(host) == 4 else host[:16] == _LOOPBACK6
