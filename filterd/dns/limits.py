# SPDX-License-Identifier: GPL-3.0-or-later
"""How much one client may have of what all share."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from filterd.dns.access import parse_address

MAX_KEYS = 16_384  # clients whose rate is remembered; a bound for memory, about 3 MB
_ROUNDING_S = 1e-6  # sums of floats: a whole token must not be found a billionth short


@lru_cache(maxsize=4096)
def client_key(address: str) -> str:
    """Return by what the client at *address* is counted: an IPv4 address, or the /64 that one IPv6 customer has."""
    found = parse_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found or address)


class RateLimiter:
    """A token bucket for each key: *per_second* in the long run, *burst* at once; *per_second* 0 is no limit.

    When more than *max_keys* ask, those silent for longest are forgotten: who has as many addresses is not held by a
    limit for each, and must not fill the memory.
    """

    def __init__(
        self,
        per_second: float,
        burst: float,
        now: Callable[[], float] = time.monotonic,
        *,
        max_keys: int = MAX_KEYS,
    ) -> None:
        self._interval_s = 1 / per_second if per_second > 0 else 0.0
        self._slack_s = max(burst - 1, 0) * self._interval_s + _ROUNDING_S
        self._now = now
        self._max_keys = max_keys
        # The generic cell rate algorithm: one number a key, the time at which its bucket is full again.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def admit(self, key: str) -> bool:
        """Return whether *key* has a token left, and take it."""
        if not self._interval_s:
            return True
        now = self._now()
        full_at = max(self._full_at.get(key, now), now)
        admitted = full_at - now <= self._slack_s
        self._full_at[key] = full_at + self._interval_s if admitted else full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._max_keys:
            self._full_at.popitem(last=False)
        return admitted


class Evictable(Protocol):
    """A connection that can be closed to make room."""

    def evict(self) -> None:
        """Close now, whatever is under way."""


class ConnectionLimits:
    """Counts connections, *total* and *per_client*; the one unused for longest makes room for a newcomer.

    A client over its share loses one of its own; only where all together are too many, the others'.
    """

    def __init__(self, *, total: int = 1000, per_client: int = 100) -> None:
        self._total = total
        self._per_client = per_client
        self._all: OrderedDict[Evictable, str] = OrderedDict()
        self._by_client: dict[str, OrderedDict[Evictable, None]] = {}
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Evictable, address: str) -> None:
        """Count *connection* of the client at *address*; close others where there are too many."""
        key = client_key(address)
        own = self._by_client.get(key)
        if own and len(own) >= self._per_client:
            self._evict(next(iter(own)))
        if len(self._all) >= self._total:
            self.make_room()
        self._all[connection] = key
        self._by_client.setdefault(key, OrderedDict())[connection] = None

    def touch(self, connection: Evictable) -> None:
        """Note that *connection* is used."""
        key = self._all.get(connection)
        if key is not None:
            self._all.move_to_end(connection)
            self._by_client[key].move_to_end(connection)

    def leave(self, connection: Evictable) -> None:
        """Forget *connection*, which is closed; one that is not counted is no error."""
        key = self._all.pop(connection, None)
        if key is None:
            return
        own = self._by_client[key]
        del own[connection]
        if not own:
            del self._by_client[key]

    def make_room(self) -> None:
        """Close the connection unused for longest, if there is any."""
        if self._all:
            self._evict(next(iter(self._all)))

    def _evict(self, connection: Evictable) -> None:
        self.leave(connection)
        self.evicted += 1
        connection.evict()
