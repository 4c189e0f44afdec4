# SPDX-License-Identifier: GPL-3.0-or-later
"""Which client is behind an address."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from filterd.dns.neighbours import Neighbours, read_neighbours
from filterd.policy.clients import ClientRule, id_device, mac_device
from filterd.policy.domains import normalise_host
from filterd.policy.model import Client

_REMEMBERED = 4096  # clients; a bound for memory


class Identifier:
    """Makes a `Client` of an address and of the id that a device gives of itself in encrypted DNS.

    The neighbour table is asked only while one of *rules* names a hardware address. A device known by that keeps its
    profile whatever id it gives, so that a child's tablet does not become another by a name; ids that no rule names
    mean nothing.
    """

    def __init__(
        self, rules: Sequence[ClientRule] = (), *, make_neighbours: Callable[[], Neighbours] | None = None
    ) -> None:
        self._make_neighbours = make_neighbours or (lambda: Neighbours(read_neighbours))
        self._neighbours: Neighbours | None = None
        self.swap(rules)

    def swap(self, rules: Sequence[ClientRule]) -> None:
        """Go by *rules* from now on."""
        self._devices = frozenset(rule.device for rule in rules if rule.device is not None)
        by_mac = any(map(_is_mac, self._devices))
        if not by_mac:
            self._neighbours = None
        elif self._neighbours is None:
            self._neighbours = self._make_neighbours()
        self._clients: dict[tuple[str, str | None], Client] = {}

    def __call__(self, address: str, device: str | None = None, /) -> Client:
        """Return the client at *address* that calls itself *device*, ``None`` where it does not say."""
        key = address, self._find_device(address, device)
        client = self._clients.get(key)
        if client is None:
            if len(self._clients) >= _REMEMBERED:
                self._clients.clear()
            client = self._clients[key] = Client(address=normalise_host(address), device=key[1])
        return client

    def _find_device(self, address: str, given: str | None) -> str | None:
        mac = self._neighbours.mac_of(_plain(address)) if self._neighbours else None
        if mac in self._devices or not given:
            return mac
        try:
            named = id_device(given)
        except ValueError:
            return mac
        return named if named in self._devices else mac


def _plain(address: str) -> str:
    # As the kernel's table has it. Link-local addresses come with their interface.
    return address.partition("%")[0].removeprefix("::ffff:") if ":" in address else address


def _is_mac(device: str) -> bool:
    try:
        return mac_device(device) == device
    except ValueError:
        return False
