# SPDX-License-Identifier: GPL-3.0-or-later
"""Decrypted connections end to end: real clients, the real proxy, real servers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL

from filterd.policy.model import Allow, Block, Cause, Reason, Rewrite
from filterd.proxy.authority import Authority
from filterd.proxy.inspection import Inspection
from filterd.proxy.never_decrypt import NeverDecrypt
from tests.filterd.proxy import bad_servers
from tests.filterd.proxy.bad_servers import Case, Holder
from tests.filterd.proxy.support import (
    GAMBLING,
    Origin,
    RunningProxy,
    StartInspecting,
    Table,
    listening,
    open_rulebook,
    receive_all,
    receive_exactly,
    rulebook,
)

SAFE = Rewrite(Reason(Cause.SAFE_SEARCH, rule="shop.example", list="engine"), "safe.search.example")
CANARY = "canary-7f3a9c"
GET = b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def browsing(proxy: RunningProxy, family: ssl.SSLContext, *, http2: bool = False) -> Iterator[httpx.Client]:
    with httpx.Client(
        proxy=f"http://127.0.0.1:{proxy.port}", verify=family, http2=http2, trust_env=False, timeout=10
    ) as client:
        yield client


def greet(
    proxy: RunningProxy, family: ssl.SSLContext, port: int, *, host: str = "shop.example", sni: str | None = None
) -> ssl.SSLSocket:
    tunnel, opened = proxy.open_tunnel(f"{host}:{port}")
    assert opened.status == 200
    return family.wrap_socket(tunnel, server_hostname=sni or host)


def shown_certificate(secure: ssl.SSLSocket) -> x509.Certificate:
    der = secure.getpeercert(binary_form=True)
    assert der
    return x509.load_der_x509_certificate(der)


# Pages


@pytest.mark.parametrize("http2", [False, True], ids=["http/1.1", "http/2"])
def test_a_page_comes_through_decrypted(
    http2: bool, start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    """T36: on one connection, several requests; the policy sees each URL."""
    proxy = start_inspecting({f"https://shop.example:{good_origin.port}/bet": GAMBLING})
    url = f"https://shop.example:{good_origin.port}"
    with browsing(proxy, family, http2=http2) as client:
        answers = [client.get(f"{url}{path}") for path in ("/a?b=c", "/bet", "/d")]

    assert [answer.status_code for answer in answers] == [200, 403, 200]
    assert answers[0].text == "hello from the origin"
    assert "Juegos de azar" in answers[1].text
    assert [path for _, path, _ in good_origin.requests] == ["/a?b=c", "/d"]
    assert [d.request.url for d in proxy.decisions] == [None, f"{url}/a?b=c", f"{url}/bet", f"{url}/d"]


@pytest.mark.parametrize("http2", [False, True], ids=["http/1.1", "http/2"])
@pytest.mark.parametrize(("language", "title"), [("es", "Página bloqueada"), ("gn", "Kuatiarogue"), ("en", "Page bl")])
def test_a_blocked_site_shows_the_page_and_is_never_contacted(
    language: str,
    title: str,
    http2: bool,
    start_inspecting: StartInspecting,
    good_origin: Origin,
    family: ssl.SSLContext,
) -> None:
    proxy = start_inspecting({"casino.example": GAMBLING}, {})
    with browsing(proxy, family, http2=http2) as client:
        answer = client.get(f"https://casino.example:{good_origin.port}/", headers={"Accept-Language": language})

    assert answer.status_code == 403
    assert title in answer.text
    assert good_origin.requests == []
    assert [type(d.verdict) for d in proxy.decisions] == [Block]


def test_the_test_page_is_greeted_over_tls(start_inspecting: StartInspecting, family: ssl.SSLContext) -> None:
    with browsing(start_inspecting(), family) as client:
        assert "funciona" in client.get("https://prueba.home.arpa/").text


@pytest.mark.parametrize(
    ("hosts", "error"),
    [
        ({}, "dns_error"),
        ({"shop.example": ["127.0.0.1"]}, "destination_unavailable"),
        ({"shop.example": ["10.9.9.9"]}, "destination_ip"),
    ],
    ids=["unknown-name", "unreachable", "private"],
)
def test_trouble_on_the_way_is_told_inside_the_tunnel(
    hosts: dict[str, list[str]], error: str, start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with browsing(start_inspecting({}, hosts), family) as client:
        answer = client.get(f"https://shop.example:{port}/")

    assert error in answer.headers["Proxy-Status"]


def test_curl_takes_both_protocols(
    start_inspecting: StartInspecting, good_origin: Origin, authority: Authority, tmp_path: Path
) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("needs curl")
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    proxy = start_inspecting()
    command = [
        curl,
        "-sS",
        "--noproxy",
        "",
        "-x",
        f"http://127.0.0.1:{proxy.port}",
        "--cacert",
        str(tmp_path / "ca.pem"),
    ]
    for version in ("--http1.1", "--http2"):
        done = subprocess.run(
            [*command, version, f"https://shop.example:{good_origin.port}/"], capture_output=True, check=False
        )
        assert (done.stderr, done.stdout) == (b"", b"hello from the origin")


def test_http2_goes_through_from_end_to_end(
    start_inspecting: StartInspecting, http2_origin: Origin, family: ssl.SSLContext
) -> None:
    """T36: many requests on one connection, each judged; a refused one leaves the others alone."""
    url = f"https://shop.example:{http2_origin.port}"
    proxy = start_inspecting({f"{url}/bet": GAMBLING})
    with browsing(proxy, family, http2=True) as client:
        answers = [client.get(f"{url}{path}") for path in ("/a", "/bet", "/b?c=d")]
        taken = client.post(f"{url}/up", content=bytes(3_000_000))

    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert [answer.status_code for answer in answers] == [200, 403, 200]
    assert (answers[0].text, answers[2].text, taken.text) == ("/a 0", "/b?c=d 0", "/up 3000000")
    assert "Juegos de azar" in answers[1].text
    assert "alt-svc" not in answers[0].headers
    assert {headers[":authority"] for _, _, headers in http2_origin.requests} == {f"shop.example:{http2_origin.port}"}
    assert {headers[":scheme"] for _, _, headers in http2_origin.requests} == {"https"}


def test_http2_requests_at_once(
    start_inspecting: StartInspecting, http2_origin: Origin, family: ssl.SSLContext
) -> None:
    async def ask(proxy: RunningProxy) -> list[str]:
        async with httpx.AsyncClient(
            proxy=f"http://127.0.0.1:{proxy.port}", verify=family, http2=True, trust_env=False, timeout=10
        ) as client:
            url = f"https://shop.example:{http2_origin.port}"
            answers = await asyncio.gather(*(client.get(f"{url}/{number}") for number in range(60)))
            return [answer.text for answer in answers]

    assert asyncio.run(ask(start_inspecting())) == [f"/{number} 0" for number in range(60)]


def test_http2_in_a_tunnel_to_one_site_asks_for_no_other(
    start_inspecting: StartInspecting, http2_origin: Origin, family: ssl.SSLContext
) -> None:
    with browsing(start_inspecting(), family, http2=True) as client:
        answer = client.get(f"https://shop.example:{http2_origin.port}/", headers={"Host": "casino.example"})

    assert answer.status_code == 400
    assert http2_origin.requests == []


# What passes through


def test_t36_headers_that_protect_are_untouched(
    start_inspecting: StartInspecting, family: ssl.SSLContext, authority: Authority
) -> None:
    kept = (
        b"Strict-Transport-Security: max-age=9\r\nContent-Security-Policy: default-src 'self'\r\n"
        b"Set-Cookie: a=b; Secure; HttpOnly\r\nSet-Cookie: c=d\r\n"
    )

    def talk(connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        holder = bad_servers.make(bad_servers.Recipe(), bad_servers.ROOT)
        with _pem_file(holder) as path:
            context.load_cert_chain(path)
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(b"HTTP/1.1 200 OK\r\n" + kept + b'Alt-Svc: h3=":443"\r\nContent-Length: 2\r\n\r\nok')

    with listening(talk) as port, browsing(start_inspecting(), family) as client:
        answer = client.get(f"https://shop.example:{port}/")

    assert answer.headers["strict-transport-security"] == "max-age=9"
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert answer.headers.get_list("set-cookie") == ["a=b; Secure; HttpOnly", "c=d"]
    assert "alt-svc" not in answer.headers


@contextlib.contextmanager
def _pem_file(holder: Holder) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(bad_servers.pem_key(holder) + bad_servers.pem(holder))
        file.flush()
        yield file.name


def test_t36_an_answer_that_is_no_page_streams(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    with (
        browsing(start_inspecting(), family, http2=True) as client,
        client.stream("GET", f"https://shop.example:{good_origin.port}/halves") as answer,
    ):
        chunks = answer.iter_raw()
        first = next(chunks)
        good_origin.go_on.set()
        rest = b"".join(chunks)

    assert (first, rest) == (b"first", b"second")


@pytest.mark.parametrize("http2", [False, True], ids=["http/1.1", "http/2"])
def test_t36_a_large_upload_arrives_whole(
    http2: bool, start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    with browsing(start_inspecting(), family, http2=http2) as client:
        answer = client.post(f"https://shop.example:{good_origin.port}/", content=bytes(8_000_000))

    assert answer.text == "taken 8000000"


def test_t36_a_websocket_goes_on_after_its_handshake(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    with greet(start_inspecting(), family, good_origin.port) as secure:
        secure.sendall(
            b"GET /switch HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += secure.recv(1)
        secure.sendall(b"frame")
        echoed = receive_exactly(secure, 5)

    assert head.startswith(b"HTTP/1.1 101")
    assert echoed == b"frame"


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/1.1\r\nHost: casino.example\r\n\r\n",
        b"CONNECT casino.example:443 HTTP/1.1\r\nHost: casino.example\r\n\r\n",
    ],
)
def test_a_decrypted_tunnel_asks_for_no_other_site(
    request_line: bytes, start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:  # fmt: skip
    with greet(start_inspecting(), family, good_origin.port) as secure:
        secure.sendall(request_line)
        answer = receive_all(secure)

    assert answer.startswith(b"HTTP/1.1 400")
    assert good_origin.requests == []


@pytest.mark.parametrize("said", [b"SSH-2.0-client\r\n", b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"], ids=["ssh", "tls"])
def test_what_is_no_http_inside_tls_is_refused(
    said: bytes, start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    case = Case("good", None, lambda _: (bad_servers.make(bad_servers.Recipe(), bad_servers.ROOT),))
    with (
        bad_servers.serving(case, bad_servers.ROOT) as server,
        greet(start_inspecting(), family, server.port) as secure,
    ):
        secure.sendall(said)
        answer = receive_all(secure)

    assert answer == b""
    assert bytes(server.received) == b""


def test_a_protocol_that_is_no_web_is_refused_before_it_is_decrypted(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    family.set_alpn_protocols(["dot"])

    with pytest.raises((ssl.SSLError, OSError)):
        greet(start_inspecting(), family, good_origin.port).close()


# Who is who


def test_t34_a_leaf_names_the_judged_host_alone_and_lives_a_week(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext, authority: Authority
) -> None:
    with greet(start_inspecting(), family, good_origin.port) as secure:
        leaf = shown_certificate(secure)
        secure.sendall(GET)
        receive_all(secure)

    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.example"]
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 7
    assert leaf.public_key() != authority.certificate.public_key()


@pytest.mark.parametrize(
    ("versions", "seen"),
    [((SSL.TLS1_2_VERSION,) * 2, "TLSv1.2"), ((SSL.TLS1_3_VERSION,) * 2, "TLSv1.3")],
    ids=["tls1.2", "tls1.3"],
)
def test_t35_the_client_never_sees_a_newer_version_than_the_servers(
    versions: tuple[int, int], seen: str, start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    case = Case("good", None, lambda _: (bad_servers.make(bad_servers.Recipe(), bad_servers.ROOT),), versions)
    with (
        bad_servers.serving(case, bad_servers.ROOT) as server,
        greet(start_inspecting(), family, server.port) as secure,
    ):
        version = secure.version()
        secure.sendall(GET)
        receive_all(secure)

    assert version == seen


@pytest.mark.parametrize(
    ("server_speaks", "agreed"), [((b"h2", b"http/1.1"), "h2"), ((b"http/1.1",), "http/1.1"), ((), None)]
)
def test_the_protocol_is_the_one_the_server_chose(
    server_speaks: tuple[bytes, ...], agreed: str | None, start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    case = Case("good", None, lambda _: (bad_servers.make(bad_servers.Recipe(), bad_servers.ROOT),), alpn=server_speaks)
    family.set_alpn_protocols(["h2", "http/1.1"])
    with (
        bad_servers.serving(case, bad_servers.ROOT) as server,
        greet(start_inspecting(), family, server.port) as secure,
    ):
        chosen = secure.selected_alpn_protocol()

    assert chosen == agreed


def test_safe_search_is_verified_against_the_name_that_was_asked_for(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    """forcesafesearch.google.com shows the certificate of www.google.com."""
    hosts = {"shop.example": ["127.0.0.9"], "safe.search.example": ["127.0.0.1"]}
    with browsing(start_inspecting({"shop.example": SAFE}, hosts), family) as client:
        answer = client.get(f"https://shop.example:{good_origin.port}/find")

    assert answer.text == "hello from the origin"
    assert good_origin.requests[0][2]["host"] == f"shop.example:{good_origin.port}"


@pytest.mark.parametrize("strict", [True, False], ids=["child", "adult"])
def test_two_names_are_refused_for_a_child(
    strict: bool, start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    """For others the name that the server proves counts."""
    proxy = start_inspecting({"good.example": Allow(Reason(Cause.GUARD_SITE))}, strict=strict)
    with greet(proxy, family, good_origin.port, host="shop.example", sni="good.example") as secure:
        secure.sendall(GET.replace(b"shop", b"good"))
        answer = receive_all(secure)

    assert answer.startswith(b"HTTP/1.1 403" if strict else b"HTTP/1.1 200")
    assert (b"two-names" in answer) is strict
    assert len(good_origin.requests) == (0 if strict else 1)


@pytest.mark.parametrize("host", ["good.example", "93.184.216.34"], ids=["two names", "no name"])
def test_a_child_is_kept_from_what_nobody_can_name_without_inspection_too(
    host: str, start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    proxy = start_inspecting()
    plain = rulebook(Table({}), {"shop.example": ["127.0.0.1"]})
    proxy.addon.swap(replace(plain, strict=lambda _: True))
    tunnel, opened = proxy.open_tunnel(f"{'shop.example' if '.e' in host else host}:{good_origin.port}")

    with tunnel:
        if opened.status == 200:
            with pytest.raises(ssl.SSLError, match=r"(?i)access.denied"):
                family.wrap_socket(tunnel, server_hostname=host)
        else:
            assert "no-name" in opened.headers["Proxy-Status"]
    assert good_origin.requests == []


def test_a_private_address_that_the_adult_listed_needs_no_name(
    start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    case = Case("a", None, lambda _: (bad_servers.make(bad_servers.Recipe(names=("127.0.0.1",)), bad_servers.ROOT),))
    with bad_servers.serving(case, bad_servers.ROOT) as server, browsing(start_inspecting(), family) as client:
        answer = client.get(f"https://127.0.0.1:{server.port}/")

    assert answer.text == "hello"


def test_a_blocked_name_inside_a_harmless_tunnel_gets_its_page(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    proxy = start_inspecting({"casino.example": GAMBLING}, strict=False)
    with greet(proxy, family, good_origin.port, host="shop.example", sni="casino.example") as secure:
        secure.sendall(GET)
        answer = receive_all(secure)

    assert answer.startswith(b"HTTP/1.1 403")
    assert b"Juegos de azar" in answer
    assert good_origin.requests == []


def test_a_tunnel_without_a_server_name_is_to_the_host_it_was_asked_for(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    family.check_hostname = False
    tunnel, _ = start_inspecting().open_tunnel(f"shop.example:{good_origin.port}")
    with family.wrap_socket(tunnel) as secure:
        issuer = shown_certificate(secure).issuer.rfc4514_string()
        secure.sendall(GET)
        answer = receive_all(secure)

    assert "O=filterd" in issuer
    assert answer.endswith(b"hello from the origin")


def test_a_bare_address_of_the_internet_is_refused_for_a_child(
    start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    with browsing(start_inspecting(), family) as client:
        answer = client.get("https://93.184.216.34/")

    assert answer.status_code == 403
    assert "no-name" in answer.headers["Proxy-Status"]


def test_the_outer_name_of_an_encrypted_hello_is_refused_for_a_child(
    start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    """A hello for cloudflare-ech.com that carries another, encrypted, asks for any site of that network."""
    ech = b"\xfe\x0d\x00\x02ab"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = start_inspecting({}, {"cloudflare-ech.com": ["127.0.0.1"]})
        tunnel, _ = proxy.open_tunnel(f"cloudflare-ech.com:{silent.getsockname()[1]}")
        tunnel.sendall(_hello("cloudflare-ech.com", extension=ech))
        answer = tunnel.recv(5)
        tunnel.close()
        silent.settimeout(5)
        with silent.accept()[0] as server:
            heard = receive_all(server)

    assert answer[:1] == b"\x16"  # we greet in its place
    assert heard == b""


def _hello(name: str, *, extension: bytes = b"") -> bytes:
    """Return this Python's greeting for *name*, with a further *extension*."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    message = outgoing.read()[5:]
    at = 4 + 2 + 32  # header, version, random
    at += 1 + message[at]  # session
    at += 2 + int.from_bytes(message[at : at + 2])  # ciphers
    at += 1 + message[at]  # compression
    length = int.from_bytes(message[at : at + 2]) + len(extension)
    body = message[4:at] + length.to_bytes(2) + message[at + 2 :] + extension
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


# What is not decrypted


@pytest.fixture
def with_bank(authority: Authority, upstream_ca: Path) -> Inspection:
    return Inspection(authority, upstream_ca=upstream_ca, never_decrypt=NeverDecrypt(frozenset({"bank.example"})))


def test_t21_a_bank_is_not_decrypted(
    start_inspecting: StartInspecting, with_bank: Inspection, good_origin: Origin, upstream_ca: Path
) -> None:
    """The client sees the bank's own certificate, and trusts no other."""
    proxy = start_inspecting(inspection=with_bank)
    own_roots = ssl.create_default_context(cafile=str(upstream_ca))
    with greet(proxy, own_roots, good_origin.port, host="bank.example") as secure:
        secure.sendall(GET.replace(b"shop", b"bank"))
        answer = receive_all(secure)

    assert answer.endswith(b"hello from the origin")
    assert [d.request.url for d in proxy.decisions] == [None]


def test_t21_a_banks_name_opens_no_tunnel_to_another_server(
    start_inspecting: StartInspecting, with_bank: Inspection, family: ssl.SSLContext
) -> None:
    """The server that the client chose hears nothing under a name that is never looked into."""
    heard: list[bytes] = []
    with listening(lambda connection: heard.append(receive_all(connection))) as port:
        proxy = start_inspecting(inspection=with_bank)
        with greet(proxy, family, port, host="shop.example", sni="bank.example") as secure:
            secure.sendall(GET)
            answer = receive_all(secure)

    assert b"two-names" in answer
    assert heard == [b""]


def test_t21_for_an_adult_too_another_servers_word_is_not_taken(
    start_inspecting: StartInspecting, with_bank: Inspection, family: ssl.SSLContext
) -> None:
    stranger = Case("stranger", None, lambda _: (bad_servers.make(bad_servers.Recipe(), bad_servers.STRANGER),))
    with bad_servers.serving(stranger, bad_servers.ROOT) as server:
        proxy = start_inspecting(inspection=with_bank, strict=False)
        with greet(proxy, family, server.port, host="shop.example", sni="bank.example") as secure:
            secure.sendall(GET)
            answer = receive_all(secure)

        assert b"tls-unknown-issuer" in answer
        assert bytes(server.received) == b""


def test_what_the_guard_keeps_open_needs_no_look(
    start_inspecting: StartInspecting, good_origin: Origin, upstream_ca: Path
) -> None:
    proxy = start_inspecting({"good.example": Allow(Reason(Cause.GUARD_SITE))})
    own_roots = ssl.create_default_context(cafile=str(upstream_ca))

    with greet(proxy, own_roots, good_origin.port, host="good.example") as secure:
        issuer = shown_certificate(secure).issuer.rfc4514_string()

    assert issuer == "CN=Test root"


def test_a_blocked_bank_is_blocked_all_the_same(
    start_inspecting: StartInspecting, with_bank: Inspection, family: ssl.SSLContext
) -> None:
    with browsing(start_inspecting({"bank.example": GAMBLING}, inspection=with_bank), family) as client:
        assert client.get("https://bank.example/").status_code == 403


# When something breaks


def test_t39_a_bug_while_greeting_closes(
    start_inspecting: StartInspecting,
    good_origin: Origin,
    family: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    for side in ("greet_client", "greet_server"):
        with monkeypatch.context() as patch:
            patch.setattr(Inspection, side, fail)
            proxy = start_inspecting()
            with contextlib.suppress(ssl.SSLError, OSError), greet(proxy, family, good_origin.port) as secure:
                secure.sendall(GET)
                assert b"hello" not in receive_all(secure)

    assert good_origin.requests == []
    assert "what it was about is refused" in caplog.text


@pytest.mark.parametrize(
    "talk", [lambda c: c.recv(9), lambda c: c.recv(9999) and c.sendall(b"HTTP/1.0 400 no\r\n\r\n")], ids=["eof", "http"]
)
def test_a_server_that_speaks_no_tls_is_a_failed_greeting(
    talk: object, start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    with listening(talk) as port, browsing(start_inspecting(), family) as client:  # type: ignore[arg-type]
        answer = client.get(f"https://shop.example:{port}/")

    assert answer.status_code == 502
    assert "tls_protocol_error" in answer.headers["Proxy-Status"]


def test_a_server_that_never_greets_is_given_up(start_inspecting: StartInspecting, family: ssl.SSLContext) -> None:
    with listening(lambda connection: _wait(connection)) as port:
        proxy = start_inspecting(connect_timeout_s=0.3)
        with browsing(proxy, family) as client:
            answer = client.get(f"https://shop.example:{port}/")

    assert answer.status_code == 502
    assert proxy.addon._clocks == {}


def _wait(connection: socket.socket) -> None:
    receive_all(connection)


def test_a_server_that_left_before_the_greeting_is_tried_again(
    start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        tunnel, _ = start_inspecting().open_tunnel(f"shop.example:{port}")
        listener.accept()[0].close()
        threading.Event().wait(0.1)  # the proxy hears of it
        with (
            _answering(listener, bad_servers.ROOT) as heard,
            family.wrap_socket(tunnel, server_hostname="shop.example") as secure,
        ):
            secure.sendall(GET)
            answer = receive_all(secure)

    assert answer.startswith(b"HTTP/1.1 200")
    assert len(heard) == 1


def test_a_later_connection_to_the_server_is_verified_too(
    start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    """The first answers and closes; the second, on the same client connection, is somebody else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            _answering(listener, bad_servers.ROOT, bad_servers.STRANGER) as heard,
            greet(start_inspecting(), family, port) as secure,
        ):
            answers = []
            for _ in range(2):
                secure.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
                answers.append(_read_answer(secure))
                threading.Event().wait(0.1)  # the proxy hears that the server left

    assert [status for status, _ in answers] == [200, 502]
    assert "tls-unknown-issuer" in answers[1][1]
    assert [bool(said) for said in heard] == [True, False]


@contextlib.contextmanager
def _answering(listener: socket.socket, *issuers: Holder) -> Iterator[list[bytes]]:
    """Answer one connection for each of *issuers*, who vouches for the server, and hang up after it."""
    heard: list[bytes] = []

    def serve() -> None:
        for issuer in issuers:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with _pem_file(bad_servers.make(bad_servers.Recipe(), issuer)) as path:
                context.load_cert_chain(path)
            connection, _ = listener.accept()
            said = b""
            with (
                connection,
                contextlib.suppress(OSError),
                context.wrap_socket(connection, server_side=True) as secure,
            ):
                said = secure.recv(4096)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            heard.append(said)

    thread = threading.Thread(target=serve)
    thread.start()
    yield heard
    thread.join(10)


def _read_answer(secure: ssl.SSLSocket) -> tuple[int, str]:
    answer = http.client.HTTPResponse(secure)
    answer.begin()
    answer.read()
    return answer.status, answer.headers.get("Proxy-Status", "")


def test_turning_inspection_off_holds_from_the_next_connection_on(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext, upstream_ca: Path
) -> None:
    proxy = start_inspecting()
    with greet(proxy, family, good_origin.port) as secure:
        proxy.addon.swap(rulebook(Table({}), {"shop.example": ["127.0.0.1"]}))
        secure.sendall(GET)
        decrypted = receive_all(secure)
    with greet(proxy, ssl.create_default_context(cafile=str(upstream_ca)), good_origin.port) as secure:
        secure.sendall(GET)
        passed = receive_all(secure)

    assert decrypted.endswith(b"hello from the origin")
    assert passed.endswith(b"hello from the origin")


def test_a_refused_tunnel_stays_shut_when_inspection_is_turned_off(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext, inspection: Inspection
) -> None:
    proxy = start_inspecting({"casino.example": GAMBLING})
    tunnel, _ = proxy.open_tunnel(f"casino.example:{good_origin.port}")
    proxy.addon.swap(rulebook(Table({}), {"casino.example": ["127.0.0.1"]}))

    with tunnel, pytest.raises((ssl.SSLError, OSError)):
        family.wrap_socket(tunnel, server_hostname="casino.example")

    proxy.addon.swap(open_rulebook({}, {}, inspection))
    assert good_origin.requests == []


def test_t38_nothing_decrypted_is_logged(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = start_inspecting({"casino.example": GAMBLING})
    with browsing(proxy, family) as client:
        for host in ("shop.example", "casino.example", "good.example:1"):
            port = "" if ":" in host else f":{good_origin.port}"
            client.get(f"https://{host}{port}/?q={CANARY}", headers={"X-Secret": CANARY})

    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpcore", "httpx"))]
    assert CANARY not in json.dumps(ours)


def test_nothing_is_kept_of_connections_that_ended(
    start_inspecting: StartInspecting, good_origin: Origin, family: ssl.SSLContext
) -> None:
    proxy = start_inspecting()
    with greet(proxy, family, good_origin.port) as secure:
        secure.sendall(GET)
        receive_all(secure)
    proxy.stop()

    assert len(proxy.addon._conversations) == 0
    assert proxy.addon._serving == proxy.addon._clocks == {}
