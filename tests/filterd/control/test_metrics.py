# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus reads the status, and no name that a child asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from filterd.control.messages import DatabaseStatus, ListStatus, RoleStatus, Status
from filterd.control.metrics import make_metrics_app

STATUS = Status(
    version="9.9", protection="paused", started="2026-11-21T12:00:00+00:00", queries=10, blocked=3,
    blocked_by_category={"gambling": 2}, dns={"ready": 7}, roles=[RoleStatus(name="dns", state="ready", restarts=1)],
    lists=[ListStatus(id="ut1", category="all", entries=5, age_days=0.5, refused="too small")],
    database=DatabaseStatus(built="2026-11-21T11:00:00+00:00", names=9), problems=["dns: casino.example rained"],
)  # fmt: skip


def ask(path: str = "/metrics", *, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str]:
    """Return status and text of the application's answer."""
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
        "scheme": "http", "query_string": b"", "root_path": "", "headers": [(b"host", host.encode())],
        "server": ("127.0.0.1", 9100),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(make_metrics_app(lambda: STATUS)(scope, receive, send))
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:]).decode()


def read() -> dict[tuple[str, str], float]:
    _, text = ask()
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_status_tells_is_there_by_name() -> None:
    found = read()

    assert found["filterd_decisions_total", ""] == 10
    assert found["filterd_blocked_by_category_total", "gambling"] == 2
    assert found["filterd_dns_events_total", "ready"] == 7
    assert (found["filterd_protection", "paused"], found["filterd_protection", "on"]) == (1, 0)
    assert found["filterd_list_age_seconds", "ut1"] == 43200
    assert found["filterd_list_refused", "ut1"] == 1
    assert found["filterd_role_up", "dns"] == 1
    assert found["filterd_role_restarts_total", "dns"] == 1
    assert found["filterd_database_names", ""] == 9
    assert found["filterd_problems", ""] == 1


def test_no_name_that_was_asked_for_is_told() -> None:
    assert "casino" not in ask()[1]


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("[::1]:9100", 200), ("localhost", 200), ("x.example", 421)]
)
def test_it_is_asked_by_address(host: str, status: int) -> None:
    assert ask(host=host)[0] == status


def test_nothing_else_is_served() -> None:
    assert ask("/v1/status")[0] == 404
    assert ask(method="POST")[0] == 405
