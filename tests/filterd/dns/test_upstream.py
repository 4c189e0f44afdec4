# SPDX-License-Identifier: GPL-3.0-or-later
"""The world's upstreams and those of some domains, by every scheme."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from filterd.dns import wire
from filterd.dns.blocking import NETWORK_ERROR
from filterd.dns.upstream import Strategy, Upstreams, make_upstreams, parse_domain, parse_upstream
from filterd.dns.upstream_doh import ALPN
from filterd.dns.upstream_spec import UpstreamError
from tests.filterd.dns.authority import Authority
from tests.filterd.dns.fakes import Zone, answers, run
from tests.filterd.dns.servers import DohServer, StreamServer, udp_server
from tests.filterd.dns.unbound import choose_ports, unbound

QUESTION = wire.make_question(wire.encode_name("www.example"), wire.A)
RECORD = "www.example. 60 IN A 192.0.2.1"
RIGHT = [("www.example.", "A", "192.0.2.1")]


async def ask_by(*texts: str, authority: Authority | None = None) -> bytes:
    upstreams = make_upstreams(
        [parse_upstream(text) for text in texts], ca_file=authority.ca_file if authority else None
    )
    try:
        return await upstreams.ask(QUESTION)
    finally:
        await upstreams.close()


def test_each_scheme_reaches_its_server(authority: Authority) -> None:
    zone = Zone(RECORD)

    async def work() -> None:
        async with (
            udp_server(zone.respond) as udp,
            StreamServer(zone.respond) as tcp,
            StreamServer(zone.respond, context=authority.server_context()) as tls,
            DohServer(zone.respond, context=authority.server_context(alpn=ALPN)) as doh,
        ):
            for text in (
                f"udp://127.0.0.1:{udp}", f"tcp://127.0.0.1:{tcp.port}", f"tls://127.0.0.1:{tls.port}",
                f"https://localhost:{doh.port}/dns-query",
            ):  # fmt: skip
                assert answers(await ask_by(text, authority=authority)) == RIGHT

    run(work())
    assert len(zone.asked) == 4


def test_an_upstream_known_by_name_is_found_by_way_of_another(authority: Authority) -> None:
    finder = Zone("dns.example. 60 IN A 127.0.0.1")
    zone = Zone(RECORD)

    async def work() -> None:
        async with (
            StreamServer(zone.respond, context=authority.server_context()) as tls,
            udp_server(finder.respond) as udp,
        ):
            texts = f"tls://dns.example:{tls.port}", f"udp://127.0.0.1:{udp}"
            assert answers(await ask_by(*texts, authority=authority)) == RIGHT

    run(work())
    assert zone.asked == [("www.example.", "A")]
    assert finder.asked == [("dns.example.", "A"), ("dns.example.", "AAAA")]


def test_an_upstream_whose_certificate_is_wrong_gets_no_question(authority: Authority) -> None:
    zone = Zone(RECORD)

    async def work() -> None:
        async with StreamServer(zone.respond, context=authority.server_context()) as tls:
            with pytest.raises(UpstreamError, match="certificate") as caught:
                await ask_by(f"tls://127.0.0.1:{tls.port}#other.example", authority=authority)
            assert caught.value.ede == NETWORK_ERROR

    run(work())
    assert zone.asked == []


def host_question(name: str) -> bytes:
    return wire.make_question(wire.encode_name(name), wire.A)


HOUSE = "printer.home.lan. 60 IN A 192.168.7.9\n9.7.168.192.in-addr.arpa. 60 IN PTR printer.home.lan."
WORLD = "www.example. 60 IN A 192.0.2.1\npublic.home.lan. 60 IN A 192.0.2.2"


async def with_house(work: Callable[[Upstreams], Awaitable[None]], *, house: Zone, world: Zone) -> None:
    async with udp_server(house.respond) as router, udp_server(world.respond) as port:
        own = [parse_upstream(f"udp://127.0.0.1:{router}")]
        domains = {"home.lan": own, parse_domain("192.168.7.0/24"): own, "public.home.lan": []}
        upstreams = make_upstreams([parse_upstream(f"udp://127.0.0.1:{port}")], domains=domains)
        try:
            await work(upstreams)
        finally:
            await upstreams.close()


def test_the_houses_names_go_to_the_router_and_the_worlds_do_not() -> None:
    house, world = Zone(HOUSE), Zone(WORLD)

    async def work(upstreams: Upstreams) -> None:
        for name in ("printer.HOME.lan", "home.lan", "9.7.168.192.in-addr.arpa", "www.example", "public.home.lan"):
            await upstreams.ask(host_question(name))

    run(with_house(work, house=house, world=world))
    assert [name for name, _ in house.asked] == ["printer.HOME.lan.", "home.lan.", "9.7.168.192.in-addr.arpa."]
    assert [name for name, _ in world.asked] == ["www.example.", "public.home.lan."]


def test_a_name_with_upstreams_of_its_own_is_told_from_others() -> None:
    async def work(upstreams: Upstreams) -> None:
        names = ("printer.home.lan", "home.lan", "9.7.168.192.in-addr.arpa", "nothome.lan", "lan", "public.home.lan")
        assert [upstreams.has_own(name) for name in names] == [True, True, True, False, False, False]

    run(with_house(work, house=Zone(), world=Zone()))


def test_a_dead_routers_names_are_told_to_nobody_else() -> None:
    world = Zone(WORLD)

    async def work() -> None:
        async with udp_server(world.respond) as port:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
                unused.bind(("127.0.0.1", 0))
                own = [parse_upstream(f"udp://127.0.0.1:{unused.getsockname()[1]}")]
            upstreams = make_upstreams([parse_upstream(f"udp://127.0.0.1:{port}")], domains={"home.lan": own})
            with pytest.raises(UpstreamError, match=r"\(home\.lan\)"):
                await upstreams.ask(host_question("printer.home.lan"))
            await upstreams.close()

    run(work())
    assert world.asked == []


def test_how_all_of_them_are_doing_is_told() -> None:
    async def work(upstreams: Upstreams) -> None:
        await upstreams.ask(host_question("www.example"))
        await upstreams.ask(host_question("printer.home.lan"))
        assert [(report.asked, "home.lan" in report.name) for report in upstreams.report()] == [
            (1, False), (1, True), (0, False),
        ]  # fmt: skip

    run(with_house(work, house=Zone(HOUSE), world=Zone(WORLD)))


def test_a_strategy_is_for_the_worlds_upstreams() -> None:
    zones = Zone(RECORD), Zone(RECORD)

    async def work() -> None:
        async with udp_server(zones[0].respond) as one, udp_server(zones[1].respond) as two:
            specs = [parse_upstream(f"udp://127.0.0.1:{port}") for port in (one, two)]
            upstreams = make_upstreams(specs, strategy=Strategy.ROUND_ROBIN)
            for _ in range(4):
                await upstreams.ask(QUESTION)
            await upstreams.close()

    run(work())
    assert [len(zone.asked) for zone in zones] == [2, 2]


def test_ipv6_upstreams_are_asked() -> None:
    zone = Zone(RECORD)
    try:
        probe = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    port = probe.getsockname()[1]
    probe.close()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.DatagramTransport)
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(zone.respond(data), addr)

    async def work() -> bytes:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=("::1", port))
        try:
            return await ask_by(f"udp://[::1]:{port}")
        finally:
            transport.close()

    assert answers(run(work())) == RIGHT


REAL_RECORDS = [
    *(f"n{n}.example. 60 IN A 192.0.2.{n}" for n in range(200)),
    *(f'big.example. 60 IN TXT "{"x" * 200}{n}"' for n in range(20)),
]


@pytest.mark.parametrize("scheme", ["udp", "tcp", "tls", "https"])
def test_a_real_resolver_answers_many_at_once_and_what_is_large(
    scheme: str, authority: Authority, tmp_path: Path
) -> None:
    ports = choose_ports()
    port = {"tls": ports.tls, "https": ports.https}.get(scheme, ports.plain)
    path = "/dns-query" if scheme == "https" else ""

    async def work() -> None:
        async with unbound(tmp_path, authority, ports=ports, records=REAL_RECORDS):
            upstreams = make_upstreams(
                [parse_upstream(f"{scheme}://127.0.0.1:{port}{path}")], ca_file=authority.ca_file
            )
            try:
                found = await asyncio.gather(*(upstreams.ask(host_question(f"n{n}.example")) for n in range(200)))
                large = await upstreams.ask(wire.make_question(wire.encode_name("big.example"), 16))
            finally:
                await upstreams.close()
        assert [answers(message)[0][2] for message in found] == [f"192.0.2.{n}" for n in range(200)]
        assert len(answers(large)) == 20

    run(work())


@pytest.mark.parametrize("scheme", ["udp", "tls", "https"])
def test_a_resolver_that_comes_back_is_asked_again(scheme: str, authority: Authority, tmp_path: Path) -> None:
    ports = choose_ports()
    port = {"tls": ports.tls, "https": ports.https}.get(scheme, ports.plain)
    path = "/dns-query" if scheme == "https" else ""
    records = ["www.example. 60 IN A 192.0.2.1"]

    async def work() -> None:
        upstreams = make_upstreams([parse_upstream(f"{scheme}://127.0.0.1:{port}{path}")], ca_file=authority.ca_file)
        try:
            async with unbound(tmp_path, authority, ports=ports, records=records):
                assert answers(await upstreams.ask(QUESTION)) == RIGHT
            with pytest.raises(UpstreamError):
                await upstreams.ask(QUESTION)
            async with unbound(tmp_path, authority, ports=ports, records=records):
                assert answers(await upstreams.ask(QUESTION)) == RIGHT
                assert [report.up for report in upstreams.report()] == [True]
        finally:
            await upstreams.close()

    run(work())
