# SPDX-License-Identifier: GPL-3.0-or-later
"""Every engine, asked every way that a browser asks, leads to its safe mode and nowhere else."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from filterd.dns import svcb, wire
from filterd.dns.pipeline import Pipeline, Transport
from filterd.policy.model import Client
from filterd.policy.policy import Policy
from filterd.policy.profile import Profile
from filterd.policy.safesearch import SafeSearch, YouTube
from filterd.shipped import Shipped
from tests.fakes import FakeNames, FakePatterns

# google's supported domains, as its own list had them; kept apart from what is shipped, to be compared with it.
_GOOGLE = """
    ad ae al am as at az ba be bf bg bi bj bs bt by ca cat cd cf cg ch ci cl cm cn co co.ao co.bw co.ck co.cr co.id
    co.il co.in co.jp co.ke co.kr co.ls co.ma co.mz co.nz co.th co.tz co.ug co.uk co.uz co.ve co.vi co.za co.zm
    co.zw com.af com.ag com.ai com.ar com.au com.bd com.bh com.bn com.bo com.br com.bz com.co com.cu com.cy com.do
    com.ec com.eg com.et com.fj com.gh com.gi com.gt com.hk com.jm com.kh com.kw com.lb com.ly com.mm com.mt com.mx
    com.my com.na com.nf com.ng com.ni com.np com.om com.pa com.pe com.pg com.ph com.pk com.pr com.py com.qa com.sa
    com.sb com.sg com.sl com.sv com.tj com.tr com.tw com.ua com.uy com.vc com.vn com cv cz de dj dk dm dz ee es fi
    fm fr ga ge gg gl gm gp gr gy hn hr ht hu ie im iq is it je jo kg ki kz la li lk lt lu lv md me mg mk ml mn ms
    mu mv mw ne nl no nr nu pl pn ps pt ro rs ru rw sc se sh si sk sm sn so sr st td tg tk tl tm tn to tt vg vu ws
"""
_YANDEX = "az by co.il com com.am com.ge com.ru com.tr de ee eu fi fr kz lt lv md net org pl ru tj tm uz"
GOOGLE, YANDEX = _GOOGLE.split(), _YANDEX.split()
YOUTUBE = [
    "www.youtube.com", "m.youtube.com", "youtubei.googleapis.com", "youtube.googleapis.com", "www.youtube-nocookie.com",
]  # fmt: skip
ENGINES: dict[str, tuple[str, list[str]]] = {
    "google": ("forcesafesearch.google.com", [f"www.google.{ending}" for ending in GOOGLE]),
    "bing": ("strict.bing.com", ["www.bing.com", "edgeservices.bing.com"]),
    "duckduckgo": ("safe.duckduckgo.com", ["duckduckgo.com", "www.duckduckgo.com", "start.duckduckgo.com"]),
    "brave": ("forcesafe.search.brave.com", ["search.brave.com"]),
    "ecosia": ("strict-safe-search.ecosia.org", ["www.ecosia.org"]),
    "pixabay": ("safesearch.pixabay.com", ["pixabay.com"]),
    "yandex": (
        "familysearch.yandex.ru",
        ["ya.ru", "xn--d1acpjx3f.xn--p1ai", *(f"{www}yandex.{end}" for end in YANDEX for www in ("", "www."))],
    ),
    "youtube": ("restrict.youtube.com", YOUTUBE),
}
WITHOUT_CNAME = {"yandex"}
CASES = [pytest.param(engine, id=engine) for engine in ENGINES]

SAFE4, SAFE6 = ip_address("203.0.113.120"), ip_address("2001:db8:5afe::120")
REAL4, REAL6 = ip_address("198.51.100.1"), ip_address("2001:db8:bad::1")
FAMILY = Client(address="192.0.2.7")
NOON = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)


class World:
    """An upstream that knows every name: safe hosts at safe addresses, all others at real ones, by every way."""

    def __init__(self, *, safe_ipv6: bool = True, down: bool = False) -> None:
        self.asked: list[str] = []
        self._safe6 = [SAFE6] if safe_ipv6 else []
        self._down = down
        self._safe_hosts = {safe for safe, _ in ENGINES.values()} | {"restrictmoderate.youtube.com"}

    async def ask(self, raw: bytes) -> bytes:
        await asyncio.sleep(0)
        query = wire.parse_query(raw)
        self.asked.append(query.host)
        if self._down:
            return wire.reply(query, rcode=wire.SERVFAIL)
        safe = query.host in self._safe_hosts
        found = {wire.A: [SAFE4 if safe else REAL4], wire.AAAA: self._safe6 if safe else [REAL6]}
        records = [wire.address_record(address, ttl=300) for address in found.get(query.qtype, [])]
        if query.qtype in (wire.HTTPS, wire.SVCB):
            hints = {svcb.IPV4HINT: REAL4.packed, svcb.IPV6HINT: REAL6.packed}
            records = [wire.Record(query.qtype, 300, svcb.write_service(b"\0\1\0", hints))]
        return wire.reply(query, answers=records, authority=[] if records else [wire.soa_record(ttl=300)])


@pytest.fixture(scope="module")
def engines() -> SafeSearch:
    return Shipped().safe_search


def pipeline_for(profile: Profile, engines: SafeSearch, ask: Callable[[bytes], Awaitable[bytes]]) -> Pipeline:
    policy = Policy(FakeNames({}), FakePatterns({}), {}, {profile.id: profile}, profile.id, engines)
    targets = [*engines.engines.values(), *(t for level in engines.youtube.values() for t in level.values())]
    return Pipeline(
        policy.decide,
        ask,
        clock=lambda: NOON,
        boundary=policy.next_boundary,
        safe_addresses={target.host: target.addresses for target in targets},
        without_cname={target.host for target in targets if not target.cname},
    )


CHILD = Profile("child", safe_search=True, youtube=YouTube.STRICT, block_unsafe_search=True)


def look_up(pipeline: Pipeline, host: str, qtype: str) -> tuple[dns.message.Message, list[str]]:
    """Return the answer and its records: type and data."""
    raw = dns.message.make_query(host, qtype, use_edns=0).to_wire()
    reply = asyncio.run(pipeline.answer(raw, FAMILY, transport=Transport.UDP))
    message = dns.message.from_wire(reply or b"")
    shown = [f"{dns.rdatatype.to_text(rrset.rdtype)} {rdata}" for rrset in message.answer for rdata in rrset]
    return message, shown


def told_as_forged(message: dns.message.Message) -> bool:
    return any(option.otype == wire.EDE_OPTION and int(option.code) == 4 for option in message.options)


def test_google_has_194_domains() -> None:
    assert len(set(GOOGLE)) == 194


@pytest.mark.parametrize("engine", CASES)
@pytest.mark.parametrize(("qtype", "address"), [("A", SAFE4), ("AAAA", SAFE6)])
def test_an_engine_is_where_its_safe_host_is(engine: str, qtype: str, address: object, engines: SafeSearch) -> None:
    safe, hosts = ENGINES[engine]
    world = World()
    pipeline = pipeline_for(CHILD, engines, world.ask)
    expected = [f"{qtype} {address}"] if engine in WITHOUT_CNAME else [f"CNAME {safe}.", f"{qtype} {address}"]

    for host in hosts:
        message, records = look_up(pipeline, host, qtype)

        assert (host, records) == (host, expected)
        assert told_as_forged(message)
        assert max(rrset.ttl for rrset in message.answer) <= 300
    assert set(world.asked) == {safe}


@pytest.mark.parametrize("engine", CASES)
@pytest.mark.parametrize("qtype", ["HTTPS", "SVCB", "TXT", "ANY"])
def test_an_engine_shows_no_other_way(engine: str, qtype: str, engines: SafeSearch) -> None:
    world = World()
    pipeline = pipeline_for(CHILD, engines, world.ask)

    for host in ENGINES[engine][1]:
        message, records = look_up(pipeline, host, qtype)

        assert (host, message.rcode(), records) == (host, dns.rcode.NOERROR, [])
        assert told_as_forged(message)
    assert world.asked == []


@pytest.mark.parametrize("engine", CASES)
def test_where_the_safe_host_has_no_ipv6_the_engine_has_none(engine: str, engines: SafeSearch) -> None:
    safe, hosts = ENGINES[engine]
    world = World(safe_ipv6=False)
    pipeline = pipeline_for(CHILD, engines, world.ask)

    for host in hosts:
        message, records = look_up(pipeline, host, "AAAA")

        assert (host, records) == (host, [] if engine in WITHOUT_CNAME else [f"CNAME {safe}."])
        assert [rrset.rdtype for rrset in message.authority] == [dns.rdatatype.SOA]
    assert set(world.asked) == {safe}


@pytest.mark.parametrize("engine", CASES)
@pytest.mark.parametrize("qtype", ["A", "AAAA"])
def test_while_nobody_answers_an_engine_is_at_known_addresses_or_nowhere(
    engine: str, qtype: str, engines: SafeSearch
) -> None:
    safe, hosts = ENGINES[engine]
    pipeline = pipeline_for(CHILD, engines, World(down=True).ask)
    targets = {**engines.engines, **engines.youtube[YouTube.STRICT]}
    version = 4 if qtype == "A" else 6
    known = [f"{qtype} {a}" for a in targets[hosts[0]].addresses if ip_address(a).version == version]

    for host in hosts:
        _, records = look_up(pipeline, host, qtype)

        assert (host, [r for r in records if not r.startswith("CNAME")]) == (host, known)
    assert all(target.host == safe for host, target in targets.items() if host in hosts)


@pytest.mark.parametrize(
    ("level", "safe"),
    [(YouTube.OFF, None), (YouTube.MODERATE, "restrictmoderate.youtube.com"), (YouTube.STRICT, "restrict.youtube.com")],
)
@pytest.mark.parametrize("safe_search", [False, True])
def test_youtube_follows_its_own_setting(
    level: YouTube, safe: str | None, safe_search: bool, engines: SafeSearch
) -> None:
    pipeline = pipeline_for(Profile("p", safe_search=safe_search, youtube=level), engines, World().ask)

    for host in YOUTUBE:
        _, records = look_up(pipeline, host, "A")

        assert records == ([f"CNAME {safe}.", f"A {SAFE4}"] if safe else [f"A {REAL4}"])


@pytest.mark.parametrize(
    ("allowed", "address"), [("www.google.com.py", REAL4), ("google.com.py", SAFE4), ("com.py", SAFE4)]
)
def test_only_an_allow_of_exactly_the_engines_host_skips_its_safe_mode(
    allowed: str, address: object, engines: SafeSearch
) -> None:
    profile = Profile("child", safe_search=True, allow=frozenset({allowed}))

    _, records = look_up(pipeline_for(profile, engines, World().ask), "www.google.com.py", "A")

    assert records[-1] == f"A {address}"


@pytest.mark.parametrize("host", ["google.com.py", "google.com", "mail.google.com", "youtube.com", "yandex.example"])
def test_names_that_show_no_results_are_left_alone(host: str, engines: SafeSearch) -> None:
    _, records = look_up(pipeline_for(CHILD, engines, World().ask), host, "A")

    assert records == [f"A {REAL4}"]


@pytest.mark.parametrize(
    "host", ["search.yahoo.com", "qwant.com", "www.startpage.com", "searx.be", "lite.duckduckgo.com"]
)
def test_an_engine_that_cannot_be_held_is_refused_to_a_child_alone(host: str, engines: SafeSearch) -> None:
    adolescent = Profile("adolescent", safe_search=True, youtube=YouTube.MODERATE)

    assert look_up(pipeline_for(CHILD, engines, World().ask), host, "A")[1] == ["A 0.0.0.0"]
    assert look_up(pipeline_for(adolescent, engines, World().ask), host, "A")[1] == [f"A {REAL4}"]
