# SPDX-License-Identifier: GPL-3.0-or-later
"""What bounds the proxy: whom it serves, which ports it reaches, how many it serves at once and how long."""

from __future__ import annotations

import ipaddress
import sys
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from filterd.policy.domains import InvalidHost, normalise_host

# Addresses that no router of the internet carries; RFC 6598 is a provider's NAT.
_PRIVATE_V4 = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
_PRIVATE_V6 = ("::1/128", "fe80::/10", "fc00::/7")
_PRIVATE = tuple(map(ipaddress.ip_network, (*_PRIVATE_V4, *_PRIVATE_V6)))

_WEB = frozenset({80, 443})
_FIRST_UNPRIVILEGED = 1024
# Fetch Standard, "bad port", from 1024: what answers there is mail, telephony, X11 or IRC, and takes a line of HTTP
# for a command. Those below 1024 are closed anyway.
_NO_WEB = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
)

_FILES_A_CLIENT = 2  # its socket, and one to a server
_OWN_FILES = 128

# For who comes when all places are taken. Who was redirected may speak something else, and is hung up on.
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n"
    b"Proxy-Status: filterd; error=connection_limit_reached\r\nCache-Control: no-store\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is served at once, and how long a client may leave us without a request."""

    clients: int = 2000
    clients_an_address: int = 512  # one device must not take all places
    first_request_s: float = 20.0
    next_request_s: float = 90.0


class Places:
    """Counts who is there."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Return whether there is room for one more client at *address*, which then has its place."""
        if self._taken.total() >= self._limits.clients or self._taken[address] >= self._limits.clients_an_address:
            return False
        self._taken[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Give back the place of a client at *address*."""
        self._taken[address] -= 1
        if not self._taken[address]:
            del self._taken[address]


@lru_cache(maxsize=4096)
def is_near(address: str) -> bool:
    """Return whether *address* is one of a house or of a provider's own network."""
    try:
        where = ipaddress.ip_address(normalise_host(address.partition("%")[0]))
    except (InvalidHost, ValueError):
        return False
    return any(where in network for network in _PRIVATE)


def is_web_port(port: int) -> bool:
    """Return whether *port* may be a web server's: 80, 443, and what needs no privilege, known others apart."""
    return port in _WEB or (_FIRST_UNPRIVILEGED <= port <= 0xFFFF and port not in _NO_WEB)


def raise_open_files(clients: int) -> int:
    """Ask for as many open files as *clients* take, and return for how many clients they are enough."""
    if sys.platform == "win32":
        return clients  # sockets are no files there, and have no such limit
    import resource

    wanted = clients * _FILES_A_CLIENT + _OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return clients
    return max(1, min(clients, (soft - _OWN_FILES) // _FILES_A_CLIENT))
