# SPDX-License-Identifier: GPL-3.0-or-later
"""Each answer of the API is as its description says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from filterd.control.calls import Needs
from filterd.control.rows import rows
from tests.filterd.control.fakes import PASSWORD, Control
from tests.filterd.control.test_api import ask


def conforms(description: dict[str, Any], method: str, path: str, status: int, answer: object) -> None:
    operation = description["paths"][path][method.lower()]
    schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
    jsonschema.validate(answer, {**schema, "components": description["components"]})


def test_every_answer_fits_the_description(serving: Path, control: Control) -> None:
    description = ask(serving, "GET", "/v1/openapi.json")[1]
    control.set_password()
    token = ask(serving, "POST", "/v1/session", {"password": PASSWORD})[1]["token"]
    request = ask(serving, "POST", "/v1/requests", {"host": "bad.example"})[1]["id"]
    permission = ask(serving, "POST", "/v1/permissions", {"host": "a.example", "minutes": 9}, token=token)[1]["id"]
    calls: list[tuple[str, str, str, object]] = [
        ("GET", "/v1/status", "", None),
        ("GET", "/v1/me", "", None),
        ("GET", "/v1/check", "?name=a.example", None),
        ("GET", "/v1/check", "", None),
        ("GET", "/v1/check", "?name=a.example&profile=nobody", None),
        ("GET", "/v1/audit", "", None),
        ("GET", "/v1/audit", "?limit=x", None),
        ("POST", "/v1/password", "", {"password": "otra clave"}),
        ("POST", "/v1/session", "", {"password": "no"}),
        ("GET", "/v1/settings", "", None),
        ("PATCH", "/v1/settings", "", {"changes": [[["profiles", "child", "youtube"], "off"]]}),
        ("POST", "/v1/exceptions", "", {"domains": ["a.example"], "to": "deny"}),
        ("POST", "/v1/exceptions/remove", "", {"domains": ["a.example"], "to": "deny"}),
        ("GET", "/v1/export", "", None),
        ("POST", "/v1/restore", "", {"text": "[profiles.child]\nyoutube = 'strict'\n"}),
        ("POST", "/v1/protection", "", {"state": "paused", "minutes": 3}),
        ("GET", "/v1/permissions", "", None),
        ("POST", "/v1/permissions", "", {"host": "b.example", "until_tomorrow": True}),
        ("DELETE", f"/v1/permissions/{permission}", "", None),
        ("DELETE", f"/v1/permissions/{permission}", "", None),
        ("GET", "/v1/requests", "", None),
        ("POST", "/v1/requests", "", {"host": "open.example"}),
        ("POST", f"/v1/requests/{request}/answer", "", {"answer": "no"}),
        ("POST", "/v1/requests/forwarded", "", {"host": "bad.example", "profile": "child", "by": "192.0.2.7"}),
        (
            "POST",
            "/v1/unlock",
            "",
            {"host": "bad.example", "profile": "child", "address": "192.0.2.7", "code": "000000"},
        ),
        ("DELETE", f"/v1/requests/{request}", "", None),
        ("GET", "/v1/categories", "", None),
        ("POST", "/v1/lists/update", "", None),
        ("GET", "/v1/activity", "?text=a", None),
        ("GET", "/v1/activity", "?limit=x", None),
        ("GET", "/v1/activity/totals", "?since=0", None),
        ("POST", "/v1/activity/purge", "", {}),
        ("POST", "/v1/totp", "", None),
        ("DELETE", "/v1/totp", "", None),
        ("POST", "/v1/password/seen", "", None),
        ("PUT", "/v1/password", "", {"new": "nueva clave", "old": "falsa"}),
        ("DELETE", "/v1/session", "", None),
    ]
    seen = set()
    for method, path, query, body in calls:
        status, answer = ask(serving, method, path + query, body, token=token)
        template = path.replace(permission, "{id}").replace(request, "{id}")
        conforms(description, method, template, status, answer)
        seen.add((method, template))

    everything = {(m.upper(), p) for p, item in description["paths"].items() for m in item}
    assert seen == everything - {("GET", "/v1/activity.csv")}, "a table is no JSON"


def test_only_a_few_rows_need_no_session(control: Control) -> None:
    free = {(e.method, e.path) for e in rows(control.parts()) if e.needs is Needs.NOTHING}

    assert free == {
        ("GET", "/v1/status"),
        ("GET", "/v1/me"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/v1/categories"),
        ("POST", "/v1/requests"),
    }


@pytest.mark.parametrize("limit", ["-1", "٣", "1e3", ""])
def test_a_limit_is_a_number(serving: Path, control: Control, limit: str) -> None:
    control.set_password()
    token = ask(serving, "POST", "/v1/session", {"password": PASSWORD})[1]["token"]

    assert ask(serving, "GET", f"/v1/audit?limit={limit.replace('٣', '%D9%A3')}", token=token)[0] == 422


def test_a_check_for_a_profile_that_is_none_is_refused(serving: Path, control: Control) -> None:
    control.set_password()
    token = ask(serving, "POST", "/v1/session", {"password": PASSWORD})[1]["token"]
    status, answer = ask(serving, "GET", "/v1/check?name=a.example&profile=nobody", token=token)[:2]

    assert status == 422
    assert "unknown profile 'nobody'" in answer["error"]
