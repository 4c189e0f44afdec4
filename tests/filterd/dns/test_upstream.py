# SPDX-License-Identifier: GPL-3.0-or-later
"""Several upstreams: in order, the next when one fails, the dead one last."""

from __future__ import annotations

import asyncio
import logging

import pytest

from filterd.dns import wire
from filterd.dns.blocking import NETWORK_ERROR, NO_REACHABLE_AUTHORITY
from filterd.dns.upstream import Upstreams, make_upstreams, parse_upstream
from filterd.dns.upstream_doh import ALPN
from filterd.dns.upstream_spec import UpstreamError
from tests.filterd.dns.authority import Authority
from tests.filterd.dns.fakes import Zone, answers, read, run
from tests.filterd.dns.servers import DohServer, StreamServer, udp_server

QUESTION = wire.make_question(wire.encode_name("www.example"), wire.A)
RECORD = "www.example. 60 IN A 192.0.2.1"
RIGHT = [("www.example.", "A", "192.0.2.1")]


class FakeUpstream:
    """Does as it is told: an rcode to answer with, an error to raise, or ``None`` for silence."""

    def __init__(self, does: int | UpstreamError | None) -> None:
        self.does = does
        self.asked = 0
        self.closed = False

    async def ask(self, question: bytes) -> bytes:
        self.asked += 1
        if isinstance(self.does, UpstreamError):
            raise self.does
        if self.does is None:
            await asyncio.Event().wait()
        return wire.reply(wire.parse_query(question), rcode=self.does or 0)

    async def close(self) -> None:
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def together(*members: FakeUpstream, now: Clock | None = None, deadline_s: float = 5) -> Upstreams:
    named = [(f"udp://{n}", member) for n, member in enumerate(members)]
    return Upstreams(named, now=now or Clock(), deadline_s=deadline_s)


def test_the_first_answers_and_the_second_is_not_asked() -> None:
    first, second = FakeUpstream(0), FakeUpstream(0)

    run(together(first, second).ask(QUESTION))

    assert (first.asked, second.asked) == (1, 0)


def test_when_one_fails_the_next_is_asked() -> None:
    first, second = FakeUpstream(UpstreamError("down")), FakeUpstream(0)

    assert read(run(together(first, second).ask(QUESTION))).header.rcode == 0


def test_one_that_failed_is_asked_last_for_a_while_which_grows() -> None:
    clock = Clock()
    first, second = FakeUpstream(UpstreamError("down")), FakeUpstream(0)
    both = together(first, second, now=clock)

    def first_asked_at(now: float) -> bool:
        before, clock.now = first.asked, now
        run(both.ask(QUESTION))
        return first.asked > before

    assert [first_asked_at(now) for now in (0.0, 0.5, 1.1, 2.0, 3.2)] == [True, False, True, False, True]


def test_one_that_came_back_is_first_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    first, second = FakeUpstream(UpstreamError("down")), FakeUpstream(0)
    both = together(first, second, now=clock)
    with caplog.at_level(logging.INFO):
        run(both.ask(QUESTION))
        first.does, clock.now = 0, 5.0
        run(both.ask(QUESTION))
        run(both.ask(QUESTION))

    assert (first.asked, second.asked) == (3, 1)
    assert [record.message for record in caplog.records] == [
        "udp://0: down; it is asked last until it answers", "udp://0 answers again",
    ]  # fmt: skip


def test_one_alone_is_asked_again_when_it_fails() -> None:
    only = FakeUpstream(UpstreamError("no answer in time", ede=NO_REACHABLE_AUTHORITY))

    with pytest.raises(UpstreamError, match=r"udp://0: no answer in time") as caught:
        run(together(only).ask(QUESTION))
    assert only.asked == 3
    assert caught.value.ede == NO_REACHABLE_AUTHORITY


def test_the_deadline_ends_all() -> None:
    with pytest.raises(UpstreamError) as caught:
        run(together(FakeUpstream(None), FakeUpstream(0), deadline_s=0.05).ask(QUESTION))

    assert caught.value.ede == NO_REACHABLE_AUTHORITY


@pytest.mark.parametrize("rcode", [wire.SERVFAIL, wire.REFUSED, wire.NOTIMP, wire.FORMERR])
def test_one_that_declines_is_passed_over(rcode: int) -> None:
    first, second = FakeUpstream(rcode), FakeUpstream(wire.NXDOMAIN)

    assert read(run(together(first, second).ask(QUESTION))).header.rcode == wire.NXDOMAIN


def test_a_server_from_before_edns_is_asked_without() -> None:
    class OldRouter(FakeUpstream):
        async def ask(self, question: bytes) -> bytes:
            self.asked += 1
            if question[11]:
                return question[:2] + b"\x81\x81" + bytes(8)
            return Zone(RECORD).respond(question)

    only = OldRouter(0)

    assert answers(run(together(only).ask(QUESTION))) == RIGHT
    assert only.asked == 2


def test_when_all_decline_the_first_word_counts() -> None:
    members = FakeUpstream(wire.SERVFAIL), FakeUpstream(wire.REFUSED)

    assert read(run(together(*members).ask(QUESTION))).header.rcode == wire.SERVFAIL
    assert [member.asked for member in members] == [1, 1]


def test_a_declined_question_outlives_the_deadline() -> None:
    answer = run(together(FakeUpstream(wire.REFUSED), FakeUpstream(None), deadline_s=0.05).ask(QUESTION))

    assert read(answer).header.rcode == wire.REFUSED


def test_closing_closes_all() -> None:
    members = FakeUpstream(0), FakeUpstream(0)

    run(together(*members).close())

    assert all(member.closed for member in members)


def test_no_upstream_at_all_is_said() -> None:
    with pytest.raises(ValueError, match="name at least one"):
        Upstreams([])


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
