# SPDX-License-Identifier: GPL-3.0-or-later
"""An origin of pages, and a proxy that looks into them under a policy that is a few words."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from filterd.policy.model import Allow, Block, Cause, Decision, Reason, Request, Stage, Verdict
from filterd.proxy.addon import FilterAddon
from filterd.proxy.inspection import Inspection
from filterd.proxy.judge import Rulebook
from filterd.proxy.runner import Listener
from filterd.proxy.safe_requests import SafeModes
from tests.filterd.proxy.support import RunningProxy, open_rulebook, serving

HARMFUL_WORD = "tragamonedas"
BY_TEXT = Block(Reason(Cause.PAGE_TEXT, rule=HARMFUL_WORD, list="phrases-gambling", category="gambling"))
BY_LIST = Block(Reason(Cause.CATEGORY_LIST, rule="casino.example", list="ut1-gambling", category="gambling"))
HOSTS = {name: ["127.0.0.1"] for name in ("shop.example", "www.search.example", "clinic.example")}


class Words:
    """A policy: verdicts by host or URL, and pages by one word of theirs."""

    def __init__(self, verdicts: Mapping[str, Verdict] = {}) -> None:
        self.verdicts = {"casino.example": BY_LIST, **verdicts}
        self.asked: list[Request] = []

    def __call__(self, request: Request, /) -> Decision:
        self.asked.append(request)
        verdict = self.verdicts.get(request.url or "") or self.verdicts.get(request.host) or Allow()
        if request.page is not None and HARMFUL_WORD in request.page.text and isinstance(verdict, Allow):
            assert request.stage is Stage.RESPONSE
            verdict = BY_TEXT
        return Decision(request, verdict, request.client.profile or "child")


@dataclass
class Site:
    """A web server on loopback; *pages*: path → Content-Type, headers, body in pieces."""

    port: int = 0
    pages: dict[str, tuple[str, dict[str, str], Sequence[bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    status: int = 200
    go_on: threading.Event = field(default_factory=threading.Event)
    broke_off: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, body: bytes | str, kind: str = "text/html; charset=utf-8", **headers: str) -> None:
        """Serve *body* at *path*; in header names ``_`` stands for ``-``."""
        raw = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (kind, {"Content-Length": str(len(raw)), **named}, [raw])

    def put_in_pieces(self, path: str, pieces: Sequence[bytes], kind: str = "text/html") -> None:
        """Serve *pieces*, the last of them only when *go_on* is set, without saying how long they are."""
        self.pages[path] = (kind, {"Transfer-Encoding": "chunked"}, pieces)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    site: Site

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a proxy that hangs up is what some tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        site = self.server.site
        site.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        kind, headers, pieces = site.pages[self.path.partition("?")[0]]
        self.send_response(site.status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or site.status in (204, 304):
            return
        if "Transfer-Encoding" not in headers:
            self.wfile.write(pieces[0])
            return
        try:
            for at, piece in enumerate(pieces):
                if at and at == len(pieces) - 1:
                    site.go_on.wait(10)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            site.broke_off.set()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@contextlib.contextmanager
def serving_site(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Run a site in a thread."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.site = Site(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.site
        finally:
            server.site.go_on.set()
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def looking(
    inspection: Inspection,
    words: Words,
    *,
    safe_modes: SafeModes | None = None,
    change: Callable[[Rulebook], Rulebook] = lambda rulebook: rulebook,
) -> Iterator[RunningProxy]:
    """Run a proxy that looks into the pages of everybody."""
    rulebook = change(replace(open_rulebook(words, HOSTS, inspection), safe_modes=safe_modes))
    decisions: list[Decision] = []
    addon = FilterAddon(rulebook, observe=decisions.append)
    with serving(addon, [Listener("127.0.0.1", 0)], decisions) as proxy:
        yield proxy
