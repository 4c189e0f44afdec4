# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a client connection is kept; what is said on it is shown by test_runner."""

from __future__ import annotations

import time

import pytest

from filterd.proxy.addon import FilterAddon
from filterd.proxy.limits import Limits
from filterd.proxy.runner import Listener
from tests.filterd.proxy.support import Origin, Table, receive_all, receive_exactly, rulebook, serving

HERE = {"shop.example": ["127.0.0.1"]}
SHORT = Limits(first_request_s=0.2, next_request_s=0.2)


@pytest.mark.parametrize("said", [b"", b"GET", b"CONNECT shop.example:443 HTTP/1.1\r\n"])
def test_who_asks_for_nothing_is_hung_up_on(said: bytes) -> None:
    addon = FilterAddon(rulebook(Table({}), HERE), observe=lambda _: None)
    with serving(addon, [Listener("127.0.0.1", 0)], [], limits=SHORT) as proxy:
        began = time.monotonic()

        assert proxy.say(said) == b""
        assert time.monotonic() - began < 5


def test_who_waits_for_an_answer_is_not(origin: Origin) -> None:
    addon = FilterAddon(rulebook(Table({}), HERE), observe=lambda _: None)
    with serving(addon, [Listener("127.0.0.1", 0)], [], limits=SHORT) as proxy, proxy.connect() as client:
        client.sendall(f"GET http://shop.example:{origin.port}/halves HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        assert b"200" in receive_exactly(client, 20)
        assert not origin.go_on.wait(1.0), "five times as long as an idle client has"
        origin.go_on.set()

        assert receive_all(client).endswith(b"firstsecond")


def test_a_connection_is_closed_once() -> None:
    """Closed twice, mitmproxy interrupts its own closing, and the connection stays open."""
    addon = FilterAddon(rulebook(Table({}), HERE), observe=lambda _: None)
    with serving(addon, [Listener("127.0.0.1", 0)], []) as proxy:
        said = "GET http://shop.example/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"

        assert proxy.say(said).startswith(b"HTTP/1.1 400")
