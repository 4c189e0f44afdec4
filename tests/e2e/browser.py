# SPDX-License-Identifier: GPL-3.0-or-later
"""Chromium, headless, driven over its debugging pipe; and a site over HTTP/2 for it to visit."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions

ANSWER_WITHIN_S = 30.0
_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


class Browser:
    """One tab."""

    def __init__(self, home: Path, proxy_port: int, language: str) -> None:
        commands, self._say = os.pipe()
        self._hear, answers = os.pipe()
        self._buffer = b""
        self._ids = 0
        options = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--remote-debugging-pipe", "--disable-features=OptimizationHints",
            f"--user-data-dir={home / 'profile'}",
            f"--proxy-server=http://127.0.0.1:{proxy_port}", f"--accept-lang={language}", "--window-size=412,915",
        ]  # fmt: skip
        script = f'exec "$@" 3<&{commands} 4>&{answers}'
        self._run = subprocess.Popen(
            ["bash", "-c", script, "bash", shutil.which("chromium") or "chromium", *options, "about:blank"],
            pass_fds=(commands, answers),
            env={**os.environ, "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        os.set_blocking(self._hear, False)
        target = self._call("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True}, session=None)
        self._session: str | None = attached["sessionId"]

    def open(self, url: str) -> None:
        """Go to *url* and wait until it is there."""
        self._call("Page.navigate", {"url": url})
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, script: str) -> Any:
        """Return the value of *script* in the page."""
        wanted = {"expression": script, "returnByValue": True, "awaitPromise": True}
        found = self._call("Runtime.evaluate", wanted)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until *script* is true in the page, whatever page that is by then."""
        end = time.monotonic() + ANSWER_WITHIN_S
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError):  # between two pages there is none
                if self.evaluate(script):
                    return
            time.sleep(0.05)
        raise AssertionError(f"not in the page: {script}; it says {self.text()[:300]!r}")

    def text(self) -> str:
        """Return what a person reads."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def picture(self, path: Path) -> None:
        """Write what a person sees to *path*."""
        taken = self._call("Page.captureScreenshot", {"format": "png"})
        path.write_bytes(base64.b64decode(taken["data"]))

    def close(self) -> None:
        """End it."""
        self._run.kill()
        self._run.wait()
        os.close(self._say)
        os.close(self._hear)

    def _call(self, method: str, parameters: dict[str, object], session: str | None = "") -> dict[str, Any]:
        self._ids += 1
        message: dict[str, object] = {"id": self._ids, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session or self._session
        os.write(self._say, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + ANSWER_WITHIN_S
        while time.monotonic() < end:
            heard = self._next()
            if heard is not None and heard.get("id") == self._ids:
                assert "error" not in heard, heard
                result: dict[str, Any] = heard["result"]
                return result
        raise AssertionError(f"no answer to {method}")

    def _next(self) -> dict[str, Any] | None:
        while b"\0" not in self._buffer:
            try:
                chunk = os.read(self._hear, 1 << 20)
            except BlockingIOError:
                time.sleep(0.005)
                return None
            assert chunk, "Chromium is gone"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        heard: dict[str, Any] = json.loads(message)
        return heard


@contextlib.contextmanager
def browsing(home: Path, authority: Path, proxy_port: int, *, language: str = "es") -> Iterator[Browser]:
    """Run a browser that trusts *authority*, with everything of it below *home*."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    where = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*where, "-N", "--empty-password"], check=True, capture_output=True)
    subprocess.run([*where, "-A", "-t", "C,,", "-n", "filterd", "-i", str(authority)], check=True, capture_output=True)
    browser = Browser(home, proxy_port, language)
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Site:
    """A site over HTTP/2, and HTTP/1.1 for its WebSocket; it remembers what it was asked."""

    context: ssl.SSLContext
    pages: dict[str, bytes]
    port: int = 0
    asked: list[str] = field(default_factory=list)
    film: bytes = bytes(range(256)) * 4000

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return the answer to a request."""
        self.asked.append(f"{method} {path}")
        if path.startswith("/film"):
            first, _, last = headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
            start, stop = int(first), int(last) + 1 if last else len(self.film)
            told = {"content-range": f"bytes {start}-{stop - 1}/{len(self.film)}", "content-type": "video/mp4"}
            return 206, told, self.film[start:stop]
        if method == "POST":
            return 200, {"content-type": "text/plain"}, hashlib.sha256(body).hexdigest().encode()
        return 200, {"content-type": "text/html; charset=utf-8"}, self.pages.get(path, b"<h1>hola</h1>")


@contextlib.contextmanager
def serving_site(site: Site) -> Iterator[Site]:
    """Run *site* in threads."""
    site.context.set_alpn_protocols(["h2", "http/1.1"])
    stop = threading.Event()
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site.port = listener.getsockname()[1]

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                if stop.is_set():
                    connection.close()
                    return
                threads.append(threading.Thread(target=_serve, args=(connection, site)))
                threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield site
        finally:
            stop.set()
            socket.create_connection(("127.0.0.1", site.port), timeout=5).close()
            for thread in (acceptor, *threads):
                thread.join(10)


def _serve(connection: socket.socket, site: Site) -> None:
    with contextlib.suppress(OSError), connection:
        connection.settimeout(60)
        with site.context.wrap_socket(connection, server_side=True) as secure:
            if secure.selected_alpn_protocol() == "h2":
                _speak_http2(secure, site)
            else:
                _speak_websocket(secure, site)


def _speak_http2(secure: ssl.SSLSocket, site: Site) -> None:
    spoken = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    spoken.initiate_connection()
    secure.sendall(spoken.data_to_send())
    asked: dict[int, tuple[dict[str, str], bytearray]] = {}
    left: dict[int, memoryview] = {}
    while data := secure.recv(65536):
        for event in spoken.receive_data(data):
            stream: int = getattr(event, "stream_id", 0) or 0
            match event:
                case h2.events.RequestReceived():
                    asked[stream] = ({str(k): str(v) for k, v in event.headers or ()}, bytearray())
                case h2.events.DataReceived():
                    asked[stream][1].extend(event.data or b"")
                    spoken.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                case h2.events.StreamEnded():
                    headers, body = asked.pop(stream)
                    status, told, said = site.answer(headers[":method"], headers[":path"], headers, bytes(body))
                    spoken.send_headers(stream, [(":status", str(status)), *told.items()])
                    left[stream] = memoryview(said)
        _send_what_fits(spoken, left)
        secure.sendall(spoken.data_to_send())


def _send_what_fits(spoken: h2.connection.H2Connection, left: dict[int, memoryview]) -> None:
    for stream in tuple(left):
        try:
            while left[stream] and (
                room := min(spoken.local_flow_control_window(stream), spoken.max_outbound_frame_size)
            ):
                spoken.send_data(stream, left[stream][:room].tobytes())
                left[stream] = left[stream][room:]
            if not left[stream]:
                spoken.end_stream(stream)
                del left[stream]
        except h2.exceptions.ProtocolError:  # the browser has given up on it
            del left[stream]


def _speak_websocket(secure: ssl.SSLSocket, site: Site) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = secure.recv(65536)
        if not chunk:
            return
        head += chunk
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    site.asked.append(head.split(b"\r\n")[0].decode())
    key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")).split(b": ")[1]
    if headers.get(b"upgrade") != b"websocket":
        return
    accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET, usedforsecurity=False).digest())
    secure.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    frame = secure.recv(65536)  # one short masked text
    size = frame[1] & 0x7F
    mask, body = frame[2:6], frame[6 : 6 + size]
    text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))
    secure.sendall(bytes([0x81, len(text)]) + text)
    secure.recv(65536)  # until the browser closes
