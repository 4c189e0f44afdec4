# SPDX-License-Identifier: GPL-3.0-or-later
"""A real gateway: a child's machine, the router with the proxy, and servers, each in a network namespace of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.filterd.proxy import bad_servers

ROOT = Path(__file__).resolve().parent.parent.parent
PORT = 8081
SHOP, EVIL = "10.77.2.2", "10.77.2.3"
SHOP6, EVIL6 = "fd77:2::2", "fd77:2::3"

PROXY = """
    import asyncio, sys
    from filterd.proxy.addon import FilterAddon
    from filterd.proxy.runner import Listener, run_proxy
    from tests.filterd.proxy.support import GAMBLING, Table, rulebook
    hosts = {name: ["10.77.2.2", "fd77:2::2"] for name in ("shop.example", "bank.example", "casino.example")}
    hosts["six.example"] = ["fd77:2::2"]
    book = rulebook(Table({"casino.example": GAMBLING}), hosts, ["10.77.2.0/24", "fd77:2::/64"])
    def ready(_):
        print("ready", flush=True)
    listeners = [Listener("0.0.0.0", 8081, mode="transparent"), Listener("::", 8081, mode="transparent")]
    asyncio.run(run_proxy(listeners, FilterAddon(book, observe=lambda _: None), asyncio.Event(), ready=ready))
"""

SERVER = """
    import socket, ssl, sys, threading
    def serve(address, port, word, certificate):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if context:
            context.load_cert_chain(certificate)
        while True:
            connection, _ = listener.accept()
            try:
                if context:
                    connection = context.wrap_socket(connection, server_side=True)
                connection.recv(65536)
                connection.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\n" + word)
            except OSError:
                pass
            connection.close()
    for address, word in zip(sys.argv[2:], (b"SHOP", b"EVIL") * 2):
        for port, certificate in ((80, None), (443, sys.argv[1])):
            threading.Thread(target=serve, args=(address, port, word, certificate)).start()
    print("ready", flush=True)
"""

CLIENT = """
    import json, socket, ssl, sys
    def ask(address, port, host):
        connection = socket.create_connection((address, port), timeout=10)
        if port == 443:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection, server_hostname=host)
        connection.sendall(f"GET / HTTP/1.0\\r\\nHost: {host or address}\\r\\n\\r\\n".encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer.decode()
    try:
        print(json.dumps(ask(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
    except OSError as error:
        print(json.dumps(f"{type(error).__name__}"))
"""

REDIRECT = """
    table inet filterd {
      chain pre {
        type nat hook prerouting priority dstnat;
        iifname "gwc" tcp dport { 80, 443 } redirect to :8081
      }
    }
"""
TPROXY = """
    table inet filterd {
      chain pre {
        type filter hook prerouting priority mangle;
        iifname "gwc" meta nfproto ipv4 tcp dport { 80, 443 } tproxy ip to :8081 meta mark set 1 accept
        iifname "gwc" meta nfproto ipv6 tcp dport { 80, 443 } tproxy ip6 to :8081 meta mark set 1 accept
      }
    }
"""


@dataclass(frozen=True)
class Gateway:
    """The namespaces' names."""

    child: str
    router: str
    world: str

    def ask(self, address: str, port: int, host: str) -> str:
        """Ask for *host* at *address* as the child's machine; the answer, or the name of the error."""
        done = subprocess.run(
            [*_inside(self.child), sys.executable, "-c", textwrap.dedent(CLIENT), address, str(port), host],
            check=True,
            capture_output=True,
            timeout=30,
        )
        return str(json.loads(done.stdout))


def _inside(namespace: str) -> list[str]:
    return ["ip", "netns", "exec", namespace]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _join(one: str, name: str, two: str, other: str) -> None:
    _ip("link", "add", name, "netns", one, "type", "veth", "peer", "name", other, "netns", two)


def _address(namespace: str, link: str, *addresses: str) -> None:
    for address in addresses:
        extra = ["nodad"] if ":" in address else []
        _ip("-n", namespace, "address", "add", address, "dev", link, *extra)
    _ip("-n", namespace, "link", "set", link, "up")


@contextlib.contextmanager
def _running(namespace: str, program: str, *words: str) -> Iterator[None]:
    command = [*_inside(namespace), sys.executable, "-c", textwrap.dedent(program), *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as run:
        try:
            assert run.stdout
            assert run.stdout.readline() == b"ready\n"
            yield
        finally:
            run.kill()


@pytest.fixture(scope="module", params=["redirect", "tproxy"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that turns the web's connections to the proxy."""
    if os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("ip")):
        pytest.skip("network namespaces need root, ip and nft")
    mark = f"fd{os.getpid()}{request.param[0]}"
    made = Gateway(f"{mark}c", f"{mark}r", f"{mark}w")
    with contextlib.ExitStack() as undo:
        for name in (made.child, made.router, made.world):
            try:
                _ip("netns", "add", name)
            except subprocess.CalledProcessError:
                pytest.skip("this machine lets us make no network namespace")
            undo.callback(_ip, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _join(made.child, "ch", made.router, "gwc")
        _join(made.router, "gww", made.world, "wo")
        _address(made.child, "ch", "10.77.1.2/24", "fd77:1::2/64")
        _address(made.router, "gwc", "10.77.1.1/24", "fd77:1::1/64")
        _address(made.router, "gww", "10.77.2.1/24", "fd77:2::1/64")
        _address(made.world, "wo", f"{SHOP}/24", f"{EVIL}/24", f"{SHOP6}/64", f"{EVIL6}/64")
        for version, via in (("-4", "10.77.1.1"), ("-6", "fd77:1::1")):
            _ip(version, "-n", made.child, "route", "add", "default", "via", via)
        for version, anywhere in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
            _ip(version, "-n", made.router, "rule", "add", "fwmark", "1", "lookup", "100")
            _ip(version, "-n", made.router, "route", "add", "local", anywhere, "dev", "lo", "table", "100")
        rules = textwrap.dedent(REDIRECT if request.param == "redirect" else TPROXY)
        loaded = subprocess.run(
            [*_inside(made.router), "nft", "-f", "-"], input=rules.encode(), capture_output=True, check=False
        )
        if loaded.returncode:
            pytest.skip(f"this kernel has no {request.param}: {loaded.stderr.decode().splitlines()[0]}")
        certificate = tmp_path_factory.mktemp("tls") / "any.pem"
        holder = bad_servers.make(bad_servers.Recipe(names=("bank.example",)), bad_servers.ROOT)
        certificate.write_bytes(bad_servers.pem_key(holder) + bad_servers.pem(holder))
        undo.enter_context(_running(made.world, SERVER, str(certificate), SHOP, EVIL, SHOP6, EVIL6))
        undo.enter_context(_running(made.router, PROXY))
        yield made


@pytest.mark.parametrize("address", [SHOP, SHOP6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("port", [80, 443])
def test_what_is_allowed_arrives(gateway: Gateway, address: str, port: int) -> None:
    assert gateway.ask(address, port, "shop.example").endswith("SHOP")


@pytest.mark.parametrize("address", [EVIL, EVIL6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("port", [80, 443])
def test_a_good_name_opens_no_way_to_another_server(gateway: Gateway, address: str, port: int) -> None:
    """The aim of a connection is the child's word; the name is looked up by us, and its server dialled."""
    assert gateway.ask(address, port, "bank.example").endswith("SHOP")


@pytest.mark.parametrize("address", [SHOP, SHOP6], ids=["IPv4", "IPv6"])
def test_what_is_blocked_does_not(gateway: Gateway, address: str) -> None:
    assert "Juegos de azar" in gateway.ask(address, 80, "casino.example")
    assert "SSL" in gateway.ask(address, 443, "casino.example")


def test_a_name_may_lead_from_one_family_to_the_other(gateway: Gateway) -> None:
    assert gateway.ask(SHOP, 80, "six.example").endswith("SHOP")


def test_the_listener_itself_answers_nobody(gateway: Gateway) -> None:
    assert gateway.ask("10.77.1.1", PORT, "shop.example") in ("", "ConnectionResetError")
