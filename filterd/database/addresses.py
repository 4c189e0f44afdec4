# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of a category as a text file, for what cannot read a database: the firewall."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filterd.database.layout import DatabaseError
from filterd.database.reader import Database
from filterd.policy.model import Effect
from filterd.policy.networks import Network, merge, subtract, summarise

_Spans = list[tuple[int, int]]


def blocked_networks(database: Database, category: str) -> list[Network]:
    """Return the fewest networks that hold every address which a list blocks as *category*, IPv6's low ones first.

    What a list excepts is out of its own networks, as at a look-up.
    """
    spans: dict[tuple[str, Effect], _Spans] = {}
    for network, match in database.networks():
        if match.category == category:
            spans.setdefault((match.list, match.effect), []).append((network.first, network.last))
    blocked: _Spans = []
    for (list_id, effect), found in spans.items():
        if effect is Effect.BLOCK:
            blocked += subtract(merge(found), merge(spans.get((list_id, Effect.EXCEPT), ())))
        elif effect is Effect.IMPORTANT:
            blocked += found
    return list(summarise(merge(blocked)))


def write_address_set(path: Path, category: str, networks: Sequence[Network], *, built: datetime) -> None:
    """Write *networks* to *path*, one prefix a line, IPv4's first; it appears whole or not at all.

    Raises:
        DatabaseError: it cannot be written.
    """
    v4, v6 = ([network for network in networks if network.is_v4 is family] for family in (True, False))
    head = (
        f"# addresses and networks of the category {category}, written by filterd: changes are lost\n"
        f"# date: {built.isoformat(timespec='seconds')}\n# ipv4: {len(v4)}\n# ipv6: {len(v6)}\n"
    )
    unfinished = path.with_name(path.name + ".new")
    try:
        with unfinished.open("w", encoding="ascii") as file:
            file.write(head)
            file.writelines(_lines(v4 + v6))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        way_out = "make room or choose another folder, then run `filterd compile`"
        raise DatabaseError(f"{path}: cannot be written: {error.strerror}; {way_out}") from error
    finally:
        with suppress(OSError):  # in the way of nothing: the next compilation writes it anew
            unfinished.unlink()


def _lines(networks: Iterable[Network]) -> Iterable[str]:
    return (f"{network.prefix()}\n" for network in networks)
