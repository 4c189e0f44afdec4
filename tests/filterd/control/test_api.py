# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control API answers to whom."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest


def exchange(runtime: Path, request: bytes) -> tuple[bytes, bytes]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(runtime / "control.sock"))
        client.sendall(request)
        whole = b""
        while piece := client.recv(65536):
            whole += piece
    head, _, body = whole.partition(b"\r\n\r\n")
    return head, body


def test_the_status_is_json_with_every_field(serving: Path) -> None:
    head, body = exchange(serving, b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    status = json.loads(body)

    assert head.startswith(b"HTTP/1.1 200")
    assert status["version"] == "9.9"
    assert {"protection", "roles", "lists", "problems", "blocked_by_category", "database"} <= set(status)


@pytest.mark.parametrize(
    ("request_line", "answer"), [(b"POST /v1/status", b"405"), (b"GET /", b"404"), (b"DELETE /v1/lists", b"404")]
)
def test_nothing_else_is_there_to_ask_or_change(serving: Path, request_line: bytes, answer: bytes) -> None:
    head, _ = exchange(serving, request_line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert head.split()[1] == answer
