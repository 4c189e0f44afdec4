# SPDX-License-Identifier: GPL-3.0-or-later
"""UDP: the right answer, or none."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.dns import upstream_udp, wire
from filterd.dns.answer import is_answer_to, is_truncated
from filterd.dns.blocking import NO_REACHABLE_AUTHORITY
from filterd.dns.upstream_link import Link
from filterd.dns.upstream_spec import UpstreamError, parse_upstream
from filterd.dns.upstream_stream import StreamChannel
from filterd.dns.upstream_udp import _BY_TCP, MAX_STRANGE, PORTS, QUESTIONS_A_PORT, UdpUpstream, _judge
from tests.filterd.dns.fakes import Zone, answers, run, truncated, until
from tests.filterd.dns.servers import Respond, StreamServer, udp_server

QUESTION = wire.make_question(wire.encode_name("wWw.example"), wire.A)
RECORD = "www.example. 60 IN A 192.0.2.1"
RIGHT = [("www.example.", "A", "192.0.2.1")]


def upstream(port: int, *, attempt_s: float = 5.0) -> UdpUpstream:
    spec = parse_upstream(f"udp://127.0.0.1:{port}")
    return UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel), attempt_s=attempt_s)


@contextlib.asynccontextmanager
async def asking(port: int, *, attempt_s: float = 5.0) -> AsyncIterator[UdpUpstream]:
    asked = upstream(port, attempt_s=attempt_s)
    try:
        yield asked
    finally:
        await asked.close()


def ask(respond: Respond, *, attempt_s: float = 5.0) -> bytes:
    async def work() -> bytes:
        async with udp_server(respond) as port, asking(port, attempt_s=attempt_s) as asked:
            return await asked.ask(QUESTION)

    return run(work())


class Peers(asyncio.DatagramProtocol):
    """A server that sees from which port each question comes."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.seen: list[tuple[bytes, int]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.seen.append((data[:2], addr[1]))
        reply = self.respond(data)
        if reply is not None:
            self.transport.sendto(reply, addr)


@contextlib.asynccontextmanager
async def peers(respond: Respond) -> AsyncIterator[Peers]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: Peers(respond), local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()


def test_a_question_is_answered() -> None:
    assert answers(ask(Zone(RECORD).respond)) == RIGHT


def test_ids_are_random_and_ports_are_replaced() -> None:
    async def work() -> list[tuple[bytes, int]]:
        async with peers(Zone(RECORD).respond) as server, asking(server.port) as asked:
            for _ in range(10):
                await asyncio.gather(*(asked.ask(QUESTION) for _ in range(PORTS * QUESTIONS_A_PORT // 5)))
            return server.seen

    seen = run(work())

    ids, ports = [number for number, _ in seen], [port for _, port in seen]
    assert len(set(ids)) > 0.98 * len(ids)
    assert len(set(ports)) > PORTS
    assert all(ports.count(port) <= QUESTIONS_A_PORT for port in ports)


def test_a_port_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_udp, "PORT_LIFE_S", 0.0)

    async def work() -> list[tuple[bytes, int]]:
        async with peers(Zone(RECORD).respond) as server, asking(server.port, attempt_s=0.05) as asked:
            await asked.ask(QUESTION)
            await until(lambda: not asked._ports)
            await asked.ask(QUESTION)
            return server.seen

    assert len(run(work())) == 2


def test_sockets_are_few_however_much_is_asked() -> None:
    async def work() -> tuple[int, int]:
        async with peers(Zone(RECORD).respond) as server, asking(server.port) as asked:
            await asyncio.gather(*(asked.ask(QUESTION) for _ in range(200)))
            return len(asked._ports), len(asked._retired)

    assert run(work()) == (PORTS, 0)


def test_more_questions_than_memory_is_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_udp, "MAX_UNDER_WAY", 3)

    async def work() -> list[bytes | BaseException]:
        async with udp_server(lambda _raw: None) as port, asking(port, attempt_s=0.1) as asked:
            return await asyncio.gather(*(asked.ask(QUESTION) for _ in range(5)), return_exceptions=True)

    told = [str(error) for error in run(work())]
    assert told == ["no answer in time"] * 3 + ["too many questions wait for it"] * 2


def test_a_storm_of_guesses_sends_the_questions_to_tcp() -> None:
    zone = Zone(RECORD)

    async def work() -> bytes:
        async with StreamServer(zone.respond) as tcp:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
                server.bind(("127.0.0.1", tcp.port))
                server.setblocking(False)
                async with asking(tcp.port) as asked:
                    answer = asyncio.ensure_future(asked.ask(QUESTION))
                    raw, peer = await asyncio.get_running_loop().sock_recvfrom(server, 4096)
                    for guess in range(MAX_STRANGE + 1):
                        number = (int.from_bytes(raw[:2]) + 1 + guess) & 0xFFFF
                        server.sendto(number.to_bytes(2) + zone.respond(raw)[2:], peer)
                        await asyncio.sleep(0)
                    return await answer

    assert answers(run(work())) == RIGHT


def test_a_client_that_gives_up_leaves_nothing_behind() -> None:
    async def work() -> None:
        async with udp_server(lambda _raw: None) as port, asking(port) as asked:
            task = asyncio.ensure_future(asked.ask(QUESTION))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (asked._under_way, [len(p.waiting) for p in asked._ports]) == (0, [0])

    run(work())


def test_closing_tells_who_waits() -> None:
    async def work() -> None:
        async with udp_server(lambda _raw: None) as port, asking(port) as asked:
            task = asyncio.ensure_future(asked.ask(QUESTION))
            await asyncio.sleep(0)
            await asked.close()
            with pytest.raises(UpstreamError, match="let go"):
                await task

    run(work())


@settings(max_examples=300)
@given(st.binary(max_size=120), st.integers(0, 60), st.binary(min_size=1, max_size=3))
def test_whatever_comes_is_an_answer_only_with_our_question(noise: bytes, at: int, change: bytes) -> None:
    packet = b"\x12\x34" + QUESTION[2:]
    right = Zone(RECORD).respond(packet)
    changed = right[:at] + change + right[at + len(change) :]

    for sent in (noise, changed, right[:at]):
        message = packet[:2] + sent[2:]  # with another id nothing comes here
        judged = _judge(message, packet)
        if judged is not None and judged is not _BY_TCP:
            assert judged is message
            assert is_answer_to(message, packet, same_case=True)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda right: bytes([right[0] ^ 1]) + right[1:], id="another id"),
        pytest.param(lambda right: right.replace(b"\3wWw", b"\3xxx"), id="another name"),
        pytest.param(lambda right: right[:2] + b"\1\0" + right[4:], id="a query"),
        pytest.param(lambda right: right[:9], id="cut"),
        pytest.param(lambda _right: b"", id="empty"),
    ],
)
def test_a_wrong_answer_is_passed_over_and_the_right_one_taken(forge: Callable[[bytes], bytes]) -> None:
    zone = Zone(RECORD)

    async def work() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            loop = asyncio.get_running_loop()
            async with asking(server.getsockname()[1]) as asked:
                answer = asyncio.ensure_future(asked.ask(QUESTION))
                raw, peer = await loop.sock_recvfrom(server, 4096)
                right = zone.respond(raw)
                server.sendto(forge(right), peer)
                server.sendto(right, peer)
                return await answer

    assert answers(run(work())) == RIGHT


def test_a_lost_datagram_is_sent_once_more() -> None:
    zone = Zone(RECORD)

    async def work() -> tuple[bytes, list[tuple[bytes, int]]]:
        def respond(raw: bytes) -> bytes | None:
            return zone.respond(raw) if len(server.seen) > 1 else None

        async with peers(respond) as server, asking(server.port, attempt_s=0.5) as asked:
            return await asked.ask(QUESTION), server.seen

    answer, seen = run(work())
    assert answers(answer) == RIGHT
    assert len(seen) == 2
    assert len(set(seen)) == 1


def test_silence_is_asked_twice_and_no_more() -> None:
    async def work() -> int:
        async with peers(lambda _raw: None) as server, asking(server.port, attempt_s=0.3) as asked:
            with pytest.raises(UpstreamError):
                await asked.ask(QUESTION)
            return len(server.seen)

    assert run(work()) == 2


def test_silence_is_a_failure_in_time() -> None:
    with pytest.raises(UpstreamError) as caught:
        ask(lambda _raw: None, attempt_s=0.05)

    assert caught.value.ede == NO_REACHABLE_AUTHORITY


def test_a_closed_port_is_a_failure_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(UpstreamError, match="refused"):
        run(ask_at(port))


async def ask_at(port: int) -> bytes:
    async with asking(port) as asked:
        return await asked.ask(QUESTION)


def with_tcp(by_udp: Respond, by_tcp: Respond) -> bytes:
    async def work() -> bytes:
        async with StreamServer(by_tcp) as tcp, udp_server(by_udp, port=tcp.port):
            asked = upstream(tcp.port)
            try:
                return await asked.ask(QUESTION)
            finally:
                await asked.close()

    return run(work())


def test_a_truncated_answer_is_asked_for_by_tcp() -> None:
    answer = with_tcp(truncated, Zone(RECORD).respond)

    assert answers(answer) == RIGHT
    assert not is_truncated(answer)


def test_an_answer_in_other_letters_is_asked_for_by_tcp() -> None:
    zone = Zone(RECORD)

    answer = with_tcp(lambda raw: zone.respond(raw).replace(b"wWw", b"www"), zone.respond)

    assert answers(answer) == RIGHT
    assert len(zone.asked) == 2


def test_where_nobody_is_the_next_address_is_asked_from_then_on() -> None:
    async def work() -> list[bool]:
        async with udp_server(Zone(RECORD).respond) as port:
            base = parse_upstream(f"udp://localhost:{port}")
            spec = replace(base, addresses=("127.0.0.2", "127.0.0.1"))
            asked = UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel))
            try:
                return [await attempt(asked) for _ in range(4)]
            finally:
                await asked.close()

    async def attempt(asked: UdpUpstream) -> bool:
        try:
            await asked.ask(QUESTION)
        except UpstreamError:
            return False
        return True

    assert run(work()) == [False, True, True, True]


def test_a_silent_address_is_left_for_the_next() -> None:
    async def work() -> bytes:
        async with udp_server(lambda _raw: None) as mute:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
                server.bind(("127.0.0.2", mute))
                server.setblocking(False)
                spec = replace(parse_upstream(f"udp://localhost:{mute}"), addresses=("127.0.0.1", "127.0.0.2"))
                asked = UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel), attempt_s=0.1)
                with pytest.raises(UpstreamError):
                    await asked.ask(QUESTION)
                answer = asyncio.ensure_future(asked.ask(QUESTION))
                raw, peer = await asyncio.get_running_loop().sock_recvfrom(server, 4096)
                server.sendto(Zone(RECORD).respond(raw), peer)
                try:
                    return await answer
                finally:
                    await asked.close()

    assert answers(run(work())) == RIGHT


def test_after_silence_the_next_question_has_a_new_port() -> None:
    zone = Zone(RECORD)

    async def work() -> list[int]:
        ports: list[int] = []
        async with (
            peers(lambda raw: zone.respond(raw) if len({port for _, port in server.seen}) > 4 else None) as server,
            asking(server.port, attempt_s=0.05) as asked,
        ):
            for _ in range(5):
                with contextlib.suppress(UpstreamError):
                    await asked.ask(QUESTION)
                ports.append(server.seen[-1][1])
        return ports

    assert len(set(run(work()))) == 5


def test_one_slow_name_does_not_move_us_away() -> None:
    zone = Zone(RECORD)
    slow = wire.make_question(wire.encode_name("slow.example"), wire.A)

    async def work() -> int:
        async with udp_server(lambda raw: None if b"slow" in raw else zone.respond(raw)) as port:
            spec = replace(parse_upstream(f"udp://localhost:{port}"), addresses=("127.0.0.1", "127.0.0.2"))
            asked = UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel), attempt_s=0.2)
            task = asyncio.ensure_future(asked.ask(slow))
            await asyncio.sleep(0)
            while not task.done():
                await asked.ask(QUESTION)
            with pytest.raises(UpstreamError):
                await task
            await asked.close()
            return asked._address_at

    assert run(work()) == 0


def test_an_address_to_which_the_way_is_lost_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = ["127.0.0.1", "127.0.0.2"]
    connect = upstream_udp._connect

    def connect_where_there_is_a_way(address: str, port: int) -> socket.socket:
        if address not in ways:
            raise OSError(101, "Network is unreachable")
        return connect("127.0.0.1", port)

    monkeypatch.setattr(upstream_udp, "_connect", connect_where_there_is_a_way)

    async def work() -> None:
        async with udp_server(Zone(RECORD).respond) as port:
            spec = replace(parse_upstream(f"udp://localhost:{port}"), addresses=("127.0.0.1", "127.0.0.2"))
            asked = UdpUpstream(spec, by_tcp=Link(spec, make=StreamChannel))
            for n in range(2 * PORTS * QUESTIONS_A_PORT):
                if n == PORTS * QUESTIONS_A_PORT // 2:
                    ways.remove("127.0.0.1")
                assert answers(await asked.ask(QUESTION)) == RIGHT
            ways.clear()
            await asked.close()
            with pytest.raises(UpstreamError, match="unreachable"):
                await asked.ask(QUESTION)
            await asked.close()

    run(work())
