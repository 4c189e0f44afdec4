# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy and a resolver that are tables, a proxy that serves in a thread, and origins for it to reach."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import http.server
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Protocol

import h2.config
import h2.connection
import h2.events

from filterd.policy.model import Allow, Block, Cause, Decide, Decision, Reason, Request, Verdict
from filterd.proxy.addon import FilterAddon
from filterd.proxy.inspection import Inspection
from filterd.proxy.judge import Rulebook
from filterd.proxy.limits import Limits, is_near
from filterd.proxy.resolve import PrivateTargets, Router
from filterd.proxy.runner import Listener, run_proxy
from filterd.proxy.transparent import FindDestination, original_destination

NAMES = {"gambling": {"es": "Juegos de azar", "en": "Gambling"}}
GAMBLING = Block(Reason(Cause.CATEGORY_LIST, rule="casino.example", list="ut1-gambling", category="gambling"))


class Table:
    """A policy that is a table: verdicts by URL or host; what is not in it is allowed."""

    def __init__(self, verdicts: Mapping[str, Verdict]) -> None:
        self.verdicts = dict(verdicts)
        self.asked: list[Request] = []

    def __call__(self, request: Request, /) -> Decision:
        self.asked.append(request)
        verdict = self.verdicts.get(request.url or "") or self.verdicts.get(request.host) or Allow()
        return Decision(request, verdict, request.client.profile or "child")


class Hosts:
    """A resolver that is a table."""

    def __init__(self, addresses: Mapping[str, Sequence[str]]) -> None:
        self.addresses = dict(addresses)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.addresses[host]


def open_rulebook(
    decide: Decide | Mapping[str, Verdict],
    hosts: Mapping[str, Sequence[str]],
    inspection: Inspection,
    *,
    strict: bool = True,
    private: Sequence[str] = ("127.0.0.0/8",),
) -> Rulebook:
    """Return a rulebook under which everybody is inspected."""
    policy = Table(decide) if isinstance(decide, Mapping) else decide
    router = Router(Hosts(hosts), PrivateTargets.parse(private))
    return Rulebook(policy, NAMES, router, inspection, inspects=lambda _: True, strict=lambda _: strict)


def broken(request: Request, /) -> Decision:
    """Decide nothing: a policy with a bug."""
    raise RuntimeError("a bug in the policy")


def rulebook(decide: Decide, hosts: Mapping[str, Sequence[str]], private: Sequence[str] = ("127.0.0.0/8",)) -> Rulebook:
    return Rulebook(decide, NAMES, Router(Hosts(hosts), PrivateTargets.parse(private)))


@dataclass
class Answer:
    """What a client got."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class RunningProxy:
    """A proxy that serves in a thread."""

    addon: FilterAddon
    decisions: list[Decision]
    ports: list[int]
    stop: Callable[[], None]

    @property
    def port(self) -> int:
        return self.ports[0]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def ask(self, url: str, *, method: str = "GET", body: bytes | None = None, port: int = 0, **headers: str) -> Answer:
        """Ask for *url* over a connection of its own; in header names ``_`` stands for ``-``."""
        client = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        with contextlib.closing(client):
            return ask_over(client, url, method=method, body=body, **headers)

    def say(self, text: str | bytes) -> bytes:
        """Send *text* as it stands and return all that comes until the proxy hangs up."""
        with self.connect() as connection:
            connection.sendall(text.encode() if isinstance(text, str) else text)
            return receive_all(connection)

    def open_tunnel(self, target: str) -> tuple[socket.socket, Answer]:
        """Ask for a tunnel to *target*; return the connection and the answer."""
        connection = self.connect()
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection, method="CONNECT")
        answer.begin()
        body = b"" if answer.status == 200 else answer.read()
        return connection, Answer(answer.status, answer.headers, body)


class StartProxy(Protocol):
    """What the fixture ``start_proxy`` gives; *options* are the addon's."""

    def __call__(
        self,
        decide: Decide | Mapping[str, Verdict] = ...,
        hosts: Mapping[str, Sequence[str]] = ...,
        *,
        listeners: Sequence[Listener] = ...,
        private: Sequence[str] = ...,
        allow_unknown_protocols: bool = ...,
        connect_timeout_s: float = ...,
    ) -> RunningProxy: ...


class StartInspecting(Protocol):
    """What the fixture ``start_inspecting`` gives."""

    def __call__(
        self,
        verdicts: Mapping[str, Verdict] = ...,
        hosts: Mapping[str, Sequence[str]] = ...,
        *,
        inspection: Inspection = ...,
        strict: bool = ...,
        allow_unknown_protocols: bool = ...,
        connect_timeout_s: float = ...,
    ) -> RunningProxy: ...


def ask_over(
    client: http.client.HTTPConnection, url: str, *, method: str = "GET", body: bytes | None = None, **headers: str
) -> Answer:
    """Ask for *url* over *client*, which is kept open."""
    client.request(method, url, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = client.getresponse()
    return Answer(answer.status, answer.headers, answer.read())


def receive_all(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes or resets."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """Return the next *size* bytes, or fewer where the other side closes."""
    received = b""
    while len(received) < size and (chunk := connection.recv(size - len(received))):
        received += chunk
    return received


@contextlib.contextmanager
def serving(
    addon: FilterAddon,
    listeners: Sequence[Listener],
    decisions: list[Decision],
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    serves: Callable[[str], bool] = is_near,
    find_destination: FindDestination = original_destination,
    beside: Callable[[], Awaitable[asyncio.Server]] | None = None,
) -> Iterator[RunningProxy]:
    """Run a proxy with *addon* in a thread, and *beside* it another server."""
    started = threading.Event()
    ports: list[int] = []
    failures: list[BaseException] = []
    stoppers: list[Callable[[], object]] = []

    def ready(addresses: list[tuple[str, int]]) -> None:
        ports.extend(port for _, port in addresses)
        started.set()

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        stoppers.append(lambda: loop.call_soon_threadsafe(stop.set))
        # Longer than stop() waits: a connection that does not close by itself fails the test.
        other = await beside() if beside is not None else None
        await run_proxy(
            listeners,
            addon,
            stop,
            ready=ready,
            grace_s=30,
            limits=limits,
            serves=serves,
            find_destination=find_destination,
        )
        if other is not None:
            other.close()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run)
    thread.start()

    def stop() -> None:
        if thread.is_alive():
            stoppers[0]()
        thread.join(10)
        assert not thread.is_alive()
        if failures:
            raise failures.pop()

    assert started.wait(10)
    if failures:
        stop()
    try:
        yield RunningProxy(addon, decisions, ports, stop)
    finally:
        stop()


@dataclass
class Origin:
    """A web server on loopback that remembers what it was asked."""

    port: int = 0
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    """``/gone`` hangs up, ``/halves`` waits in the middle, ``/switch`` echoes, ``/rubbish`` is no HTTP; POST counts."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        origin = self.server.origin
        origin.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        if self.path == "/gone":
            self.close_connection = True
        elif self.path == "/rubbish":
            self.wfile.write(b"this is no HTTP\r\n\r\n")
            self.close_connection = True
        elif self.path == "/switch":
            self._switch()
        elif self.path == "/halves":
            self._send(b"first", rest=b"second")
        else:
            self._send(b"hello from the origin")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        origin = self.server.origin
        origin.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        left = total = int(self.headers["Content-Length"])
        while left and (chunk := self.rfile.read1(1 << 16)):
            left -= len(chunk)
            origin.received.append(len(chunk))
            origin.go_on.set()
        self._send(b"taken %d" % (total - left))

    def _send(self, body: bytes, *, rest: bytes = b"") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body + rest)))
        if rest:  # what may be a page would be held back
            self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if rest:
            assert self.server.origin.go_on.wait(10)
            self.wfile.write(rest)

    def _switch(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.close_connection = True
        while chunk := self.rfile.read1(1 << 16):
            self.wfile.write(chunk)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256
    origin: Origin

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a proxy that hangs up is what some tests are about."""


@contextlib.contextmanager
def serving_web(tls: ssl.SSLContext | None = None) -> Iterator[Origin]:
    """Run an origin in a thread."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.origin = Origin(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.origin
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve one connection with *talk* in a thread; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(10)
                    talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):  # wakes an accept() that nobody came for
                socket.create_connection(server.getsockname(), timeout=1).close()
            thread.join()


@contextlib.contextmanager
def serving_http2(tls: ssl.SSLContext) -> Iterator[Origin]:
    """Run an origin that speaks HTTP/2 alone; it answers each request with its path and the size of its body."""
    tls.set_alpn_protocols(["h2"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = Origin(listener.getsockname()[1])
        threads: list[threading.Thread] = []
        stop = threading.Event()

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                if stop.is_set():
                    connection.close()
                    return
                threads.append(threading.Thread(target=_talk_http2, args=(connection, tls, origin)))
                threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield origin
        finally:
            stop.set()
            socket.create_connection(("127.0.0.1", origin.port), timeout=5).close()
            for thread in (acceptor, *threads):
                thread.join(10)


def _talk_http2(connection: socket.socket, tls: ssl.SSLContext, origin: Origin) -> None:
    spoken = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    sizes: dict[int, int] = {}
    paths: dict[int, str] = {}
    with contextlib.suppress(OSError), tls.wrap_socket(connection, server_side=True) as secure:
        spoken.initiate_connection()
        secure.sendall(spoken.data_to_send())
        while data := secure.recv(65536):
            for event in spoken.receive_data(data):
                match event:
                    case h2.events.RequestReceived():
                        headers = {str(name): str(value) for name, value in event.headers or ()}
                        stream = event.stream_id or 0
                        paths[stream], sizes[stream] = headers[":path"], 0
                        origin.requests.append((headers[":method"], headers[":path"], headers))
                    case h2.events.DataReceived():
                        sizes[event.stream_id or 0] += len(event.data or b"")
                        spoken.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
                    case h2.events.StreamEnded():
                        stream = event.stream_id or 0
                        spoken.send_headers(stream, [(":status", "200"), ("alt-svc", "h3")])
                        spoken.send_data(stream, f"{paths[stream]} {sizes[stream]}".encode(), end_stream=True)
            secure.sendall(spoken.data_to_send())
