# SPDX-License-Identifier: GPL-3.0-or-later
"""End to end: a real proxy between real clients and real servers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from filterd.policy.model import Allow, Block, Cause, Reason, Rewrite
from filterd.proxy.addon import FilterAddon
from filterd.proxy.runner import Listener, ListenError, run_proxy
from tests.filterd.proxy.support import (
    GAMBLING,
    Origin,
    RunningProxy,
    StartProxy,
    Table,
    ask_over,
    broken,
    listening,
    receive_all,
    receive_exactly,
    rulebook,
)

HERE = {"shop.example": ["127.0.0.1"], "casino.example": ["127.0.0.1"], "good.example": ["127.0.0.1"]}
SAFE = Rewrite(Reason(Cause.SAFE_SEARCH, rule="www.search.example"), "safe.search.example")
HANDSHAKE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n"
ALERT = b"\x15\x03\x03\x00\x02\x02\x31"


def shake_hands(tunnel: socket.socket, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    return context.wrap_socket(tunnel, server_hostname=name)


def greeting(name: str) -> bytes:
    """Return the ClientHello of a browser that wants *name*."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


# Plain HTTP


def test_an_allowed_page_comes_through_as_it_is(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy(hosts=HERE)

    answer = proxy.ask(f"http://shop.example:{origin.port}/a?b=c", Proxy_Connection="keep-alive", X_Own="1")

    assert (answer.status, answer.body) == (200, b"hello from the origin")
    method, path, headers = origin.requests[0]
    assert (method, path) == ("GET", "/a?b=c")
    assert headers["host"] == f"shop.example:{origin.port}"
    assert headers["x-own"] == "1"
    assert "proxy-connection" not in headers


def test_a_blocked_page_is_never_asked_for(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)

    answer = proxy.ask(f"http://casino.example:{origin.port}/", Accept_Language="en")

    assert answer.status == 403
    assert "Gambling" in answer.text
    assert "http_request_denied" in answer.headers["Proxy-Status"]
    assert origin.requests == []


def test_a_url_is_judged_whole_and_normalised(start_proxy: StartProxy, origin: Origin) -> None:
    bets = f"http://shop.example:{origin.port}/bet/1?x=y"
    proxy = start_proxy({bets: GAMBLING}, HERE)

    assert proxy.ask(f"http://SHOP.example.:{origin.port}/bet/1?x=y").status == 403
    assert proxy.ask(f"http://shop.example:{origin.port}/other").status == 200


def test_each_decision_is_observed_once(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)

    proxy.ask(f"http://casino.example:{origin.port}/")
    proxy.ask(f"http://shop.example:{origin.port}/")
    proxy.ask("http://unknown.example/")

    assert [(d.request.host, type(d.verdict)) for d in proxy.decisions] == [
        ("casino.example", Block),
        ("shop.example", Allow),
        ("unknown.example", Allow),
    ]
    assert proxy.decisions[0].request.client.address == "127.0.0.1"


def test_one_connection_serves_many_sites(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    with contextlib.closing(client):
        statuses = [
            ask_over(client, f"http://{host}:{origin.port}/").status
            for host in ("shop.example", "casino.example", "good.example", "casino.example", "shop.example")
        ]

    assert statuses == [200, 403, 200, 403, 200]


def test_a_blocked_head_has_no_body_that_upsets_the_next_request(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    with contextlib.closing(client):
        refused = ask_over(client, f"http://casino.example:{origin.port}/", method="HEAD")
        allowed = ask_over(client, f"http://shop.example:{origin.port}/")

    assert (refused.status, refused.body) == (403, b"")
    assert int(refused.headers["Content-Length"]) > 0
    assert allowed.status == 200


def test_a_page_streams(start_proxy: StartProxy, origin: Origin) -> None:
    """The first half is here while the server still holds the second."""
    proxy = start_proxy(hosts=HERE)
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    with contextlib.closing(client):
        client.request("GET", f"http://shop.example:{origin.port}/halves")
        answer = client.getresponse()
        first = answer.read(5)
        origin.go_on.set()
        rest = answer.read()

    assert (first, rest) == (b"first", b"second")


def test_an_upload_streams(start_proxy: StartProxy, origin: Origin) -> None:
    """The server has the first half while the client still holds the second."""
    proxy = start_proxy(hosts=HERE)
    with proxy.connect() as client:
        client.sendall(f"POST http://shop.example:{origin.port}/ HTTP/1.1\r\nHost: shop.example\r\n".encode())
        client.sendall(b"Content-Length: 20\r\nConnection: close\r\n\r\n0123456789")
        assert origin.go_on.wait(10)
        client.sendall(b"0123456789")
        answer = receive_all(client)

    assert answer.endswith(b"taken 20")


def test_a_large_upload_arrives_whole(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy(hosts=HERE)

    answer = proxy.ask(f"http://shop.example:{origin.port}/", method="POST", body=bytes(30_000_000))

    assert answer.body == b"taken 30000000"


def test_a_refused_upload_is_answered_before_its_end_and_dropped(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)
    with proxy.connect() as client:
        client.sendall(b"POST http://casino.example/ HTTP/1.1\r\nHost: casino.example\r\nContent-Length: 100\r\n\r\n")
        answer = http.client.HTTPResponse(client)
        answer.begin()
        refused = answer.read()
        client.sendall(bytes(100))  # the rest runs into nothing, and the connection goes on
        client.sendall(f"GET http://shop.example:{origin.port}/ HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode())
        following = http.client.HTTPResponse(client)
        following.begin()

    assert answer.status == 403
    assert "Página bloqueada".encode() in refused
    assert following.status == 200


def test_a_refused_upload_that_waits_for_leave_gets_none(start_proxy: StartProxy) -> None:
    proxy = start_proxy({"casino.example": GAMBLING})
    head = (
        "POST http://casino.example/ HTTP/1.1\r\nHost: casino.example\r\nContent-Length: 9\r\nExpect: 100-continue\r\n"
    )

    with proxy.connect() as client:
        client.sendall(f"{head}\r\n".encode())
        answer = receive_exactly(client, 12)

    assert answer == b"HTTP/1.1 403"


def test_an_old_client_is_served(start_proxy: StartProxy, origin: Origin) -> None:
    """HTTP/1.0 has no Host header; the server of many sites gets one."""
    proxy = start_proxy(hosts=HERE)

    answer = proxy.say(f"GET http://shop.example:{origin.port}/ HTTP/1.0\r\n\r\n")

    assert answer.endswith(b"hello from the origin")
    assert origin.requests[0][2]["host"] == f"shop.example:{origin.port}"


@pytest.mark.parametrize(
    "request_text",
    [
        "GET http://shop.example/ HTTP/1.1\r\nHost: casino.example\r\n\r\n",
        "GET http://shop.example/ HTTP/1.1\r\nHost: shop.example\r\nHost: casino.example\r\n\r\n",
        "GET http://shop.example/ HTTP/1.1\r\nHost: shop.example@casino.example\r\n\r\n",
        "GET https://shop.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        "GET ftp://shop.example:21/ HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET http://shop.example/ HTTP/1.1\r\nHost : shop.example\r\n\r\n",
        "POST http://shop.example/ HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1\r\n"
        "Transfer-Encoding: chunked\r\n\r\n",
        "RUBBISH\r\n\r\n",
        "CONNECT shop.example HTTP/1.1\r\n\r\n",
        "CONNECT -..-:443 HTTP/1.1\r\n\r\n",
    ],
    ids=[
        "other host",
        "two hosts",
        "user",
        "https",
        "ftp",
        "no host",
        "space",
        "smuggling",
        "rubbish",
        "no port",
        "no name",
    ],
)
def test_a_request_that_cannot_be_judged_is_refused(start_proxy: StartProxy, request_text: str) -> None:
    proxy = start_proxy(hosts=HERE)

    answer = proxy.say(request_text)

    assert answer.startswith(b"HTTP/1.1 400")


def test_a_head_without_end_is_cut_off(start_proxy: StartProxy) -> None:
    proxy = start_proxy(hosts=HERE)
    with proxy.connect() as client:
        with contextlib.suppress(OSError):
            for _ in range(400):
                client.sendall(b"X-Filler: " + b"a" * 1000 + b"\r\n" if _ else b"GET http://shop.example/ HTTP/1.1\r\n")
        answer = receive_all(client)

    assert answer == b""


# Trouble is told as trouble


def test_a_name_that_does_not_exist_is_said_so(start_proxy: StartProxy) -> None:
    answer = start_proxy().ask("http://unknown.example/", Accept_Language="en")

    assert answer.status == 502
    assert "does not exist" in answer.text
    assert "dns_error" in answer.headers["Proxy-Status"]


def test_a_server_that_refuses_is_said_so(start_proxy: StartProxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    proxy = start_proxy(hosts=HERE)

    answer = proxy.ask(f"http://shop.example:{port}/")
    tunnel, refused = proxy.open_tunnel(f"shop.example:{port}")
    tunnel.close()

    for got in (answer, refused):
        assert got.status == 502
        assert "El sitio no responde" in got.text
        assert "bloqueada" not in got.text
        assert "destination_unavailable" in got.headers["Proxy-Status"]


def test_a_server_that_keeps_silent_is_given_up(start_proxy: StartProxy) -> None:
    """A full queue of connections is what a lost network looks like."""
    with contextlib.ExitStack() as held, socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        proxy = start_proxy(hosts=HERE, connect_timeout_s=0.2)
        url = f"shop.example:{full.getsockname()[1]}"

        answer = proxy.ask(f"http://{url}/")
        tunnel, refused = proxy.open_tunnel(url)
        tunnel.close()

    assert (answer.status, refused.status) == (504, 504)
    assert "connection_timeout" in answer.headers["Proxy-Status"]


@pytest.mark.parametrize("path", ["/gone", "/rubbish"])
def test_a_server_that_answers_nothing_sensible_is_said_so(start_proxy: StartProxy, origin: Origin, path: str) -> None:
    answer = start_proxy(hosts=HERE).ask(f"http://shop.example:{origin.port}{path}")

    assert answer.status == 502
    assert "no responde bien" in answer.text


def test_a_failed_upload_is_told_why(start_proxy: StartProxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    answer = start_proxy(hosts=HERE).ask(f"http://shop.example:{port}/", method="POST", body=bytes(100))

    assert answer.status == 502


def test_the_next_address_is_tried(start_proxy: StartProxy, origin: Origin, tls_origin: Origin) -> None:
    proxy = start_proxy(hosts={"shop.example": ["127.0.0.9", "127.0.0.1"]})  # nobody listens on the first

    answer = proxy.ask(f"http://shop.example:{origin.port}/")
    tunnel, opened = proxy.open_tunnel(f"shop.example:{tls_origin.port}")
    tunnel.close()

    assert (answer.status, opened.status) == (200, 200)


def test_a_site_that_comes_back_is_found_on_the_next_try(start_proxy: StartProxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    proxy = start_proxy(hosts=HERE)
    assert proxy.ask(f"http://shop.example:{port}/").status == 502

    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        answer = proxy.ask(f"http://shop.example:{port}/")
        thread.join()

    assert answer.status == 204


# What is off limits


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "rebound.example", "0.0.0.0"]
)
def test_the_machine_itself_is_off_limits(start_proxy: StartProxy, origin: Origin, host: str) -> None:
    proxy = start_proxy(hosts={"rebound.example": ["127.0.0.1", "10.0.0.1"]}, private=())

    answer = proxy.ask(f"http://{host}:{origin.port}/")
    tunnel, refused = proxy.open_tunnel(f"{host}:{origin.port}")
    tunnel.close()

    assert (answer.status, refused.status) == (403, 403)
    assert "destination_ip_prohibited" in answer.headers["Proxy-Status"]
    assert origin.requests == []


def test_a_name_that_our_resolver_blocks_is_not_dialled(start_proxy: StartProxy, origin: Origin) -> None:
    answer = start_proxy(hosts={"shop.example": ["0.0.0.0", "::"]}).ask(f"http://shop.example:{origin.port}/")

    assert answer.status == 403
    assert origin.requests == []


def test_the_proxy_does_not_dial_itself(start_proxy: StartProxy) -> None:
    proxy = start_proxy(hosts=HERE)

    answer = proxy.ask(f"http://shop.example:{proxy.port}/")
    tunnel, refused = proxy.open_tunnel(f"127.0.0.1:{proxy.port}")
    tunnel.close()

    assert (answer.status, refused.status) == (403, 403)


def test_a_blocked_address_blocks_the_name_that_leads_there(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"127.0.0.1": GAMBLING}, HERE)

    answer = proxy.ask(f"http://shop.example:{origin.port}/")

    assert answer.status == 403
    assert "Juegos de azar" in answer.text
    assert [type(d.verdict) for d in proxy.decisions] == [Block]


def test_an_allow_of_the_name_covers_its_addresses(start_proxy: StartProxy, origin: Origin) -> None:
    allowed = Allow(Reason(Cause.ALLOW_LIST, rule="shop.example"))

    answer = start_proxy({"shop.example": allowed, "127.0.0.1": GAMBLING}, HERE).ask(
        f"http://shop.example:{origin.port}/"
    )

    assert answer.status == 200


# Safe search


def test_safe_search_changes_the_address_and_not_the_name(start_proxy: StartProxy, origin: Origin) -> None:
    hosts = {"www.search.example": ["127.0.0.9"], "safe.search.example": ["127.0.0.1"]}
    proxy = start_proxy({"www.search.example": SAFE}, hosts)

    answer = proxy.ask(f"http://www.search.example:{origin.port}/find")

    assert answer.status == 200
    assert origin.requests[0][2]["host"] == f"www.search.example:{origin.port}"


def test_safe_search_holds_in_a_tunnel(start_proxy: StartProxy, tls_origin: Origin, trusting: ssl.SSLContext) -> None:
    hosts = {"shop.example": ["127.0.0.9"], "safe.search.example": ["127.0.0.1"]}
    proxy = start_proxy({"shop.example": SAFE}, hosts)
    tunnel, opened = proxy.open_tunnel(f"shop.example:{tls_origin.port}")

    with shake_hands(tunnel, trusting, "shop.example") as secure:
        secure.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        answer = receive_all(secure)

    assert opened.status == 200
    assert answer.endswith(b"hello from the origin")


def test_an_engine_without_its_safe_host_is_not_reached(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"www.search.example": SAFE}, {"www.search.example": ["127.0.0.1"]})

    answer = proxy.ask(f"http://www.search.example:{origin.port}/")

    assert answer.status == 502
    assert origin.requests == []


def test_safe_search_is_not_escaped_by_a_tunnel_to_another_name(
    start_proxy: StartProxy, tls_origin: Origin, trusting: ssl.SSLContext
) -> None:
    proxy = start_proxy({"shop.example": SAFE}, {**HERE, "safe.search.example": ["127.0.0.1"]})
    tunnel, _ = proxy.open_tunnel(f"good.example:{tls_origin.port}")

    with tunnel, pytest.raises((ssl.SSLError, OSError)):
        shake_hands(tunnel, trusting, "shop.example")

    assert tls_origin.requests == []


def test_safe_search_holds_in_a_tunnel_that_was_open_before(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy(hosts=HERE)
    tunnel, _ = proxy.open_tunnel(f"shop.example:{origin.port}")
    proxy.addon.swap(rulebook(Table({"shop.example": SAFE}), HERE))

    with tunnel:
        tunnel.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        answer = receive_all(tunnel)

    assert answer.startswith(b"HTTP/1.1 400")
    assert origin.requests == []


# Tunnels


def test_tls_passes_untouched(start_proxy: StartProxy, tls_origin: Origin, trusting: ssl.SSLContext) -> None:
    """The client sees the server's own certificate."""
    proxy = start_proxy(hosts=HERE)
    tunnel, opened = proxy.open_tunnel(f"shop.example:{tls_origin.port}")

    with shake_hands(tunnel, trusting, "shop.example") as secure:
        secure.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        answer = receive_all(secure)

    assert opened.status == 200
    assert answer.endswith(b"hello from the origin")
    assert [d.request.host for d in proxy.decisions] == ["shop.example"]


def test_a_refused_tunnel_explains_itself(start_proxy: StartProxy, tls_origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)

    tunnel, refused = proxy.open_tunnel(f"casino.example:{tls_origin.port}")
    tunnel.close()

    assert refused.status == 403
    assert refused.text.startswith("Página bloqueada: casino.example – Juegos de azar\n")
    assert "category-list gambling casino.example ut1-gambling" in refused.headers["Proxy-Status"]


def test_a_tunnel_carries_no_greeting_for_a_blocked_name(
    start_proxy: StartProxy, tls_origin: Origin, trusting: ssl.SSLContext
) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)
    tunnel, opened = proxy.open_tunnel(f"good.example:{tls_origin.port}")

    with tunnel, pytest.raises(ssl.SSLError, match=r"(?i)access.denied"):
        shake_hands(tunnel, trusting, "casino.example")

    assert opened.status == 200
    assert [d.request.host for d in proxy.decisions] == ["good.example", "casino.example"]


def test_a_greeting_that_comes_in_pieces_is_judged_whole(start_proxy: StartProxy, tls_origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)
    hello = greeting("casino.example")
    tunnel, _ = proxy.open_tunnel(f"good.example:{tls_origin.port}")

    with tunnel:
        tunnel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(hello), 50):
            tunnel.sendall(hello[at : at + 50])
        answer = receive_all(tunnel)

    assert answer == ALERT


def test_http_in_a_tunnel_is_judged_as_http(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({f"http://shop.example:{origin.port}/bet": GAMBLING}, HERE)
    answers = []
    for path in ("/bet", "/"):
        tunnel, _ = proxy.open_tunnel(f"shop.example:{origin.port}")
        with tunnel:
            tunnel.sendall(
                f"GET {path} HTTP/1.1\r\nHost: shop.example:{origin.port}\r\nConnection: close\r\n\r\n".encode()
            )
            answers.append(receive_all(tunnel))

    assert answers[0].startswith(b"HTTP/1.1 403")
    assert answers[1].endswith(b"hello from the origin")


def test_an_absolute_url_in_a_tunnel_reaches_the_server_as_a_path(start_proxy: StartProxy, origin: Origin) -> None:
    tunnel, _ = start_proxy(hosts=HERE).open_tunnel(f"shop.example:{origin.port}")

    with tunnel:
        tunnel.sendall(b"GET http://shop.example/x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        receive_all(tunnel)

    assert [path for _, path, _ in origin.requests] == ["/x"]


@pytest.mark.parametrize("target", ["/", "http://casino.example/"])
def test_http_in_a_tunnel_to_one_site_asks_for_no_other(start_proxy: StartProxy, origin: Origin, target: str) -> None:
    tunnel, _ = start_proxy(hosts=HERE).open_tunnel(f"shop.example:{origin.port}")

    with tunnel:
        tunnel.sendall(f"GET {target} HTTP/1.1\r\nHost: casino.example\r\n\r\n".encode())
        answer = receive_all(tunnel)

    assert answer.startswith(b"HTTP/1.1 400")
    assert origin.requests == []


def test_what_is_neither_tls_nor_http_is_refused(start_proxy: StartProxy) -> None:
    heard: list[bytes] = []
    with listening(lambda connection: heard.append(receive_all(connection))) as port:
        tunnel, opened = start_proxy(hosts=HERE).open_tunnel(f"shop.example:{port}")
        with tunnel:
            tunnel.sendall(b"SSH-2.0-client\r\n")
            answer = receive_all(tunnel)

    assert opened.status == 200
    assert answer == b""
    assert heard == [b""]


def test_a_server_that_speaks_first_is_refused(start_proxy: StartProxy) -> None:
    with listening(lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n")) as port:
        tunnel, _ = start_proxy(hosts=HERE).open_tunnel(f"shop.example:{port}")
        with tunnel:
            assert receive_all(tunnel) == b""


def test_other_protocols_pass_where_the_adult_lets_them(start_proxy: StartProxy) -> None:
    def echo(connection: socket.socket) -> None:
        connection.sendall(b"hello\n" + receive_exactly(connection, 5))

    with listening(echo) as port:
        tunnel, _ = start_proxy(hosts=HERE, allow_unknown_protocols=True).open_tunnel(f"shop.example:{port}")
        with tunnel:
            tunnel.sendall(b"\0echo")
            answer = receive_all(tunnel)

    assert answer == b"hello\n\0echo"


def test_tls_to_the_proxy_itself_is_refused(start_proxy: StartProxy) -> None:
    assert start_proxy().say(greeting("shop.example")) == b""


# WebSockets


def test_a_websocket_goes_on_after_its_handshake(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy(hosts=HERE)
    with proxy.connect() as client:
        client.sendall(f"GET http://shop.example:{origin.port}/switch HTTP/1.1\r\nHost: shop.example\r\n".encode())
        client.sendall(f"{HANDSHAKE}\r\n".encode())
        answer = http.client.HTTPResponse(client)
        answer.begin()
        client.sendall(b"\x81\x05hello")
        echoed = receive_exactly(client, 7)

    assert answer.status == 101
    assert echoed == b"\x81\x05hello"


def test_a_websocket_in_a_tunnel_goes_on_too(start_proxy: StartProxy, origin: Origin) -> None:
    """Browsers ask for ws: through CONNECT."""
    tunnel, _ = start_proxy(hosts=HERE).open_tunnel(f"shop.example:{origin.port}")
    with tunnel:
        tunnel.sendall(f"GET /switch HTTP/1.1\r\nHost: shop.example\r\n{HANDSHAKE}\r\n".encode())
        answer = http.client.HTTPResponse(tunnel)
        answer.begin()
        tunnel.sendall(b"\x81\x05hello")
        echoed = receive_exactly(tunnel, 7)

    assert (answer.status, echoed) == (101, b"\x81\x05hello")


def test_a_websocket_to_a_blocked_site_is_refused(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)

    answer = proxy.ask(f"http://casino.example:{origin.port}/switch", Upgrade="websocket", Connection="Upgrade")

    assert answer.status == 403


def test_a_server_that_switches_to_what_was_not_asked_for_is_cut_off(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy(hosts=HERE)

    answer = proxy.say(
        f"GET http://shop.example:{origin.port}/switch HTTP/1.1\r\nHost: shop.example\r\nUpgrade: own\r\n\r\n"
    )

    assert answer == b""
    assert "upgrade" not in origin.requests[0][2]


# The page that shows that it works


def test_an_allowed_test_name_is_greeted_without_a_network(start_proxy: StartProxy) -> None:
    proxy = start_proxy({"gambling.prueba.home.arpa": GAMBLING})

    allowed = proxy.ask("http://permitido.prueba.home.arpa/")
    blocked = proxy.ask("http://gambling.prueba.home.arpa/")
    tunnel, kind = proxy.open_tunnel("permitido.prueba.home.arpa:443")
    tunnel.close()

    assert (allowed.status, blocked.status, kind.status) == (200, 403, 403)
    assert "El filtro funciona: esta página está permitida." in allowed.text
    assert "http://permitido.prueba.home.arpa/" in kind.text


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_gets_what_the_manual_says(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)

    def curl(url: str) -> str:
        command = ["curl", "-sS", "-x", f"127.0.0.1:{proxy.port}", "--noproxy", "", url]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout

    assert curl(f"http://shop.example:{origin.port}/") == "hello from the origin"
    assert "Página bloqueada: casino.example" in curl("http://casino.example/")


# Bugs close


def test_a_bug_in_the_policy_closes(start_proxy: StartProxy, origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    proxy = start_proxy(broken, HERE)

    answer = proxy.ask(f"http://shop.example:{origin.port}/")
    tunnel, refused = proxy.open_tunnel(f"shop.example:{origin.port}")
    tunnel.close()

    assert (answer.status, refused.status) == (502, 502)
    for words in ("El filtro tuvo un problema", "Oĩ apañuãi filtro-pe", "The filter had a problem"):
        assert words in answer.text
    assert origin.requests == []
    assert "RuntimeError: a bug in the policy" in caplog.text


def test_a_bug_that_shows_in_a_tunnel_closes_it(
    start_proxy: StartProxy, tls_origin: Origin, origin: Origin, trusting: ssl.SSLContext
) -> None:
    proxy = start_proxy(hosts=HERE)
    tunnel, _ = proxy.open_tunnel(f"good.example:{tls_origin.port}")
    plain, _ = proxy.open_tunnel(f"good.example:{origin.port}")
    proxy.addon.swap(rulebook(broken, HERE))

    with tunnel, pytest.raises((ssl.SSLError, OSError)):
        shake_hands(tunnel, trusting, "shop.example")
    with plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n")
        answer = receive_all(plain)

    assert answer.startswith(b"HTTP/1.1 502")
    assert origin.requests == []


# The life of a proxy


def test_a_swap_holds_from_the_next_request_on(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy(hosts=HERE)
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    with contextlib.closing(client):
        before = ask_over(client, f"http://shop.example:{origin.port}/").status
        proxy.addon.swap(rulebook(Table({"shop.example": GAMBLING}), HERE))
        after = ask_over(client, f"http://shop.example:{origin.port}/").status

    assert (before, after) == (200, 403)


def test_a_listener_fixes_the_profile(start_proxy: StartProxy) -> None:
    policy = Table({})
    proxy = start_proxy(policy, listeners=[Listener("127.0.0.1", 0), Listener("127.0.0.1", 0, profile="adolescent")])

    for port in proxy.ports:
        proxy.ask("http://permitido.prueba.home.arpa/", port=port)

    assert [request.client.profile for request in policy.asked] == [None, "adolescent"]


def test_a_socket_that_is_bound_already_is_used_and_left_open() -> None:
    async def serve(held: socket.socket) -> list[tuple[str, int]]:
        stop = asyncio.Event()
        served: list[tuple[str, int]] = []

        def ready(addresses: list[tuple[str, int]]) -> None:
            served.extend(addresses)
            stop.set()

        addon = FilterAddon(rulebook(Table({}), {}), observe=lambda _: None)
        await run_proxy([Listener("127.0.0.1", 0, bound=held)], addon, stop, ready=ready)
        return served

    with socket.create_server(("127.0.0.1", 0)) as held:
        served = asyncio.run(serve(held))

        assert served == [held.getsockname()]
        assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "each answer would wait 40 ms"
        with socket.create_connection(held.getsockname(), timeout=5):
            pass  # clients that come while nobody serves wait in its queue


def run_until_it_fails(listener: Listener) -> str:
    addon = FilterAddon(rulebook(Table({}), {}), observe=lambda _: None)
    with pytest.raises(ListenError) as caught:
        asyncio.run(run_proxy([listener], addon, asyncio.Event()))
    return str(caught.value)


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        message = run_until_it_fails(Listener("127.0.0.1", port))

    assert re.fullmatch(rf"\[proxy\] cannot listen on 127\.0\.0\.1:{port}: .+; .+ change \[proxy\] listen", message)


def test_an_address_that_is_not_ours_is_one_clear_line() -> None:
    message = run_until_it_fails(Listener("192.0.2.1", 8080))

    assert re.fullmatch(r"\[proxy\] cannot listen on 192\.0\.2\.1:8080: [^;(]+; change \[proxy\] listen", message)


def test_it_stops_with_connections_open(start_proxy: StartProxy, tls_origin: Origin, trusting: ssl.SSLContext) -> None:
    proxy = start_proxy(hosts=HERE)
    tunnel, _ = proxy.open_tunnel(f"shop.example:{tls_origin.port}")
    with shake_hands(tunnel, trusting, "shop.example") as secure, proxy.connect() as idle:
        proxy.stop()

        assert idle.recv(1) == b""
        with contextlib.suppress(OSError):
            assert secure.recv(1) == b""


def test_nothing_is_kept_of_clients_that_left(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy(hosts=HERE)

    for _ in range(5):
        proxy.ask(f"http://shop.example:{origin.port}/")
    proxy.stop()

    assert len(proxy.addon._conversations) == 0
    assert proxy.addon._clocks == proxy.addon._serving == {}


def test_the_log_names_no_hosts(start_proxy: StartProxy, origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = start_proxy({"casino.example": GAMBLING}, HERE)

    proxy.ask(f"http://shop.example:{origin.port}/canary")
    proxy.ask("http://casino.example/canary")
    proxy.ask("http://unknown.example/canary")
    proxy.open_tunnel(f"shop.example:{origin.port}")[0].close()
    proxy.stop()

    assert "example" not in caplog.text
    assert "canary" not in caplog.text


def crowd(proxy: RunningProxy, size: int) -> list[socket.socket]:
    return [proxy.connect() for _ in range(size)]


def test_a_crowd_is_served(start_proxy: StartProxy, origin: Origin) -> None:
    proxy = start_proxy(hosts=HERE)
    clients = crowd(proxy, 100)
    for client in clients:
        client.sendall(f"GET http://shop.example:{origin.port}/ HTTP/1.0\r\n\r\n".encode())

    answers = [receive_all(client) for client in clients]
    for client in clients:
        client.close()

    assert all(answer.endswith(b"hello from the origin") for answer in answers)
