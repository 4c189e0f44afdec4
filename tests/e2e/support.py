# SPDX-License-Identifier: GPL-3.0-or-later
"""A real daemon, real servers beside it, and real clients."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
FILTERD = [sys.executable, str(ROOT / "filterd" / "__main__.py")]
SHARED = ROOT.parent / "shared" / "data"
START_WITHIN_S = 60.0

A, AAAA, HTTPS = 1, 28, 65


def wait_until[T](look: Callable[[], T | None], *, within_s: float, what: str) -> T:
    """Return the first true value of *look*; fail naming *what* after *within_s* seconds."""
    end = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(0.02)


def filterd(*arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command `filterd` to its end."""
    return subprocess.run(
        [*FILTERD, *arguments], capture_output=True, text=True, check=check, timeout=110, **options
    )  # fmt: skip


class Upstream(threading.Thread):
    """A resolver on loopback that answers every A with 192.0.2.1 (those in *known* with theirs)."""

    def __init__(self, known: dict[str, str] | None = None) -> None:
        super().__init__(daemon=True)
        self._known = known or {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.asked: list[str] = []
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                packet, client = self._socket.recvfrom(4096)
                if not packet:
                    return
                self._socket.sendto(self._answer(packet), client)

    def _answer(self, packet: bytes) -> bytes:
        end = packet.index(b"\0", 12) + 5
        name = read_name(packet)
        self.asked.append(name)
        header = packet[:2] + b"\x81\x80\x00\x01"
        if packet[end - 4 : end - 2] != struct.pack(">H", A):
            return header + b"\0\0\0\0\0\0" + packet[12:end]
        address = socket.inet_aton(self._known.get(name, "192.0.2.1"))
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04" + address
        return header + b"\0\x01\0\0\0\0" + packet[12:end] + record

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self.join(5)
        self._socket.close()


def read_name(packet: bytes) -> str:
    """Return the question's name."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += packet[at] + 1
    return ".".join(labels).lower()


def make_query(name: str, qtype: int = A, *, identity: int = 0x1234) -> bytes:
    """Return a question as a client sends it."""
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.rstrip(".").split("."))
    return struct.pack(">HHHHHH", identity, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, qtype, 1)


def ask(port: int, name: str, qtype: int = A, *, timeout_s: float = 5) -> tuple[int, bytes]:
    """Return rcode and whole answer to a question over UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout_s)
        client.connect(("127.0.0.1", port))
        client.send(make_query(name, qtype))
        answer = client.recv(4096)
    return answer[3] & 15, answer


def is_blocked(port: int, name: str) -> bool:
    """Return whether *name* is answered with 0.0.0.0."""
    return ask(port, name)[1].endswith(b"\0\x04\0\0\0\0")


class Site(http.server.ThreadingHTTPServer):
    """A web server on loopback that serves *pages* by path."""

    daemon_threads = True

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages = pages
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(5)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        body = self.server.pages.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass


class Daemon:
    """`filterd run` with a configuration of its own, started and stopped by its pid."""

    def __init__(self, folder: Path, config: str = "", *, upstream: int = 9, state: Path | None = None) -> None:
        self.folder = folder
        self.config = folder / "filterd.toml"
        self.state = state or folder / "state"
        self.runtime = folder / "r"
        self._upstream = upstream
        self.write(config)
        self.process: subprocess.Popen[str] | None = None
        self.dns = self.proxy = 0

    def write(self, config: str) -> None:
        """Write the configuration: ours with *config* after it."""
        ours = (
            f'[dns]\nlisten = ["127.0.0.1:0"]\nupstreams = ["udp://127.0.0.1:{self._upstream}"]\n'
            f'[paths]\nstate = "{self.state}"\nruntime = "{self.runtime}"\n[updates]\nautomatic = false\n'
        )
        web = "" if "[proxy]" in config else '[proxy]\nlisten = "127.0.0.1:0"\n'
        self.config.write_text(ours + web + config)

    def __enter__(self) -> Daemon:
        self.log = (self.folder / "log").open("w")
        self.process = subprocess.Popen(
            [*FILTERD, "run", "--config", str(self.config)], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            banner = wait_until(self._banner, within_s=START_WITHIN_S, what="the daemon is ready")
        except AssertionError as error:
            self.__exit__()
            raise AssertionError(f"{error}: {self.output()}") from None
        self.dns = _port(banner, "DNS")
        self.proxy = _port(banner, "proxy")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def output(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _banner(self) -> str | None:
        assert self.process
        if self.process.poll() is not None:
            raise AssertionError("the daemon ended")
        found = re.search(r"^filterd: en marcha.*?(?=^\S|\Z)", self.output(), re.MULTILINE | re.DOTALL)
        return found[0] if found and found[0].endswith("\n") else None

    def status(self) -> dict[str, Any]:
        """Return what `filterd status --json` says."""
        found: dict[str, Any] = json.loads(filterd("status", "--json", "--config", str(self.config)).stdout)
        return found

    def role(self, name: str) -> dict[str, Any]:
        """Return the status of the role *name*."""
        return next((role for role in self.status()["roles"] if role["name"] == name), {})

    def hang_up(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGHUP)

    def fetch(self, url: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body of *url* through the proxy."""
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy, timeout=10)
        try:
            connection.request("GET", url, headers=headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def connect(self, authority: str) -> tuple[int, str]:
        """Return status and body of a CONNECT to *authority*."""
        with socket.create_connection(("127.0.0.1", self.proxy), timeout=10) as client:
            client.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
            answer = http.client.HTTPResponse(client, method="CONNECT")
            answer.begin()
            body = answer.read().decode() if answer.status != 200 else ""
            return answer.status, body


def _port(banner: str, word: str) -> int:
    found = re.search(rf"^  {word}\s+127\.0\.0\.1:(\d+)", banner, re.MULTILINE)
    return int(found[1]) if found else 0


def children(pid: int) -> list[int]:
    """Return the pids of the processes that *pid* started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def is_alive(pid: int) -> bool:
    """Return whether *pid* runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of *size* (as mount writes it) on *folder*; needs root."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def can_mount() -> bool:
    """Return whether tests may mount a disk here."""
    return os.geteuid() == 0 and shutil.which("mount") is not None
