# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control API answers to whom, over its socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.filterd.control.fakes import PASSWORD, Control


class _Connection(http.client.HTTPConnection):
    def __init__(self, runtime: Path) -> None:
        super().__init__("filterd", timeout=10)
        self._path = str(runtime / "control.sock")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self._path)


def ask(runtime: Path, method: str, path: str, body: object = None, *, token: str = "") -> tuple[int, Any]:
    connection = _Connection(runtime)
    try:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, path, raw, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture
def token(serving: Path, control: Control) -> str:
    control.set_password()
    status, session = ask(serving, "POST", "/v1/session", {"password": PASSWORD})
    assert status == 201
    return str(session["token"])


def test_the_status_needs_nothing(serving: Path) -> None:
    status, answer = ask(serving, "GET", "/v1/status")

    assert status == 200
    assert answer["version"] == "9.9"
    assert {"protection", "roles", "lists", "problems", "blocked_by_category", "database"} <= set(answer)


def test_the_kernel_says_who_asks(serving: Path) -> None:
    assert ask(serving, "GET", "/v1/me")[1]["uid"] == os.getuid()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/settings", None),
        ("PATCH", "/v1/settings", {"changes": [[["profiles", "child", "youtube"], "off"]]}),
        ("POST", "/v1/exceptions", {"domains": ["a.example"], "to": "allow"}),
        ("POST", "/v1/exceptions/remove", {"domains": ["a.example"], "to": "deny"}),
        ("POST", "/v1/protection", {"state": "off"}),
        ("POST", "/v1/permissions", {"host": "a.example", "minutes": 5}),
        ("GET", "/v1/permissions", None),
        ("DELETE", "/v1/permissions/1", None),
        ("GET", "/v1/requests", None),
        ("POST", "/v1/requests/1/answer", {"answer": "always"}),
        ("GET", "/v1/export", None),
        ("POST", "/v1/restore", {"text": ""}),
        ("GET", "/v1/audit", None),
        ("GET", "/v1/activity", None),
        ("GET", "/v1/activity/totals", None),
        ("GET", "/v1/activity.csv", None),
        ("POST", "/v1/activity/purge", {}),
        ("POST", "/v1/totp", None),
        ("DELETE", "/v1/totp", None),
        ("GET", "/v1/check?name=a.example&profile=grown-up", None),
    ],
)
@pytest.mark.parametrize("token", ["", "x" * 43])
def test_what_is_the_adult_s_is_closed_without_a_session(
    serving: Path, control: Control, method: str, path: str, body: object, token: str
) -> None:
    control.set_password()
    status, answer = ask(serving, method, path, body, token=token)

    assert status == 401
    assert "password" in answer["error"]
    assert control.recorded == []


def test_with_a_session_it_is_open_and_ends_with_it(serving: Path, control: Control, token: str) -> None:
    assert ask(serving, "POST", "/v1/protection", {"state": "off"}, token=token)[0] == 200
    assert not control.standing.on
    assert ask(serving, "DELETE", "/v1/session", token=token)[0] == 200
    assert ask(serving, "POST", "/v1/protection", {"state": "on"}, token=token)[0] == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b"", 400),
        ({"state": "of"}, 422),
        ({"state": "off", "more": 1}, 422),
        ({"state": "paused", "minutes": -5}, 422),
        ({"state": "paused", "minutes": 1e300}, 422),
        (b" " * (5 << 20), 413),
    ],
)
def test_bad_bodies_are_refused_in_one_line(
    serving: Path, control: Control, token: str, body: object, status: int
) -> None:
    found, answer = ask(serving, "POST", "/v1/protection", body, token=token)

    assert found == status
    assert "\n" not in answer["error"]
    assert control.standing.on


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/v1/status", 405), ("GET", "/", 404)])
def test_what_is_not_there_is_said_in_json(serving: Path, method: str, path: str, status: int) -> None:
    found, answer = ask(serving, method, path, {})

    assert found == status
    assert answer["error"]


def test_a_bug_is_one_line_and_tells_no_secret(
    serving: Path, control: Control, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: str) -> bool:
        raise RuntimeError("oh")

    control.set_password()
    monkeypatch.setattr(control.auth, "check_password", broken)
    status, answer = ask(serving, "POST", "/v1/session", {"password": "geheim-1234"})

    assert (status, answer["error"]) == (500, "a bug in the daemon (RuntimeError); see its log")
    assert "geheim" not in caplog.text
    assert "/v1/session failed" in caplog.text


def test_a_child_asks_and_the_adult_answers(serving: Path, control: Control, token: str) -> None:
    status, request = ask(serving, "POST", "/v1/requests", {"host": "bad.example", "comment": "porfa"})
    assert status == 201
    assert [r["comment"] for r in ask(serving, "GET", "/v1/requests", token=token)[1]] == ["porfa"]
    answered, _ = ask(serving, "POST", f"/v1/requests/{request['id']}/answer", {"answer": "1-hour"}, token=token)

    assert answered == 200
    assert [p.host for p in control.standing.permissions] == ["bad.example"]
