# SPDX-License-Identifier: GPL-3.0-or-later
"""Through the filter, what nobody refuses is what the resolver behind it says: section by section."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from filterd.dns.leads import AnswerRules
from filterd.dns.pipeline import Pipeline
from filterd.dns.server import DnsServer
from filterd.dns.upstream import make_upstreams, parse_upstream
from filterd.policy.model import Allow, Decision, Request
from tests.e2e.signed_zone import FEW_TYPES, NAMES, PLAIN, SIGNED, TYPES, unbound
from tests.e2e.support import Daemon
from tests.filterd.dns.authority import Authority, make_authority

UNBOUND = shutil.which("unbound", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
pytestmark = pytest.mark.skipif(UNBOUND is None, reason="unbound is not installed")

Questions = list[tuple[str, str]]


def allow_all(request: Request, /) -> Decision:
    return Decision(request, Allow(), "adult")


async def serve(
    sockets: list[socket.socket], upstream: int, rules: AnswerRules, started: threading.Event, stop: asyncio.Event
) -> None:
    upstreams = make_upstreams([parse_upstream(f"udp://127.0.0.1:{upstream}")])
    pipeline = Pipeline(allow_all, upstreams.ask, clock=lambda: dt.datetime.now(dt.UTC), rules=rules)
    server = DnsServer(sockets, pipeline)
    await server.start()
    started.set()
    await stop.wait()
    await server.stop()
    await upstreams.close()


@contextlib.contextmanager
def filter_before(upstream: int, *, rules: AnswerRules) -> Iterator[int]:
    """Serve a pipeline that refuses nothing and holds to *rules*, by UDP and TCP; yields the port."""
    udp, tcp = bind_both()
    loop, started, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve([udp, tcp], upstream, rules, started, stop)))
    thread.start()
    try:
        assert started.wait(20)
        yield udp.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def bind_both() -> tuple[socket.socket, socket.socket]:
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            tcp.bind(udp.getsockname())
            tcp.listen(64)
        except OSError:  # somebody else's port by TCP
            udp.close()
            tcp.close()
            continue
        return udp, tcp


class Client:
    """Asks one server, over one socket of each kind."""

    def __init__(self, port: int) -> None:
        self._where = ("127.0.0.1", port)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setblocking(False)
        self._tcp = self._connect()

    def close(self) -> None:
        """Let go of the sockets."""
        self._udp.close()
        self._tcp.close()

    def ask(self, asked: dns.message.Message, *, tcp: bool) -> dns.message.Message:
        """Return the answer to *asked*."""
        if tcp:
            with contextlib.suppress(EOFError):
                return self._ask_by_tcp(asked)
            self._tcp.close()  # a server closes what was idle for long (RFC 7766 §6.2.3)
            self._tcp = self._connect()
            return self._ask_by_tcp(asked)
        return dns.query.udp(asked, self._where[0], port=self._where[1], sock=self._udp, timeout=10)

    def _ask_by_tcp(self, asked: dns.message.Message) -> dns.message.Message:
        return dns.query.tcp(asked, self._where[0], port=self._where[1], sock=self._tcp, timeout=10)

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(self._where, timeout=10)
        connected.setblocking(False)
        return connected


@dataclass(frozen=True)
class Servers:
    """The resolver asked directly, through the filter, and through one whose proxy inspects."""

    direct: Client
    filtered: Client
    inspected: Client


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    inspecting = AnswerRules(inspected={"adult"})
    with (
        unbound(tmp_path_factory.mktemp("unbound")) as upstream,
        filter_before(upstream, rules=AnswerRules()) as port,
        filter_before(upstream, rules=inspecting) as inspecting_port,
    ):
        made = Servers(Client(upstream), Client(port), Client(inspecting_port))
        yield made
        for client in (made.direct, made.filtered, made.inspected):
            client.close()


def section(rrsets: list[dns.rrset.RRset]) -> list[str]:
    """Return the records without TTLs, in no order: a resolver may turn them."""
    return sorted(
        f"{rrset.name.to_text().lower()} {dns.rdatatype.to_text(rrset.rdtype)} {rdata.to_text()}"
        for rrset in rrsets
        for rdata in rrset
    )


def substance(message: dns.message.Message) -> dict[str, object]:
    """Return what must be the same: all but the TTLs, the id and the sizes offered."""
    return {
        "rcode": dns.rcode.to_text(message.rcode()),
        "flags": dns.flags.to_text(message.flags),
        "edns": (message.edns, bool(message.ednsflags & dns.flags.DO)),
        "errors": sorted(int(o.code) for o in message.options if isinstance(o, dns.edns.EDEOption)),
        "question": [rrset.name.labels for rrset in message.question],
        "answer": section(message.answer),
        "authority": section(message.authority),
        "additional": section(message.additional),
    }


def ttls(message: dns.message.Message) -> dict[str, int]:
    parts = (*message.answer, *message.authority, *message.additional)
    return {f"{rrset.name} {rrset.rdtype} {rrset.covers}".lower(): rrset.ttl for rrset in parts}


ALL: Questions = [
    (zone if name == "@" else f"{name}.{zone}", rtype)
    for zone, types in ((SIGNED, TYPES), (PLAIN, FEW_TYPES))
    for name in NAMES
    for rtype in types
    if (name, rtype) != ("@", "DS")  # the parent's to answer, and there is none
]


def compare(servers: Servers, name: str, rtype: str, *, cd: bool, tcp: bool, **edns: bool | int) -> str | None:
    """Return how the two answers differ, ``None`` where they do not."""
    asked = dns.message.make_query(name, rtype, **edns)  # type: ignore[arg-type]  # a mapping of its keywords
    if cd:
        asked.flags |= dns.flags.CD
    direct, filtered = servers.direct.ask(asked, tcp=tcp), servers.filtered.ask(asked, tcp=tcp)
    if direct.flags & dns.flags.TC:
        same = filtered.flags == direct.flags and filtered.rcode() == direct.rcode()
        return None if same else f"{name} {rtype}: truncated, but {dns.flags.to_text(filtered.flags)}"
    expected, got = substance(direct), substance(filtered)
    if differing := [key for key in expected if expected[key] != got[key]]:
        return f"{name} {rtype}: {[(key, expected[key], got[key]) for key in differing]}"
    before, after = ttls(direct), ttls(filtered)
    # Both count down, and each second may fall between the two questions.
    late = {key: (ttl, after[key]) for key, ttl in before.items() if not ttl - 60 <= after[key] <= ttl + 60}
    return f"{name} {rtype}: TTLs {late}" if late else None


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("cd", [False, True], ids=["checked", "cd"])
@pytest.mark.parametrize(
    "edns",
    [{"use_edns": False}, {"use_edns": 0}, {"use_edns": 0, "want_dnssec": True}],
    ids=["no edns", "edns", "do"],
)
def test_the_filter_says_what_the_resolver_says(
    servers: Servers, edns: dict[str, bool | int], cd: bool, tcp: bool
) -> None:
    differences = [found for name, rtype in ALL if (found := compare(servers, name, rtype, cd=cd, tcp=tcp, **edns))]

    assert differences == []


def test_the_zones_show_what_they_should(servers: Servers) -> None:
    """Else the comparison would prove little: there are signatures, authentic answers and refused ones."""
    signed = servers.direct.ask(dns.message.make_query(f"h1.{SIGNED}", "A", want_dnssec=True), tcp=False)
    bogus = servers.direct.ask(dns.message.make_query(f"bogus.{SIGNED}", "A", want_dnssec=True), tcp=False)
    missing = servers.direct.ask(dns.message.make_query(f"nowhere.{SIGNED}", "A", want_dnssec=True), tcp=False)

    assert signed.flags & dns.flags.AD
    assert {rrset.rdtype for rrset in signed.answer} == {dns.rdatatype.A, dns.rdatatype.RRSIG}
    assert bogus.rcode() == dns.rcode.SERVFAIL
    assert missing.rcode() == dns.rcode.NXDOMAIN
    assert dns.rdatatype.NSEC in {rrset.rdtype for rrset in missing.authority}


def test_letter_case_of_the_question_comes_back(servers: Servers) -> None:
    asked = dns.message.make_query(f"H1.{SIGNED.upper()}", "A")

    assert (
        servers.filtered.ask(asked, tcp=False).question[0].name.labels
        == dns.name.from_text(str(asked.question[0].name)).labels
    )


def test_only_a_set_that_we_change_loses_its_signature_and_ad(servers: Servers) -> None:
    def ask(client: Client, name: str, rtype: str) -> dict[str, object]:
        return substance(client.ask(dns.message.make_query(f"{name}.{SIGNED}", rtype, want_dnssec=True), tcp=True))

    direct, changed = ask(servers.direct, "svc", "HTTPS"), ask(servers.inspected, "svc", "HTTPS")

    assert changed["answer"] == [f'svc.{SIGNED}. HTTPS 1 . alpn="h2" ipv4hint="192.0.2.1"']
    assert (direct["flags"], changed["flags"]) == ("QR RD RA AD", "QR RD RA")
    assert {key: changed[key] for key in changed if key not in ("answer", "flags")} == {
        key: direct[key] for key in direct if key not in ("answer", "flags")
    }
    for name, rtype in (("h1", "A"), ("alias", "HTTPS"), ("nowhere", "HTTPS"), ("svc", "RRSIG"), ("www", "AAAA")):
        assert ask(servers.inspected, name, rtype) == ask(servers.direct, name, rtype)


# Through the whole daemon, with the programs that people use.

TOLD = [
    (f"h1.{SIGNED}", "A"), (f"www.{SIGNED}", "AAAA"), (f"chain.{SIGNED}", "A"), (f"a.sub.{SIGNED}", "A"),
    (f"nowhere.{SIGNED}", "A"), (f"h1.{SIGNED}", "MX"), (f"big.{SIGNED}", "TXT"), (f"svc.{SIGNED}", "HTTPS"),
    (SIGNED, "DNSKEY"), (f"bogus.{SIGNED}", "A"), (f"odd.{SIGNED}", "TYPE65333"), (f"_443._tcp.h5.{SIGNED}", "TLSA"),
    (f"many.{PLAIN}", "A"), (f"any.wild.{PLAIN}", "TXT"), (f"dangling.{PLAIN}", "A"),
]  # fmt: skip
TOLD_ENCRYPTED = TOLD[:6]

LISTENERS = """
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
"""


@dataclass(frozen=True)
class Whole:
    """The daemon with all its listeners, and the resolver behind it."""

    upstream: int
    daemon: Daemon
    ca_file: Path

    def port(self, kind: str) -> int:
        """Return the port of the listener *kind*."""
        line = next(line for line in self.daemon.output().splitlines() if line.split()[:1] == [kind])
        return int(line.rpartition(":")[2].split()[0])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    authority: Authority = make_authority(tmp_path_factory.mktemp("ca"))
    config = LISTENERS.format(certificate=authority.certificate, key=authority.key)
    with (
        unbound(tmp_path_factory.mktemp("unbound")) as upstream,
        Daemon(tmp_path_factory.mktemp("d"), config, upstream=upstream) as daemon,
    ):
        yield Whole(upstream, daemon, authority.ca_file)


def told(command: list[str]) -> tuple[str, list[str]]:
    """Return what dig or kdig prints: the status with the flags, and the records of each section without TTLs."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    status = re.search(r"HEADER.*status: (\w+)", done.stdout)
    flags = re.search(r"[Ff]lags: ([a-z ]+)", done.stdout)
    assert status
    assert flags
    lines, section = [], ""
    for line in done.stdout.splitlines():
        if found := re.match(r";; (\w+) (?:PSEUDO)?SECTION", line):
            section = found[1]
        elif line and not line.startswith(";"):
            owner, _ttl, *rest = line.split()
            lines.append(" ".join([section, owner.lower(), *rest]))
    return f"{status[1]} {flags[1].strip()}", sorted(lines)


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@needs("dig")
@pytest.mark.parametrize(
    "options", [[], ["+dnssec"], ["+cd"], ["+dnssec", "+cd"], ["+noedns"], ["+tcp"], ["+tcp", "+dnssec"]], ids=" ".join
)
def test_dig_is_told_the_same_through_the_daemon(whole: Whole, options: list[str]) -> None:
    def dig(port: int, name: str, rtype: str) -> tuple[str, list[str]]:
        return told(["dig", "@127.0.0.1", "-p", str(port), "+tries=2", "+time=5", "+nocookie", *options, name, rtype])

    differences = [
        (name, rtype, direct, through)
        for name, rtype in TOLD
        if (direct := dig(whole.upstream, name, rtype)) != (through := dig(whole.daemon.dns, name, rtype))
    ]

    assert differences == []


@needs("kdig")
@pytest.mark.parametrize("dnssec", [[], ["+dnssec"]], ids=["plain", "dnssec"])
@pytest.mark.parametrize(
    ("way", "kind"), [("+tls", "dot"), ("+https=dns.example/dns-query", "doh")], ids=["tls", "https"]
)
def test_kdig_is_told_the_same_over_an_encrypted_channel(whole: Whole, way: str, kind: str, dnssec: list[str]) -> None:
    encrypted = ["-p", str(whole.port(kind)), way, f"+tls-ca={whole.ca_file}", "+tls-host=dns.example"]

    def kdig(*how: str) -> tuple[str, list[str]]:
        return told(["kdig", "@127.0.0.1", "+retry=1", "+timeout=5", "+edns", *dnssec, *how])

    differences = [
        (name, rtype, direct, through)
        for name, rtype in TOLD_ENCRYPTED
        if (direct := kdig("-p", str(whole.upstream), "+tcp", name, rtype))
        != (through := kdig(*encrypted, name, rtype))
    ]

    assert differences == []


@needs("curl")
@pytest.mark.parametrize(("host", "address"), [("h1", "192.0.2.101"), ("www", "192.0.2.101"), ("nowhere", "")])
def test_curl_goes_where_the_resolver_says(whole: Whole, host: str, address: str) -> None:
    """It is held before it connects: the addresses are documentation's, where nobody is."""
    doh = whole.port("doh")
    command = [
        "curl", "-sv", "--ipv4", "--max-time", "5", "--connect-timeout", "1", "--resolve",
        f"dns.example:{doh}:127.0.0.1", "--doh-url", f"https://dns.example:{doh}/dns-query", "--cacert",
        str(whole.ca_file), f"http://{host}.{PLAIN}/",
    ]  # fmt: skip
    heard = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stderr

    assert f"DoH Host name: {host}.{PLAIN}" in heard
    assert re.findall(r"Trying (192\.0\.2\.\d+)", heard)[:1] == ([address] if address else [])
