# SPDX-License-Identifier: GPL-3.0-or-later
"""The resolver of a house: encrypted for its devices, with names, upstreams and workers of its own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import Daemon, Upstream, ask, is_blocked, make_query, wait_until
from tests.filterd.dns.authority import Authority, make_authority

pytestmark = pytest.mark.xdist_group("daemon")

BLOCKED = "gambling.prueba.home.arpa"

CONFIG = """
strategy = "fastest"
workers = 2
hosts = {{ "nas.casa.lan" = ["192.168.1.5"] }}
domains = {{ "router.lan" = ["udp://127.0.0.1:{router}"] }}
rate_limit = 0
[proxy]
listen = ""
[dot]
listen = "127.0.0.1:0"
certificate = "{certificate}"
key = "{key}"
server_name = "dns.example"
[doh]
listen = "127.0.0.1:0"
certificate = "{certificate}"
key = "{key}"
server_name = "dns.example"
[metrics]
listen = "127.0.0.1:0"
[[clients]]
id = "tableta"
profile = "adult"
"""


class House(Daemon):
    """A daemon whose [dns] table is continued by the configuration."""

    def write(self, config: str) -> None:
        super().write("")
        ours = self.config.read_text().replace('[proxy]\nlisten = "127.0.0.1:0"\n', "")
        head, paths, rest = ours.partition("[paths]")
        self.config.write_text(head + config.partition("\n[proxy]")[0] + "\n" + paths + rest + "[proxy]"
                               + config.partition("\n[proxy]")[2])  # fmt: skip

    def port(self, kind: str) -> int:
        """Return the port of the listener *kind*."""
        line = next(line for line in self.output().splitlines() if line.split()[:1] == [kind])
        return int(line.rpartition(":")[2].split()[0])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def world() -> Iterator[Upstream]:
    running = Upstream({"rebind.example": "192.168.1.1"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def router() -> Iterator[Upstream]:
    running = Upstream({"tv.router.lan": "192.168.1.7"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, world: Upstream, router: Upstream
) -> Iterator[House]:
    config = CONFIG.format(router=router.port, certificate=authority.certificate, key=authority.key)
    running = House(tmp_path_factory.mktemp("h"), config, upstream=world.port)
    with running:
        yield running


def address_in(answer: bytes) -> str:
    return socket.inet_ntoa(answer[-4:])


def kdig(house: House, name: str, *options: str) -> str:
    command = ["kdig", "@127.0.0.1", "+short", "+retry=0", *options, name]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


needs_kdig = pytest.mark.skipif(shutil.which("kdig") is None, reason="kdig is not installed")


def test_a_name_of_the_house_is_answered_here(house: House, world: Upstream) -> None:
    assert address_in(ask(house.dns, "nas.casa.lan")[1]) == "192.168.1.5"
    assert "nas.casa.lan" not in world.asked


def test_a_domain_with_an_upstream_of_its_own_goes_there_and_may_be_private(
    house: House, world: Upstream, router: Upstream
) -> None:
    assert address_in(ask(house.dns, "tv.router.lan")[1]) == "192.168.1.7"
    assert "tv.router.lan" in router.asked
    assert "tv.router.lan" not in world.asked


def test_a_name_of_the_world_does_not_lead_into_the_house(house: House) -> None:
    rcode, answer = ask(house.dns, "rebind.example")

    assert (rcode, answer[6:8]) == (0, b"\0\0")
    assert b"\xc0\xa8\x01\x01" not in answer


@needs_kdig
@pytest.mark.parametrize(("host", "expected"), [("dns.example", "0.0.0.0"), ("tableta.dns.example", "127.0.0.1")])
def test_over_tls_the_server_name_chooses_the_profile(
    house: House, authority: Authority, host: str, expected: str
) -> None:
    options = (
        "-p",
        str(house.port("dot")),
        f"+tls-ca={authority.ca_file}",
        f"+tls-sni={host}",
        "+tls-host=dns.example",
    )

    assert kdig(house, BLOCKED, *options) == expected


@needs_kdig
@pytest.mark.parametrize(("path", "expected"), [("/dns-query", "0.0.0.0"), ("/dns-query/tableta", "127.0.0.1")])
@pytest.mark.parametrize("method", ["+https", "+https-get"])
def test_over_https_the_path_chooses_the_profile(
    house: House, authority: Authority, method: str, path: str, expected: str
) -> None:
    options = [f"{method}=dns.example{path}" if method == "+https" else "+https-get", "-p", str(house.port("doh"))]
    if method == "+https-get":
        options.append(f"+https=dns.example{path}")
    options += [f"+tls-ca={authority.ca_file}", "+tls-host=dns.example"]

    assert kdig(house, BLOCKED, *options) == expected


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_finds_a_name_by_our_doh(house: House, authority: Authority) -> None:
    doh, metrics = house.port("doh"), house.port("metrics")
    command = [
        "curl", "-s", "--max-time", "10", "--resolve", f"dns.example:{doh}:127.0.0.1", "--doh-url",
        f"https://dns.example:{doh}/dns-query", "--cacert", str(authority.ca_file), "-o", "/dev/null", "-w",
        "%{remote_ip} %{http_code}", f"http://permitido.prueba.home.arpa:{metrics}/metrics",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    assert done.stdout == "127.0.0.1 421", "found, and metrics answer to addresses only"


def test_workers_share_the_port_and_one_that_dies_loses_nothing(house: House) -> None:
    pid = int(house.role("dns-2")["pid"])
    assert pid
    wait_until(lambda: house.role("dns-2").get("state") == "ready", within_s=10, what="both serve")
    subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(pid)], check=True)
    answers = 0
    for number in range(40):  # from a port each: the kernel shares them out among the workers
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(make_query(BLOCKED, identity=number), ("127.0.0.1", house.dns))
            answers += client.recv(512).endswith(b"\0\0\0\0")

    assert answers == 40


def test_what_was_counted_is_told(house: House) -> None:
    for _ in range(5):
        ask(house.dns, "www.example.org")

    def counted() -> bool:
        status = house.status()
        return bool(status["dns"].get("queries", 0) >= 5 and status["upstreams"][0]["asked"] > 0)

    wait_until(counted, within_s=6, what="the counters come to control")
    with urllib.request.urlopen(f"http://127.0.0.1:{house.port('metrics')}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert "filterd_dns_events_total" in text
    assert "example.org" not in text


def test_discovery_names_our_encrypted_resolvers(house: House) -> None:
    _, answer = ask(house.dns, "_dns.resolver.arpa", 64)

    assert answer[6:8] == b"\0\x02"
    assert b"\x03dot" in answer
    assert b"/dns-query{?dns}" in answer


def test_a_stranger_is_refused(house: House, tmp_path: Path) -> None:
    """Whoever is outside the networks served is told so, without a look at the name."""
    with House(tmp_path, '\nallow_from = ["192.0.2.0/24"]\n[proxy]\nlisten = ""\n') as closed:
        rcode, answer = ask(closed.dns, "example.org")

    assert rcode == 5
    assert not is_blocked(house.dns, "permitido.prueba.home.arpa")
    assert len(answer) <= 64
