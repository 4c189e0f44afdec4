# SPDX-License-Identifier: GPL-3.0-or-later
"""The status as Prometheus reads it: counts, ages, states. No name that anybody asked for is in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from filterd.control.messages import Status

_PROTECTION = ("on", "paused", "off")


def make_metrics_app(status: Callable[[], Status]) -> Starlette:
    """Return the application that answers ``GET /metrics`` with what *status* returns."""
    registry = CollectorRegistry()
    registry.register(_StatusCollector(status))

    async def metrics(request: Request) -> Response:
        if not _is_own_name(request.url.hostname or ""):
            # A page of somebody else's, whose name leads here, must not read it (DNS rebinding).
            return PlainTextResponse("ask by address\n", status_code=421)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/metrics", metrics, methods=["GET"])])


class _StatusCollector(Collector):
    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def describe(self) -> Iterator[Metric]:
        return iter(())  # what there is depends on the status; asking for it at start would be too early

    def collect(self) -> Iterator[Metric]:
        status = self._status()
        yield from _whole(status)
        yield _labelled("decisions_by_stage", "Decisions by what was asked", "stage", status.by_stage)
        yield _labelled("blocked_by_category", "Blocked by category", "category", status.blocked_by_category)
        yield _labelled("blocked_by_cause", "Blocked by clause", "cause", status.blocked_by_cause)
        yield _labelled("dns_events", "What the DNS processes counted", "event", status.dns)
        yield from _lists(status)
        yield from _roles(status)


def _whole(status: Status) -> Iterator[Metric]:
    build = GaugeMetricFamily("filterd_build_info", "The version", labels=["version"])
    build.add_metric([status.version], 1)
    yield build
    protection = GaugeMetricFamily("filterd_protection", "1 for the state it is in", labels=["state"])
    for state in _PROTECTION:
        protection.add_metric([state], float(state == status.protection))
    yield protection
    yield CounterMetricFamily("filterd_decisions", "Decisions, DNS and web together", value=status.queries)
    yield CounterMetricFamily("filterd_blocked", "Decisions to block", value=status.blocked)
    yield CounterMetricFamily("filterd_rewritten", "Decisions to show the safe mode", value=status.rewritten)
    yield CounterMetricFamily("filterd_uncounted", "Decisions that could not be counted", value=status.uncounted)
    yield GaugeMetricFamily("filterd_problems", "Problems that status tells", value=len(status.problems))
    yield GaugeMetricFamily("filterd_start_time_seconds", "When the daemon started", value=_seconds(status.started))


def _lists(status: Status) -> Iterator[Metric]:
    yield GaugeMetricFamily("filterd_database_names", "Names in the database", value=status.database.names)
    yield GaugeMetricFamily(
        "filterd_database_built_seconds", "When it was built", value=_seconds(status.database.built)
    )
    entries = GaugeMetricFamily("filterd_list_entries", "Entries of a list", labels=["list"])
    age = GaugeMetricFamily("filterd_list_age_seconds", "Age of a list's good copy", labels=["list"])
    refused = GaugeMetricFamily("filterd_list_refused", "1 where the last copy was refused", labels=["list"])
    for entry in status.lists:
        entries.add_metric([entry.id], entry.entries)
        refused.add_metric([entry.id], float(bool(entry.refused)))
        if entry.age_days is not None:
            age.add_metric([entry.id], entry.age_days * 86400)
    yield from (entries, age, refused)


def _roles(status: Status) -> Iterator[Metric]:
    up = GaugeMetricFamily("filterd_role_up", "1 where a process is ready", labels=["role"])
    restarts = CounterMetricFamily("filterd_role_restarts", "Times that a process was started again", labels=["role"])
    for role in status.roles:
        up.add_metric([role.name], float(role.state == "ready"))
        restarts.add_metric([role.name], role.restarts)
    yield from (up, restarts)


def _labelled(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    found = CounterMetricFamily(f"filterd_{name}", text, labels=[label])
    for key, value in values.items():
        found.add_metric([key], value)
    return found


def _seconds(when: str | None) -> float:
    return datetime.fromisoformat(when).timestamp() if when else 0.0


def _is_own_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True
