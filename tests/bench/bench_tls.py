# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request over TLS costs where four of five connections are left alone, beside a mitmdump that decrypts all.

Part of `make bench`. Connections of six requests each (pages, JSON, a picture) to names of one nginx on loopback; of
ten names eight stand in `never_decrypt`, and page text is looked at on the others: the same few pages, so that most
are known again (`clean_pages.py`). What counts is processor time within one run. Exits 1 above 0.45 of mitmdump's
(goal 0.35); says so and ends where nginx or the folder beside the project is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from socket import create_connection
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.e2e.support import Daemon, Upstream
from tests.filterd.proxy import bad_servers

BENCH = Path(__file__).resolve().parents[3] / "shared" / "bench"
MITMDUMP = Path(sys.executable).with_name("mitmdump")
NAMES = tuple(f"sitio{at}.example" for at in range(10))
LEFT_ALONE = NAMES[:8]
REQUESTS = ("page.html", "data.json", "page.html", "image.jpg", "page.html", "data.json")
PATHS = "/usr/sbin:/usr/bin"
MOST, GOAL = 0.45, 0.35


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs; *target* is what a CONNECT to a name has to ask it for."""

    name: str
    pid: int
    port: int
    target: Callable[[str], str]


def load(name: str) -> ModuleType:
    """Return a script beside the project as a module."""
    spec = importlib.util.spec_from_file_location(name, BENCH / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def missing() -> list[str]:
    """Return what this bench needs and has not."""
    need = [str(path) for path in (BENCH / "http_bench.py", MITMDUMP) if not path.is_file()]
    return need + ([] if shutil.which("nginx", path=PATHS) else ["nginx"])


@contextlib.contextmanager
def origin(folder: Path, bench: ModuleType) -> Iterator[int]:
    """Serve the pages of the HTTP bench over TLS, under all names; yield the port."""
    bench.make_site(folder / "www")
    holder = bad_servers.make(bad_servers.Recipe(names=NAMES, common_name=NAMES[0]), bad_servers.ROOT)
    (folder / "site.pem").write_bytes(bad_servers.pem_key(holder) + bad_servers.pem(holder))
    (folder / "ca.pem").write_bytes(bad_servers.pem(bad_servers.ROOT))
    port = bench.free_port()
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log /dev/null; events {{ worker_connections 1024; }}\n"
        "http { access_log off; types { text/html html; application/json json; image/jpeg jpg; }\n"
        f"server {{ listen 127.0.0.1:{port} ssl; root {folder}/www; ssl_certificate {folder}/site.pem;\n"
        f"ssl_certificate_key {folder}/site.pem; }} }}\n"
    )
    folder.chmod(0o755)
    nginx = shutil.which("nginx", path=PATHS)
    server = bench.start([nginx, "-c", f"{folder}/nginx.conf"], subprocess.DEVNULL)
    try:
        yield port
    finally:
        bench.stop(server)


@contextlib.contextmanager
def ours(folder: Path, port: int) -> Iterator[Proxy]:
    """Run the daemon with inspection, and a resolver that knows the names."""
    upstream = Upstream(dict.fromkeys(NAMES, "127.0.0.1"))
    config = (
        '[proxy]\nlisten = "127.0.0.1:0"\nprivate_targets = ["127.0.0.1"]\ninspect = true\n'
        f'upstream_ca = "{folder / "ca.pem"}"\nnever_decrypt = {json.dumps(LEFT_ALONE)}\n[activity]\nrecord = "none"\n'
    )
    inner = folder / "filterd"
    inner.mkdir()
    try:
        with Daemon(inner, config, upstream=upstream.port) as daemon:
            assert daemon.process
            yield Proxy("filterd", daemon.process.pid, daemon.proxy, lambda name: f"{name}:{port}")
    finally:
        upstream.stop()


@contextlib.contextmanager
def mitmdump(folder: Path, port: int, bench: ModuleType) -> Iterator[Proxy]:
    """Run a bare mitmdump that verifies servers, as we do; it is told addresses, for it does not know our resolver."""
    own = bench.free_port()
    command = [
        str(MITMDUMP), "-q", "-p", str(own), "--listen-host", "127.0.0.1", "--set", f"confdir={folder}",
        "--set", f"ssl_verify_upstream_trusted_ca={folder / 'ca.pem'}",
    ]  # fmt: skip
    process = bench.start(command, subprocess.DEVNULL)
    try:
        yield Proxy("mitmdump", process.pid, own, lambda _: f"127.0.0.1:{port}")
    finally:
        bench.stop(process)


def browse(proxy: Proxy, name: str) -> int:
    """Make one connection to *name* with its six requests; return how many were answered well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    target = proxy.target(name)
    done = 0
    with create_connection(("127.0.0.1", proxy.port), timeout=20) as tunnel:
        tunnel.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        opened = HTTPResponse(tunnel, method="CONNECT")
        opened.begin()
        assert opened.status == 200, (proxy.name, opened.status)
        with context.wrap_socket(tunnel, server_hostname=name) as secure:
            for path in REQUESTS:
                head = f"GET /{path} HTTP/1.1\r\nHost: {name}:{target.rpartition(':')[2]}\r\nAccept: */*\r\n\r\n"
                secure.sendall(head.encode())
                answer = HTTPResponse(secure)
                answer.begin()
                done += answer.status == 200 and len(answer.read()) > 1000
    return done


def load_for(proxy: Proxy, seconds: float, *, clients: int) -> int:
    """Browse for *seconds* with *clients* at once, name by name in turn; return how many requests were answered."""
    end = time.monotonic() + seconds
    done = [0] * clients

    def run(at: int) -> None:
        turn = at
        while time.monotonic() < end:
            done[at] += browse(proxy, NAMES[turn % len(NAMES)])
            turn += 1

    threads = [threading.Thread(target=run, args=(at,)) for at in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


def measure(proxies: Sequence[Proxy], bench: ModuleType, *, seconds: float, rounds: int) -> dict[str, float]:
    """Return the milliseconds of processor time a request costs each of *proxies*, the median of *rounds*."""
    found: dict[str, list[float]] = {proxy.name: [] for proxy in proxies}
    for turn in range(rounds + 1):
        for proxy in proxies:
            before = bench.cpu_seconds(proxy.pid)
            done = load_for(proxy, seconds if turn else 1, clients=4)
            spent = bench.cpu_seconds(proxy.pid) - before
            if turn:  # the first round fills caches
                found[proxy.name].append(spent / max(done, 1) * 1000)
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if lacking := missing():
        print(f"not measured: {', '.join(lacking)} missing")
        return 0
    sys.path.insert(0, str(BENCH))
    sys.argv = sys.argv[:1]
    bench = load("http_bench")
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as running:
        folder = Path(made)
        port = running.enter_context(origin(folder, bench))
        proxies = [running.enter_context(ours(folder, port)), running.enter_context(mitmdump(folder, port, bench))]
        time.sleep(3)  # mitmdump does not say when it is ready
        costs = measure(proxies, bench, seconds=options.seconds, rounds=options.rounds)
    ratio = costs["filterd"] / costs["mitmdump"]
    for name, cost in costs.items():
        print(f"{name:10}{cost:8.3f} ms of processor time a request over TLS")
    print(f"ratio {ratio:.2f} (at most {MOST}, goal {GOAL})")
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    raise SystemExit(main())
