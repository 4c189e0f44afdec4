# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an upstream is of which only the name is known, without asking the machine's resolver: that may be us."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from filterd.dns import wire
from filterd.dns.answer import addresses, read_answer
from filterd.dns.cache import uptime_s
from filterd.dns.upstream_spec import UpstreamError, UpstreamSpec
from filterd.dns.wire import ProtocolError

KEEP_S = 3600.0  # a connection is kept much longer than a TTL says anyway


class Bootstrap:
    """Addresses by way of *ask*, an upstream whose address is known."""

    def __init__(self, ask: Callable[[bytes], Awaitable[bytes]], *, now: Callable[[], float] = uptime_s) -> None:
        self._ask = ask
        self._now = now
        self._found: dict[str, tuple[tuple[str, ...], float]] = {}

    async def find(self, spec: UpstreamSpec) -> Sequence[str]:
        """Return the addresses of *spec*, IPv4 first.

        Raises:
            UpstreamError: it has none, or nobody says.
        """
        if spec.addresses:
            return spec.addresses
        found, until = self._found.get(spec.name, ((), 0.0))
        if self._now() < until:
            return found
        try:
            found = (*await self._look_up(spec.name, wire.A), *await self._look_up(spec.name, wire.AAAA))
        except UpstreamError:
            if found:
                return found  # where it was an hour ago is the best guess
            raise
        if not found:
            raise UpstreamError(f"{spec.name} has no address")
        self._found[spec.name] = (found, self._now() + KEEP_S)
        return found

    async def _look_up(self, name: str, qtype: int) -> tuple[str, ...]:
        message = await self._ask(wire.make_question(wire.encode_name(name), qtype))
        try:
            return tuple(str(address) for address, _ in addresses(read_answer(message), qtype))
        except ProtocolError as error:
            raise UpstreamError(f"an answer about {name} that cannot be read: {error}") from error
