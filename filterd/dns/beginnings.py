# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries that came together: all are read, then all are judged.

To do the same again costs a processor half of what it costs to do something else in between: its caches hold a part of
what answering a query takes, not the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from filterd.dns import wire
from filterd.dns.wire import ProtocolError, Query
from filterd.policy.model import Client, Decide, Decision, Request, Stage

_new = tuple.__new__  # what Begun() comes to, without its Python in between


class Begun(NamedTuple):
    """A query that was read and judged; *decide* is who judged it, and after a swap has no say any more."""

    query: Query
    decision: Decision
    decide: Decide


def begin_together(messages: Sequence[tuple[bytes, Client]], decide: Decide, *, when: datetime) -> list[Begun | None]:
    """Return each of *messages*, raw and whose, read and judged at *when*; ``None`` where that cannot be. Never raises.

    What is no query, has no name to judge or meets a bug is for who answers it to see again, say so and refuse.
    """
    queries = [_read(raw) for raw, _ in messages]
    return [
        _judge(query, decide, Request(Stage.QUERY, client, when, query.host)) if query else None
        for query, (_, client) in zip(queries, messages, strict=True)
    ]


def _read(raw: bytes) -> Query | None:
    try:
        query = wire.parse_query(raw)
    except ProtocolError:
        return None
    return query if query.host else None


def _judge(query: Query, decide: Decide, request: Request) -> Begun | None:
    try:
        return _new(Begun, (query, decide(request), decide))
    except Exception:  # noqa: BLE001 (its own query meets it again, where it is logged and counted)
        return None
