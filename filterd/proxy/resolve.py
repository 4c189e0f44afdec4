# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses of a name may be dialled."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from filterd.policy.domains import InvalidHost, covers, is_address, normalise_host
from filterd.wording import Notice

# Raises socket.gaierror where the name has no address, TimeoutError where nobody said so in time.
Resolve = Callable[[str], Awaitable[Sequence[str]]]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_MAX_ADDRESSES = 4  # more are not worth trying: a person gives up first
_MAX_CACHED = 4096


class NoRoute(Exception):
    """There is no address to dial; *notice* says what the client is told."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(notice.value)
        self.notice = notice


@dataclass(frozen=True, slots=True)
class PrivateTargets:
    """What the proxy may reach in loopback or private space; nothing unless the adult listed it."""

    names: frozenset[str] = frozenset()
    networks: tuple[_Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> PrivateTargets:
        """Return the targets that *entries* name: host names (and what is below them), addresses, networks.

        Raises:
            ValueError: naming the entry that is none of these.
        """
        names: set[str] = set()
        networks: list[_Network] = []
        for entry in entries:
            try:
                host = entry.strip() if "/" in entry else normalise_host(entry)
                if "/" in host or is_address(host):
                    networks.append(ipaddress.ip_network(host, strict=False))
                else:
                    names.add(host)
            except (InvalidHost, ValueError) as error:
                raise ValueError(f"private_targets: {entry!r} is no name, address or network") from error
        return cls(frozenset(names), tuple(networks))

    def permit(self, host: str, address: str) -> bool:
        """Return whether *address*, to which *host* leads, may be dialled."""
        where = _plain(ipaddress.ip_address(address))
        if where.is_unspecified or where.is_multicast:
            return False  # 0.0.0.0 is how our own resolver says "blocked", and Linux dials it as loopback
        if _is_public(where):
            return True
        return any(where in network for network in self.networks) or any(covers(name, host) for name in self.names)


class Router:
    """Finds the addresses of a name, remembers them for a short while, and leaves out those that are off limits."""

    def __init__(
        self,
        resolve: Resolve,
        targets: PrivateTargets,
        *,
        timeout_s: float = 8.0,
        keep_s: float = 20.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve
        self._targets = targets
        self._timeout_s = timeout_s
        self._keep_s = keep_s
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}

    async def find(self, host: str) -> tuple[str, ...]:
        """Return the addresses of *host*, normalised, that may be dialled, best first.

        Raises:
            NoRoute: there is none.
        """
        if is_address(host):
            found: tuple[str, ...] = (host,)
        else:
            found = self._remembered(host) or await self._ask(host)
        permitted = tuple(address for address in found if self._targets.permit(host, address))
        if not permitted:
            self._known.pop(host, None)  # an adult may be changing the resolver's answer right now
            raise NoRoute(Notice.PRIVATE_TARGET)
        return permitted

    async def _ask(self, host: str) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._resolve(host)
        except socket.gaierror as error:
            known = error.errno in _NO_SUCH_NAME
            raise NoRoute(Notice.NAME_NOT_FOUND if known else Notice.NAME_TROUBLE) from error
        except (TimeoutError, OSError, UnicodeError) as error:
            raise NoRoute(Notice.NAME_TROUBLE) from error
        # Mapped addresses become plain ones here, so that one address has one spelling from now on.
        found = tuple(dict.fromkeys(normalise_host(address) for address in answer))[:_MAX_ADDRESSES]
        if not found:
            raise NoRoute(Notice.NAME_NOT_FOUND)
        if len(self._known) >= _MAX_CACHED:
            self._known.clear()
        self._known[host] = (self._monotonic() + self._keep_s, found)
        return found

    def _remembered(self, host: str) -> tuple[str, ...]:
        until, found = self._known.get(host, (0.0, ()))
        return found if self._monotonic() < until else ()


async def resolve_as_machine(host: str) -> Sequence[str]:
    """Return the addresses of *host* as every program of this machine sees them: hosts file, then its resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def is_own_address(address: str) -> bool:
    """Return whether *address* is one of this machine's: only those can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.bind((address, 0))
        return True
    return False


def is_public(address: str) -> bool:
    """Return whether *address*, normalised, is one of the internet's."""
    return _is_public(_plain(ipaddress.ip_address(address)))


def _plain(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does: it is the one that is reached."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: _Address) -> bool:
    # is_global alone holds the old site-local addresses, and reserved ones, for public.
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not address.is_reserved and not site_local
