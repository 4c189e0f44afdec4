# SPDX-License-Identifier: GPL-3.0-or-later
"""Redirected connections: what they ask for is read off their first words, and we dial what our resolver says."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from filterd.policy.model import Decision, Verdict
from filterd.proxy.addon import FilterAddon
from filterd.proxy.authority import Authority
from filterd.proxy.inspection import Inspection
from filterd.proxy.judge import Rulebook
from filterd.proxy.never_decrypt import NeverDecrypt
from filterd.proxy.runner import Listener
from filterd.proxy.transparent import leads_to_ourselves, original_destination
from tests.filterd.proxy.support import (
    GAMBLING,
    Origin,
    RunningProxy,
    Table,
    listening,
    open_rulebook,
    receive_all,
    receive_exactly,
    rulebook,
    serving,
)

HERE = {name: ["127.0.0.1"] for name in ("shop.example", "casino.example", "good.example", "bank.example")}
ALERT = b"\x15\x03\x03\x00\x02\x02\x31"


@contextlib.contextmanager
def redirected(
    destination: tuple[str, int] | None,
    verdicts: Mapping[str, Verdict] = {},
    hosts: Mapping[str, Sequence[str]] = HERE,
    *,
    book: Rulebook | None = None,
    strict: bool = True,
    allow_unknown_protocols: bool = False,
    ports: frozenset[int] | None = None,
) -> Iterator[RunningProxy]:
    """Run a proxy whose every client was on its way to *destination*."""
    decisions: list[Decision] = []
    made = book or rulebook(Table(verdicts), hosts)
    opened = ports if ports is not None else frozenset({destination[1]} if destination else ())
    made = replace(made, strict=lambda _: strict, redirected_ports=opened)
    addon = FilterAddon(made, observe=decisions.append, allow_unknown_protocols=allow_unknown_protocols)
    listener = Listener("127.0.0.1", 0, mode="transparent")
    with serving(addon, [listener], decisions, find_destination=lambda _: destination) as proxy:
        yield proxy


def ask_inside(proxy: RunningProxy, context: ssl.SSLContext, name: str | None) -> bytes:
    """Greet as one who wants *name*, and return the answer to a request."""
    with proxy.connect() as connection, context.wrap_socket(connection, server_hostname=name) as secure:
        secure.sendall(f"GET / HTTP/1.1\r\nHost: {name or 'shop.example'}\r\nConnection: close\r\n\r\n".encode())
        return receive_all(secure)


def test_a_page_comes_through(origin: Origin) -> None:
    with redirected(("192.0.2.7", origin.port)) as proxy:
        answer = proxy.say(f"GET /a HTTP/1.1\r\nHost: shop.example:{origin.port}\r\nConnection: close\r\n\r\n")

    assert answer.endswith(b"hello from the origin")
    assert origin.requests[0][2]["host"] == f"shop.example:{origin.port}"


def test_a_blocked_page_is_never_asked_for(origin: Origin) -> None:
    with redirected(("127.0.0.1", origin.port), {"casino.example": GAMBLING}) as proxy:
        answer = proxy.say("GET / HTTP/1.1\r\nHost: casino.example\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403")
    assert "Juegos de azar" in answer.decode()
    assert origin.requests == []


def test_a_url_is_judged_with_the_port_it_was_headed_for(origin: Origin) -> None:
    url = f"http://shop.example:{origin.port}/bet/1"
    with redirected(("192.0.2.7", origin.port), {url: GAMBLING}) as proxy:
        assert proxy.say("GET /bet/1 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n").startswith(
            b"HTTP/1.1 403"
        )


def test_each_request_of_a_connection_is_judged_by_its_own_host(origin: Origin) -> None:
    with redirected(("192.0.2.7", origin.port), {"casino.example": GAMBLING}) as proxy, proxy.connect() as client:
        for host, status in (("shop.example", b"200"), ("casino.example", b"403"), ("good.example", b"200")):
            client.sendall(f"HEAD / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += receive_exactly(client, 1)
            assert head.split()[1] == status


def test_tls_passes_to_where_our_resolver_says(tls_origin: Origin, trusting: ssl.SSLContext) -> None:
    with redirected(("192.0.2.7", tls_origin.port)) as proxy:
        assert ask_inside(proxy, trusting, "shop.example").endswith(b"hello from the origin")

    assert [d.request.host for d in proxy.decisions] == ["shop.example"]


def test_a_blocked_name_gets_an_alert(tls_origin: Origin) -> None:
    with (
        redirected(("127.0.0.1", tls_origin.port), {"casino.example": GAMBLING}) as proxy,
        proxy.connect() as connection,
        pytest.raises(ssl.SSLError, match=r"(?i)access.denied"),
    ):
        ssl.create_default_context().wrap_socket(connection, server_hostname="casino.example")

    assert proxy.decisions[0].verdict == GAMBLING


def test_a_name_that_is_never_decrypted_opens_no_way_to_another_server(
    authority: Authority, upstream_ca: Path, good_origin: Origin
) -> None:
    """The hole that plain transparent proxies have: a bank's name in the greeting, and the aim somewhere else."""
    alone = Inspection(authority, upstream_ca=upstream_ca, never_decrypt=NeverDecrypt(frozenset({"bank.example"})))
    book = open_rulebook({}, {"bank.example": ["127.0.0.1"]}, alone)
    bank = ssl.create_default_context(cafile=str(upstream_ca))
    with socket.create_server(("127.0.0.2", good_origin.port)) as evil:
        evil.setblocking(False)
        with redirected(("127.0.0.2", good_origin.port), book=book) as proxy:
            assert ask_inside(proxy, bank, "bank.example").endswith(b"hello from the origin")

        with pytest.raises(BlockingIOError):
            evil.accept()

    assert good_origin.requests[0][2]["host"] == "bank.example"


def test_an_inspected_page_is_shown_inside(inspection: Inspection, good_origin: Origin, family: ssl.SSLContext) -> None:
    book = open_rulebook({"casino.example": GAMBLING}, HERE, inspection)
    with redirected(("127.0.0.1", good_origin.port), book=book) as proxy:
        for host, words in (("casino.example", b"Juegos de azar"), ("shop.example", b"hello from the origin")):
            with proxy.connect() as raw, family.wrap_socket(raw, server_hostname=host) as secure:
                secure.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                assert words in receive_all(secure)

    assert [path for _, path, _ in good_origin.requests] == ["/"]


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "others"])
def test_a_name_that_does_not_resolve_leads_nowhere(tls_origin: Origin, strict: bool) -> None:
    with redirected(("127.0.0.1", tls_origin.port), hosts={}, strict=strict) as proxy, pytest.raises(ssl.SSLError):
        ask_inside(proxy, ssl.create_default_context(), "shop.example")


def test_without_a_name_a_strict_profile_goes_nowhere() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with redirected(("192.0.2.1", 443)) as proxy:
        with proxy.connect() as connection, pytest.raises(ssl.SSLError):
            context.wrap_socket(connection)
        answer = proxy.say("GET / HTTP/1.0\r\n\r\n")

    assert b" 403 " in answer.splitlines()[0]


def test_without_a_name_others_are_judged_by_the_address(tls_origin: Origin, trusting: ssl.SSLContext) -> None:
    trusting.check_hostname = False
    destination = ("127.0.0.1", tls_origin.port)
    with redirected(destination, strict=False) as proxy:
        assert ask_inside(proxy, trusting, None).endswith(b"hello from the origin")
    with redirected(destination, {"127.0.0.1": GAMBLING}, strict=False) as proxy, pytest.raises(ssl.SSLError):
        ask_inside(proxy, trusting, None)


def test_a_private_destination_is_out_of_reach(origin: Origin) -> None:
    book = rulebook(Table({}), {"shop.example": ["127.0.0.1"]}, private=())
    with redirected(("127.0.0.1", origin.port), book=book) as proxy:
        answer = proxy.say("GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403")
    assert origin.requests == []


def test_two_hosts_in_one_request_are_refused(origin: Origin) -> None:
    with redirected(("127.0.0.1", origin.port)) as proxy:
        answer = proxy.say("GET http://good.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")
    assert origin.requests == []


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n", b"\x00\x01binary", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_what_is_neither_http_nor_tls_is_closed(said: bytes, origin: Origin) -> None:
    with redirected(("127.0.0.1", origin.port)) as proxy:
        assert proxy.say(said) == b""


def test_unknown_protocols_pass_where_the_adult_allows_them() -> None:
    def echo(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100).upper())

    with listening(echo) as port, redirected(("127.0.0.1", port), allow_unknown_protocols=True) as proxy:
        assert proxy.say(b"hello there\r\n") == b"HELLO THERE\r\n"


def test_other_ports_than_those_of_the_web_are_closed(origin: Origin) -> None:
    with redirected(("127.0.0.1", origin.port), ports=frozenset({80, 443})) as proxy:
        assert (
            b" 403 " in proxy.say("GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n").splitlines()[0]
        )
        with proxy.connect() as connection, pytest.raises((ssl.SSLError, OSError)):
            ssl.create_default_context().wrap_socket(connection, server_hostname="shop.example")


def test_who_comes_straight_to_it_gets_nothing() -> None:
    with redirected(None) as proxy:
        assert proxy.say("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n") == b""


def test_a_destination_of_our_own_is_known() -> None:
    assert leads_to_ourselves(("127.0.0.1", 8081), {8081})
    assert not leads_to_ourselves(("127.0.0.1", 80), {8081})
    assert not leads_to_ourselves(("192.0.2.1", 8081), {8081})


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_without_a_redirection_the_destination_is_the_listener(family: int, address: str) -> None:
    server = socket.create_server((address, 0), family=family)
    with server, socket.create_connection(server.getsockname()[:2], timeout=5), server.accept()[0] as accepted:
        assert original_destination(accepted) == (address, server.getsockname()[1])


def test_an_ipv4_client_of_an_ipv6_socket_has_a_plain_address() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5), server.accept()[0] as accepted:
            assert original_destination(accepted) == ("127.0.0.1", port)
