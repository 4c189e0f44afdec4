# SPDX-License-Identifier: GPL-3.0-or-later
"""A request names one site, or it is refused."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.net.http.http1 import read_request_head

from filterd.policy.domains import Target
from filterd.proxy.target import BadRequest, is_websocket, make_plain, origin_of, read_connect, read_host, read_target


def request(*lines: str) -> http.Request:
    """Return the request with the head *lines*, as mitmproxy hands it on."""
    read = read_request_head([line.encode() for line in lines])
    if not read.data.host:  # its HttpStream takes the Host header then
        read.data.host, read.data.port, read.scheme = read.host_header or "", 80, "http"
    elif read.method != "CONNECT":
        read.data.authority = b""
    return read


@pytest.mark.parametrize(
    ("lines", "target"),
    [
        (("GET http://shop.example/a?b=c HTTP/1.1", "Host: shop.example"), Target("shop.example", "http://shop.example/a?b=c")),
        (("GET http://SHOP.example./ HTTP/1.1", "Host: shop.EXAMPLE"), Target("shop.example", "http://shop.example/")),
        (("GET http://shop.example:8080/ HTTP/1.1", "Host: shop.example:8080"), Target("shop.example", "http://shop.example:8080/")),
        (("GET http://shop.example:80/ HTTP/1.1", "Host: shop.example"), Target("shop.example", "http://shop.example/")),
        (("GET http://shop.example/ HTTP/1.0",), Target("shop.example", "http://shop.example/")),
        (("GET http://shop.example/ HTTP/1.1", "Host:"), Target("shop.example", "http://shop.example/")),
        (("GET http://[::1]/x HTTP/1.1", "Host: [::1]"), Target("::1", "http://[::1]/x")),
        (("GET http://0x7f.1/ HTTP/1.1", "Host: 127.0.0.1"), Target("127.0.0.1", "http://127.0.0.1/")),
        (("GET http://xn--andut-6qa2c.example/ HTTP/1.1",), Target("xn--andut-6qa2c.example", "http://xn--andut-6qa2c.example/")),
        (("OPTIONS * HTTP/1.1", "Host: shop.example"), Target("shop.example", "http://shop.example/")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_the_site_of_a_request(lines: tuple[str, ...], target: Target) -> None:
    assert read_target(request(*lines), tunnel=None) == target


@pytest.mark.parametrize(
    "host",
    [
        "casino.example",
        "shop.example, casino.example",
        "casino.example@shop.example",
        "shop.example/casino.example",
        "shop.example#casino.example",
        "shop.example?",
        "shop.example\\casino.example",
        "shop%2eexample",
        "shop.example:x",
        "sh op.example",
        "sub.shop.example",
    ],
)
def test_a_host_header_that_says_otherwise_is_refused(host: str) -> None:
    with pytest.raises(BadRequest):
        read_target(request("GET http://shop.example/ HTTP/1.1", f"Host: {host}"), tunnel=None)


def test_two_host_headers_are_refused_even_if_they_agree() -> None:
    twice = request("GET http://shop.example/ HTTP/1.1", "Host: shop.example", "Host: shop.example")

    with pytest.raises(BadRequest):
        read_target(twice, tunnel=None)


def test_in_a_tunnel_the_site_is_that_of_the_tunnel() -> None:
    inside = request("GET http://10.0.0.1/x HTTP/1.1", "Host: shop.example")  # mitmproxy sets the address dialled

    assert read_target(inside, tunnel="shop.example") == Target("shop.example", "http://shop.example/x")


@pytest.mark.parametrize(("host", "authority"), [("casino.example", b""), ("shop.example", b"casino.example")])
def test_in_a_tunnel_no_other_site_is_named(host: str, authority: bytes) -> None:
    inside = request("GET http://10.0.0.1/x HTTP/1.1", f"Host: {host}")
    inside.data.authority = authority

    with pytest.raises(BadRequest):
        read_target(inside, tunnel="shop.example")


def test_a_scheme_that_is_not_of_the_web_is_refused() -> None:
    with pytest.raises(BadRequest):
        read_target(request("GET ftp://shop.example:21/ HTTP/1.1"), tunnel=None)


def test_a_connect_names_host_and_port() -> None:
    assert read_connect(request("CONNECT Shop.Example:443 HTTP/1.1")) == ("shop.example", 443)


def test_a_connect_to_no_name_is_refused() -> None:
    with pytest.raises(BadRequest):
        read_connect(request("CONNECT a.999:443 HTTP/1.1"))


def test_what_is_meant_for_a_proxy_goes_no_further() -> None:
    passed = request(
        "GET http://shop.example/ HTTP/1.1",
        "Host: shop.example",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eDp5",
        "Cookie: a=b",
    )

    make_plain(passed, "shop.example")

    assert {name.lower() for name in passed.headers} == {"host", "cookie"}


@pytest.mark.parametrize(
    ("url", "host", "header"),
    [
        ("http://shop.example/", "shop.example", "shop.example"),
        ("http://shop.example:8080/", "shop.example", "shop.example:8080"),
        ("http://[::1]:8080/", "::1", "[::1]:8080"),
    ],
)
def test_a_server_is_told_which_of_its_sites_is_meant(url: str, host: str, header: str) -> None:
    old = request(f"GET {url} HTTP/1.0")

    make_plain(old, host)

    assert old.headers["host"] == header


@pytest.mark.parametrize(
    ("authority", "host", "told"),
    [
        ("shop.example:8443", None, "shop.example:8443"),
        ("", "shop.example:8443", "shop.example:8443"),
        ("shop.example", "Shop.Example", "shop.example"),
        ("", None, "shop.example"),
    ],
)
def test_over_http2_the_site_is_named_once(authority: str, host: str | None, told: str) -> None:
    asked = request("GET https://shop.example/ HTTP/1.1", *([f"Host: {host}"] if host else []))
    asked.http_version, asked.authority = "HTTP/2.0", authority

    make_plain(asked, "shop.example")

    assert asked.authority == told
    assert "host" not in asked.headers


@pytest.mark.parametrize("upgrade", ["h2c", "own", "TLS/1.0", "websocket, h2c"])
def test_an_upgrade_that_nobody_can_judge_is_taken_out(upgrade: str) -> None:
    passed = request(
        "GET http://shop.example/ HTTP/1.1",
        "Host: shop.example",
        f"Upgrade: {upgrade}",
        "Connection: keep-alive, Upgrade, HTTP2-Settings",
        "HTTP2-Settings: AAMAAABk",
    )

    make_plain(passed, "shop.example")

    assert "upgrade" not in passed.headers
    assert "http2-settings" not in passed.headers
    assert passed.headers["connection"] == "keep-alive"


def test_a_websocket_stays_one() -> None:
    passed = request(
        "GET http://shop.example/ HTTP/1.1", "Host: shop.example", "Upgrade: WebSocket", "Connection: Upgrade"
    )

    make_plain(passed, "shop.example")

    assert is_websocket(passed)
    assert passed.headers["connection"] == "Upgrade"


@pytest.mark.parametrize(
    ("host", "named"),
    [("shop.example:8080", "shop.example"), ("SHOP.example.", "shop.example"), ("", "203.0.113.9"), ("[::1]", "::1")],
)
def test_a_redirected_request_is_for_the_host_it_names(host: str, named: str) -> None:
    request = read_request_head([b"GET / HTTP/1.1", b"Host: " + host.encode()])

    assert read_host(request, ("203.0.113.9", 80)) == named
    assert read_host(request, None) is None


@pytest.mark.parametrize("host", ["a b", "shop.example/x", "user@shop.example", "a..b"])
def test_a_redirected_request_for_no_host_is_refused(host: str) -> None:
    with pytest.raises(BadRequest):
        read_host(read_request_head([b"GET / HTTP/1.1", b"Host: " + host.encode()]), ("203.0.113.9", 80))


@pytest.mark.parametrize(
    ("host", "port", "tls", "origin"),
    [
        ("shop.example", 443, True, "https://shop.example"),
        ("shop.example", 8443, True, "https://shop.example:8443"),
        ("shop.example", 80, False, "http://shop.example"),
        ("::1", 81, False, "http://[::1]:81"),
    ],
)
def test_an_origin_is_written_as_browsers_do(host: str, port: int, origin: str, *, tls: bool) -> None:
    assert origin_of(host, port, tls=tls) == origin
