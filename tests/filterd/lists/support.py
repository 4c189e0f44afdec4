# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server with a mind of its own, and other stand-ins for the tests of lists."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import zstandard

from filterd.lists.evidence import JudgeContext
from filterd.lists.fetch import Downloader, FetchLimits
from filterd.lists.model import Outcome
from filterd.lists.sources import Source, Sources
from filterd.lists.store import Store
from filterd.lists.update import Updater
from filterd.lists.words import parse_words
from filterd.policy.rules import Format

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
CATEGORIES = Path(__file__).resolve().parents[3] / "categories"


@dataclass
class Page:
    """What the server says at one path."""

    body: bytes = b""
    etag: str = ""
    modified: str = ""
    status: int = 200
    location: str = ""
    ranges: bool = True
    cut_at: int | None = None  # bytes after which the connection breaks, as long as *cuts* last
    cuts: int = 1
    stall: bool = False  # nothing more comes after *cut_at*, but the connection stays
    wrong_range: bool = False


@dataclass
class Site:
    """A real HTTP server on a loopback port of its own."""

    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        site = self
        self.released = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers.items())))
                site._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it)
                pass

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def put(self, path: str, text: str, **options: str) -> str:
        self.pages[path] = Page(text.encode(), **options)  # type: ignore[arg-type]  # only the texts are given this way
        return self.url(path)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        page = self.pages.get(handler.path, Page(b"<html>not here</html>", status=404))
        validators = {"ETag": page.etag, "Last-Modified": page.modified, "Location": page.location}
        headers = {name: value for name, value in validators.items() if value}
        asked = handler.headers
        if page.etag and asked.get("If-None-Match") == page.etag:
            self._send(handler, 304, headers, b"", page)
            return
        found = re.fullmatch(r"bytes=(\d+)-", asked.get("Range", ""))
        if found and page.ranges and asked.get("If-Range") in (page.etag, page.modified):
            start = int(found[1])
            if start >= len(page.body):
                self._send(handler, 416, headers, b"", page)
                return
            said = start + 1 if page.wrong_range else start
            headers["Content-Range"] = f"bytes {said}-{len(page.body) - 1}/{len(page.body)}"
            self._send(handler, 206, headers, page.body[start:], page)
            return
        self._send(handler, page.status, headers, page.body, page)

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes, page: Page
    ) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if page.cut_at is not None and page.cuts > 0 and body:
            page.cuts -= 1
            handler.wfile.write(body[: page.cut_at])
            handler.wfile.flush()
            if page.stall:
                self.released.wait(30)
            handler.close_connection = True
            return
        handler.wfile.write(body)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up: that is what many of these tests are about."""


class FastDownloader(Downloader):
    """A downloader that does not wait between its tries; it notes how long it would have."""

    def __init__(self, folder: Path, **limits: float) -> None:
        self.pauses: list[float] = []
        super().__init__(folder, limits=FetchLimits(**limits), pause=self.pauses.append)  # type: ignore[arg-type]


@dataclass
class Recorder:
    """A progress that remembers."""

    received: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    judged: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def downloading(self, url: str, received: int, total: int | None) -> None:
        self.received[url] = (received, total)

    def judging(self, subscription: str, rules: int) -> None:
        self.judged[subscription] = rules

    def finished(self, subscription: str, outcome: Outcome) -> None:
        self.outcomes[subscription] = outcome


WORDS = parse_words(["[speaks-for]", "universidad", "^salud", "[speaks-against]", "sex", "porn"])

CONTEXT = JudgeContext(
    sites=frozenset({"gov.py", "scarleteen.com", "unicef.org"}),
    platforms=frozenset({"google.com", "youtube.com"}),
    hosting_parents=frozenset({"eklablog.com", "blogspot.*"}),
    memberships={"vk.com": frozenset({"social"}), "pornhub.com": frozenset({"pornography"})},
    words=WORDS,
)

TREE_PARTS = {
    "adult": "pornography",
    "gambling": "gambling",
    "malware": "malware",
    "social_networks": "social",
    "sexual_education": "never-block-site",
}


def sources(url: str = "https://lists.example/tree.tar.gz") -> Sources:
    tree = Source(
        id="ut1",
        name="A tree",
        url=url,
        part_url=url.replace("tree.tar.gz", "{part}.tar.gz"),
        homepage="https://lists.example/",
        licence="CC BY-SA 4.0",
        format=Format.UT1,
        category="all",
        default=True,
        parts=TREE_PARTS,
    )
    return Sources([tree])


def updater(folder: Path, *, context: JudgeContext = CONTEXT, **limits: float) -> Updater:
    """Return an updater with a store in *folder*, its clock standing still; to be used in ``with updater.fetcher``."""
    store = Store(folder / "lists")
    fetcher = FastDownloader(store.downloads, **limits)
    return Updater(store, context, fetcher, sources(), lambda: NOW, Recorder())


def tar(files: Mapping[str, str], *, links: Mapping[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def tar_gz(files: Mapping[str, str]) -> bytes:
    return gzip.compress(tar(files))


def zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def names(count: int, stem: str = "bad") -> str:
    return "".join(f"{stem}{number}.example.com\n" for number in range(count))
