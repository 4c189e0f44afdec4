# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS through the real daemon: looked into when the adult turned it on, with an authority of this machine."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.support import Daemon, Upstream, wait_until
from tests.filterd.dns.authority import Authority, make_authority

pytestmark = pytest.mark.xdist_group("daemon")

HOST = "dns.example"  # what the tests' certificate names


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"hola segura"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def site(authority: Authority) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = authority.server_context().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    running = Upstream({HOST: "127.0.0.1"})
    yield running
    running.stop()


def web(authority: Authority, *, inspect: bool = True, more: str = "") -> str:
    return (
        f'[proxy]\nlisten = "127.0.0.1:0"\nprivate_targets = ["127.0.0.1"]\ninspect = {str(inspect).lower()}\n'
        f'upstream_ca = "{authority.ca_file}"\n{more}'
    )


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, authority: Authority) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("d"), web(authority), upstream=upstream.port) as running:
        yield running


def fetch(daemon: Daemon, host: str, port: int, ca_file: Path) -> tuple[str, str]:
    """Return who issued the certificate of *host* and what it answers, through the proxy, trusting *ca_file* alone."""
    with socket.create_connection(("127.0.0.1", daemon.proxy), timeout=10) as tunnel:
        tunnel.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert tunnel.recv(4096).startswith(b"HTTP/1.1 200")
        context = ssl.create_default_context(cafile=str(ca_file))
        with context.wrap_socket(tunnel, server_hostname=host) as tls:
            found = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := tls.recv(65536):
                answer += piece
    return found.issuer.rfc4514_string(), answer.decode()


def own_authority(daemon: Daemon) -> Path:
    return daemon.state / "ca" / "filterd-ca.pem"


def test_a_page_comes_through_under_our_own_certificate(daemon: Daemon, site: int) -> None:
    issuer, answer = fetch(daemon, HOST, site, own_authority(daemon))

    assert "filterd" in issuer
    assert answer.endswith("hola segura")


def test_a_blocked_site_shows_the_page_and_is_never_contacted(daemon: Daemon, upstream: Upstream) -> None:
    _, answer = fetch(daemon, "gambling.prueba.home.arpa", 443, own_authority(daemon))

    assert answer.startswith("HTTP/1.1 403")
    assert "Apuestas" in answer or "gambling" in answer
    assert "gambling.prueba.home.arpa" not in upstream.asked


def test_the_key_is_for_the_daemon_s_account_alone(daemon: Daemon) -> None:
    key = daemon.state / "ca" / "filterd-ca-key.pem"

    assert key.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" not in own_authority(daemon).read_bytes()
    assert "PRIVATE" not in daemon.output()


def test_turned_off_it_passes_through_untouched(
    tmp_path: Path, upstream: Upstream, authority: Authority, site: int
) -> None:
    with Daemon(tmp_path, web(authority), upstream=upstream.port) as running:
        assert "filterd" in fetch(running, HOST, site, own_authority(running))[0]
        running.write(web(authority, inspect=False))

        def untouched() -> bool:
            try:
                return "Tests" in fetch(running, HOST, site, authority.ca_file)[0]
            except (OSError, AssertionError):
                return False

        wait_until(untouched, within_s=5, what="inspection is off")
        assert not own_authority(running).exists(), "the authority goes with it"


def test_a_domain_of_the_adult_s_is_never_looked_into(
    tmp_path: Path, upstream: Upstream, authority: Authority, site: int
) -> None:
    own = web(authority, more=f'never_decrypt = ["{HOST}"]\n')
    with Daemon(tmp_path, own, upstream=upstream.port) as running:
        issuer, answer = fetch(running, HOST, site, authority.ca_file)

    assert "Tests" in issuer
    assert answer.endswith("hola segura")


def test_an_adult_s_profile_that_does_not_want_it_is_left_alone(
    tmp_path: Path, upstream: Upstream, authority: Authority, site: int
) -> None:
    own = web(authority, more='[policy]\ndefault_profile = "adult"\n')
    with Daemon(tmp_path, own, upstream=upstream.port) as running:
        assert "Tests" in fetch(running, HOST, site, authority.ca_file)[0]
