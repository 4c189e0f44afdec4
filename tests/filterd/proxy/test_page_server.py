# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own pages' listener, and the same pages where they come through the proxy."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from filterd.policy.model import Client, Decision, Verdict
from filterd.proxy.actions import BlockPageActions
from filterd.proxy.addon import FilterAddon
from filterd.proxy.inspection import Inspection
from filterd.proxy.judge import Rulebook
from filterd.proxy.page_server import PageServer
from filterd.proxy.runner import Listener
from filterd.wording import Outcome
from tests.filterd.proxy.support import (
    GAMBLING,
    Origin,
    RunningProxy,
    Table,
    open_rulebook,
    receive_all,
    rulebook,
    serving,
)

HERE = {"shop.example": ["127.0.0.1"], "casino.example": ["127.0.0.1"]}
FORM = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"


@dataclass
class House:
    """A proxy, the listener of our own pages, and what reached the adult."""

    proxy: RunningProxy
    port: int
    asked: list[tuple[str, str, str | None, str, bool]] = field(default_factory=list)

    def say(self, text: str, port: int | None = None) -> bytes:
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=10) as connection:
            connection.sendall(text.encode())
            return receive_all(connection)


@contextlib.contextmanager
def a_house(verdicts: Mapping[str, Verdict], book: Rulebook | None = None) -> Iterator[House]:
    asked: list[tuple[str, str, str | None, str, bool]] = []

    async def ask(*, host: str, profile: str, client: Client, comment: str, wrong: bool) -> Outcome:
        asked.append((host, profile, client.address, comment, wrong))
        return Outcome.SENT

    decisions: list[Decision] = []
    addon = FilterAddon(
        book or rulebook(Table(verdicts), HERE), observe=decisions.append, actions=BlockPageActions(ask=ask)
    )
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    server = PageServer(addon, hosts=["filterd.home.arpa"], proxy_port=8080)
    with serving(addon, [Listener("127.0.0.1", 0)], decisions, beside=lambda: server.listen(bound)) as proxy:
        yield House(proxy, port, asked)


def token_in(page: bytes) -> str:
    found = re.search(rb'name="token" value="([^"]+)"', page)
    assert found
    return found[1].decode()


def form(host: str, origin: str, token: str) -> str:
    body = f"token={token}&kind=ask&comment=por+favor"
    return (
        f"POST /.filterd/ask HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{FORM}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "filterd.home.arpa"])
@pytest.mark.parametrize("path", ["/proxy.pac", "/wpad.dat"])
def test_the_file_for_browsers_is_served_under_our_own_names(host: str, path: str) -> None:
    with a_house({}) as house:
        answer = house.say(f"GET {path} HTTP/1.1\r\nHost: {host}:{house.port}\r\n\r\n")

    assert b"Content-Type: application/x-ns-proxy-autoconfig" in answer
    assert b'"PROXY 127.0.0.1:8080"' in answer


def test_the_proxy_itself_serves_the_file_at_its_own_address() -> None:
    with a_house({}) as house:
        port = house.proxy.port
        answer = house.say(f"GET /proxy.pac HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n", port)
        other = house.say(f"GET /proxy.pac HTTP/1.1\r\nHost: wpad.example:{port}\r\nConnection: close\r\n\r\n", port)

    assert f'"PROXY 127.0.0.1:{port}"'.encode() in answer
    assert b"PROXY" not in other


def test_other_names_do_not_get_the_file() -> None:
    with a_house({}) as house:
        answer = house.say("GET /wpad.dat HTTP/1.1\r\nHost: wpad.shop.example\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 421")


def test_a_blocked_name_that_was_led_here_is_told_why_and_can_be_asked_for() -> None:
    with a_house({"casino.example": GAMBLING}) as house:
        page = house.say("GET / HTTP/1.1\r\nHost: casino.example\r\n\r\n")
        answer = house.say(form("casino.example", f"http://casino.example:{house.port}", token_in(page)))

    assert page.startswith(b"HTTP/1.1 403")
    assert b"Juegos de azar" in page
    assert b"Pedido enviado" in answer
    assert house.asked == [("casino.example", "child", "127.0.0.1", "por favor", False)]
    assert [d.verdict for d in house.proxy.decisions] == [GAMBLING]


def test_what_is_not_blocked_has_no_page_here() -> None:
    with a_house({}) as house:
        assert house.say("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n").startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize(
    "said",
    ["rubbish\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /\xff HTTP/1.1\r\n\r\n"],
)
def test_rubbish_gets_our_page(said: str) -> None:
    with a_house({}) as house:
        answer = house.say(said)

    assert answer.startswith(b"HTTP/1.1 400")
    assert "Pedido no válido".encode() in answer


def test_a_long_body_is_not_read() -> None:
    with a_house({}) as house:
        said = "POST / HTTP/1.1\r\nHost: casino.example\r\nContent-Length: 99999\r\n\r\n" + "x" * 30000

        assert house.say(said).startswith(b"HTTP/1.1 400")


def test_a_program_reads_json() -> None:
    with a_house({"casino.example": GAMBLING}) as house:
        answer = house.say("GET / HTTP/1.1\r\nHost: casino.example\r\nAccept: application/json\r\n\r\n")

    assert json.loads(answer.partition(b"\r\n\r\n")[2])["category"] == "gambling"


def test_through_the_proxy_a_form_reaches_the_adult_and_no_server(origin: Origin) -> None:
    with a_house({"casino.example": GAMBLING}) as house:
        page = house.proxy.say(f"GET http://casino.example:{origin.port}/ HTTP/1.1\r\nConnection: close\r\n\r\n")
        said = form(f"casino.example:{origin.port}", f"http://casino.example:{origin.port}", token_in(page))
        answer = house.proxy.say(said.replace(" /.filterd", f" http://casino.example:{origin.port}/.filterd"))

    assert b"Pedido enviado" in answer
    assert len(house.asked) == 1
    assert origin.requests == []


@pytest.mark.parametrize(
    "head",
    [
        "GET {url} HTTP/1.1\r\nConnection: close\r\n\r\n",
        "POST {url} HTTP/1.1\r\nConnection: close\r\nContent-Length: 99999\r\n\r\n",
        "POST {url} HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["get", "long", "no length"],
)
def test_our_path_never_leaves_the_proxy(head: str, origin: Origin) -> None:
    with a_house({}) as house, house.proxy.connect() as client:
        client.sendall(head.format(url=f"http://shop.example:{origin.port}/.filterd/ask").encode())
        answer = client.recv(1000)

    assert answer.startswith(b"HTTP/1.1 403")
    assert origin.requests == []


def test_inside_https_a_form_reaches_the_adult(
    inspection: Inspection, good_origin: Origin, family: ssl.SSLContext
) -> None:
    host, target = "casino.example", f"casino.example:{good_origin.port}"
    with a_house({}, open_rulebook({host: GAMBLING}, HERE, inspection)) as house:
        tunnel, _ = house.proxy.open_tunnel(target)
        with tunnel, family.wrap_socket(tunnel, server_hostname=host) as secure:
            secure.sendall(f"GET / HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n".encode())
            page = receive_all(secure)
        tunnel, _ = house.proxy.open_tunnel(target)
        with tunnel, family.wrap_socket(tunnel, server_hostname=host) as secure:
            secure.sendall(form(target, f"https://{target}", token_in(page)).encode())
            answer = receive_all(secure)

    assert b"Pedido enviado" in answer
    assert house.asked[0][0] == host
    assert good_origin.requests == []
