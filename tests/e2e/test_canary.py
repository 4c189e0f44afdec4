# SPDX-License-Identifier: GPL-3.0-or-later
"""T38: of what was decrypted nothing gets onto the disk or into a log, whatever became of it."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import Daemon, Upstream, wait_until
from tests.filterd.dns.authority import Authority, make_authority

pytestmark = pytest.mark.xdist_group("daemon")

HOST = "dns.example"  # what the tests' certificate names
BODY, QUERY, COOKIE, TITLE = (f"canario{word}5f3c9d" for word in ("cuerpo", "consulta", "galleta", "titulo"))
CANARIES = (BODY, QUERY, COOKIE, TITLE)
HARMFUL = (
    "<p>Casino en línea: apueste en tragamonedas, ruleta y póker con dinero real, bono de bienvenida y giros gratis. "
    "Apuestas deportivas con las mejores cuotas, gane el jackpot y retire sus ganancias.</p>" * 20
)
PAGES = {
    "/plain": f"<title>{TITLE}</title><p>{BODY} es una palabra.</p>",
    "/removed": f'<p>{BODY}<a href="https://gambling.prueba.home.arpa/{QUERY}">{TITLE}</a></p>',
    "/harmful": f"<title>Casino {TITLE}</title><h1>Apuestas {BODY}</h1>{HARMFUL}",
    "/broken": f"<p>{BODY}",
}


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        body = PAGES[path].encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", f"c={COOKIE}")
        if path == "/broken":
            self.send_header("Content-Encoding", "br")
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


def fetch(daemon: Daemon, port: int, path: str) -> str:
    """Return what a browser gets that trusts the local authority."""
    with socket.create_connection(("127.0.0.1", daemon.proxy), timeout=10) as tunnel:
        tunnel.sendall(f"CONNECT {HOST}:{port} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
        assert tunnel.recv(4096).startswith(b"HTTP/1.1 200")
        context = ssl.create_default_context(cafile=str(daemon.state / "ca" / "filterd-ca.pem"))
        with context.wrap_socket(tunnel, server_hostname=HOST) as tls:
            tls.sendall(
                f"GET {path}?q={QUERY} HTTP/1.1\r\nHost: {HOST}:{port}\r\nCookie: c={COOKIE}\r\nAccept: text/html\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            answer = b""
            while piece := tls.recv(65536):
                answer += piece
    return answer.decode()


def holding(folder: Path, *words: str) -> list[str]:
    """Return the files below *folder* that hold one of *words*, or are named after it."""
    found = []
    for path in folder.rglob("*"):
        said = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        found += [f"{path}: {word}" for word in words if word.encode() in said]
    return found


def test_t38_nothing_decrypted_is_on_the_disk_or_in_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority, site: int
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    folder = tmp_path / "d"
    folder.mkdir()
    upstream = Upstream({HOST: "127.0.0.1"})
    config = (
        '[proxy]\nlisten = "127.0.0.1:0"\nprivate_targets = ["127.0.0.1"]\ninspect = true\n'
        f'upstream_ca = "{authority.ca_file}"\n[activity]\nrecord = "all"\n[profiles.child]\nrecord = "all"\n'
    )
    try:
        with Daemon(folder, config, upstream=upstream.port) as daemon:
            answers = {path: fetch(daemon, site, path) for path in PAGES}
            wait_until(lambda: holding(daemon.state, HOST), within_s=20, what="activity is written")
            while_running = holding(tmp_path, *CANARIES)
    finally:
        upstream.stop()

    assert BODY in answers["/plain"]
    assert BODY in answers["/removed"]
    assert "gambling.prueba" not in answers["/removed"]
    assert answers["/harmful"].startswith("HTTP/1.1 403")
    assert answers["/broken"].startswith("HTTP/1.1 502")
    assert while_running == []
    assert holding(tmp_path, *CANARIES) == []
