# SPDX-License-Identifier: GPL-3.0-or-later
"""One question upstream for all who ask it."""

from __future__ import annotations

import asyncio

import pytest

from filterd.dns import wire
from filterd.dns.cache import AnswerCache, Keeping
from filterd.dns.resolver import RECHECK_S, Resolver, ResolverCounters
from filterd.dns.stale import STALE_TTL_S, error_codes
from filterd.dns.upstream_spec import UpstreamError
from tests.filterd.dns.fakes import Zone, run, until

NAME = wire.encode_name("www.example")
RECORD = "www.example. 60 IN A 192.0.2.1"


def test_a_second_question_is_answered_from_the_cache_in_any_letter_case() -> None:
    zone = Zone(RECORD)
    resolver = Resolver(zone.ask, cache=AnswerCache())

    async def work() -> None:
        first, _ = await resolver.resolve(NAME, wire.A)
        second, _ = await resolver.resolve(NAME.upper(), wire.A)
        assert first is second

    run(work())
    assert zone.asked == [("www.example.", "A")]


def test_many_who_ask_the_same_at_once_cost_one_question() -> None:
    zone = Zone(RECORD)
    resolver = Resolver(zone.ask, cache=AnswerCache())

    async def work() -> None:
        await asyncio.gather(*(resolver.resolve(NAME, wire.A) for _ in range(50)))

    run(work())
    assert len(zone.asked) == 1


def test_a_client_that_gives_up_takes_nobody_elses_answer_along() -> None:
    zone = Zone(RECORD)
    resolver = Resolver(zone.ask, cache=AnswerCache())

    async def work() -> None:
        impatient = asyncio.ensure_future(resolver.resolve(NAME, wire.A))
        patient = [asyncio.ensure_future(resolver.resolve(NAME, wire.A)) for _ in range(5)]
        await asyncio.sleep(0)
        impatient.cancel()
        for answer, _ in await asyncio.gather(*patient):
            assert answer.rcode == wire.NOERROR

    run(work())
    assert len(zone.asked) <= 2


class Upstream:
    """Answers as *zone* says while it is *up*; when *slow*, once it is let."""

    def __init__(self, zone: str = RECORD) -> None:
        self.zone = Zone(zone)
        self.up = True
        self.rcode: int | None = None
        self.asked = 0
        self.let = asyncio.Event()
        self.let.set()

    async def ask(self, question: bytes) -> bytes:
        self.asked += 1
        await self.let.wait()
        await asyncio.sleep(0)
        if not self.up:
            raise UpstreamError("down", ede=22)
        if self.rcode is not None:
            return wire.reply(wire.parse_query(question), rcode=self.rcode)
        return self.zone.respond(question)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def make(upstream: Upstream, *, keeping: Keeping | None = None, client_waits_s: float = 5.0) -> tuple[Resolver, Clock]:
    clock = Clock()
    cache = AnswerCache(now=clock, keeping=keeping)
    return Resolver(upstream.ask, cache=cache, client_waits_s=client_waits_s), clock


def test_a_failure_is_told_to_all_who_wait_and_again_for_moments() -> None:
    upstream = Upstream()
    upstream.up = False
    resolver, clock = make(upstream)

    async def work() -> None:
        told = await asyncio.gather(*(resolver.resolve(NAME, wire.A) for _ in range(3)), return_exceptions=True)
        assert [str(error) for error in told] == ["down"] * 3
        with pytest.raises(UpstreamError, match="down") as caught:
            await resolver.resolve(NAME, wire.A)
        assert caught.value.ede == 22
        assert upstream.asked == 1

        clock.now += 2
        upstream.up = True
        answer, _ = await resolver.resolve(NAME, wire.A)
        assert answer.rcode == wire.NOERROR

    run(work())
    assert (resolver.counters.failures, resolver.counters.failures_kept) == (1, 1)


def test_a_servfail_holds_for_moments() -> None:
    upstream = Upstream()
    upstream.rcode = wire.SERVFAIL
    resolver, clock = make(upstream)

    async def work() -> None:
        for _ in range(3):
            answer, _ = await resolver.resolve(NAME, wire.A)
            assert answer.rcode == wire.SERVFAIL
        assert upstream.asked == 1

        clock.now += 2
        upstream.rcode = None
        answer, _ = await resolver.resolve(NAME, wire.A)
        assert answer.rcode == wire.NOERROR

    run(work())


@pytest.mark.parametrize("rcode", [None, wire.SERVFAIL, wire.REFUSED])
def test_when_no_upstream_says_anything_new_the_old_is_told(rcode: int | None) -> None:
    upstream = Upstream()
    resolver, clock = make(upstream)

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        clock.now += 61
        upstream.up, upstream.rcode = rcode is not None, rcode
        answer, age_s = await resolver.resolve(NAME, wire.A)
        assert (answer.rcode, age_s, error_codes(answer.errors)) == (wire.NOERROR, 0, {3})
        assert all(ttl <= STALE_TTL_S for _, ttl in answer.ttls)

    run(work())
    assert resolver.counters.stale == 1


def test_a_dead_upstream_is_not_asked_for_each_question() -> None:
    upstream = Upstream()
    resolver, clock = make(upstream)

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        clock.now += 61
        upstream.up = False
        for _ in range(20):
            await resolver.resolve(NAME, wire.A)
        assert upstream.asked == 2

        clock.now += RECHECK_S
        upstream.up = True
        answer, _ = await resolver.resolve(NAME, wire.A)
        assert answer.errors == b""

    run(work())
    assert upstream.asked == 3


def test_while_nobody_answers_only_the_first_client_waits() -> None:
    upstream = Upstream("\n".join(f"n{n}.example. 60 IN A 192.0.2.{n}" for n in range(5)))
    resolver, clock = make(upstream)
    names = [wire.encode_name(f"n{n}.example") for n in range(5)]

    async def work() -> None:
        for name in names:
            await resolver.resolve(name, wire.A)
        clock.now += 61
        upstream.up = False
        await resolver.resolve(names[0], wire.A)
        upstream.let.clear()
        for name in names[1:]:
            answer, _ = await resolver.resolve(name, wire.A)
            assert error_codes(answer.errors) == {3}
        upstream.up = True
        upstream.let.set()
        await until(lambda: not resolver._background)
        answer, _ = await resolver.resolve(names[1], wire.A)
        assert answer.errors == b""

    run(work())


def test_a_client_waits_only_so_long_and_the_asking_goes_on() -> None:
    upstream = Upstream()
    resolver, clock = make(upstream, client_waits_s=0.02)

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        clock.now += 61
        upstream.let.clear()
        answer, _ = await resolver.resolve(NAME, wire.A)
        assert error_codes(answer.errors) == {3}

        upstream.let.set()
        await until(lambda: not resolver._background)
        fresh, age_s = await resolver.resolve(NAME, wire.A)
        assert (fresh.errors, age_s) == (b"", 0)

    run(work())
    assert upstream.asked == 2


def test_a_newer_answer_in_time_is_told_instead_of_the_old() -> None:
    upstream = Upstream()
    resolver, clock = make(upstream)

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        clock.now += 61
        upstream.zone = Zone()
        answer, _ = await resolver.resolve(NAME, wire.A)
        assert (answer.rcode, answer.errors) == (wire.NXDOMAIN, b"")

    run(work())
    assert resolver.counters.stale == 0


def test_what_the_upstream_refuses_with_a_reason_is_not_covered_by_the_old() -> None:
    upstream = Upstream()
    resolver, clock = make(upstream)

    async def bogus(question: bytes) -> bytes:
        await asyncio.sleep(0)
        return wire.reply(wire.parse_query(question), rcode=wire.SERVFAIL, error=wire.ExtendedError(6))

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        clock.now += 61
        resolver._ask = bogus
        answer, _ = await resolver.resolve(NAME, wire.A)
        assert answer.rcode == wire.SERVFAIL

    run(work())


def test_without_stale_answers_a_failure_is_one() -> None:
    upstream = Upstream()
    resolver, clock = make(upstream, keeping=Keeping(stale_s=0))

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        clock.now += 61
        upstream.up = False
        with pytest.raises(UpstreamError):
            await resolver.resolve(NAME, wire.A)

    run(work())


def test_a_name_in_use_is_asked_for_again_before_its_answer_ends() -> None:
    upstream = Upstream()
    resolver, clock = make(upstream)

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        await resolver.resolve(NAME, wire.A)
        clock.now += 53
        await resolver.resolve(NAME, wire.A)
        assert upstream.asked == 1
        clock.now += 2
        _, age_s = await resolver.resolve(NAME, wire.A)
        assert age_s == 55
        await until(lambda: not resolver._background)
        _, age_s = await resolver.resolve(NAME, wire.A)
        assert age_s == 0

    run(work())
    assert (upstream.asked, resolver.counters.prefetches) == (2, 1)


def test_a_name_asked_once_or_an_upstream_that_failed_is_left_in_peace() -> None:
    upstream = Upstream()
    resolver, clock = make(upstream)

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        clock.now += 55
        await resolver.resolve(NAME, wire.A)
        assert upstream.asked == 1

        upstream.up = False
        for _ in range(10):
            await resolver.resolve(NAME, wire.A)
            await until(lambda: not resolver._background)
        assert upstream.asked == 2

    run(work())


def test_prefetching_can_be_off_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = Upstream()
    resolver, clock = make(upstream)
    monkeypatch.setattr("filterd.dns.resolver.MAX_BACKGROUND", 0)

    async def work() -> None:
        for _ in range(3):
            await resolver.resolve(NAME, wire.A)
        clock.now += 55
        await resolver.resolve(NAME, wire.A)

    run(work())
    assert (upstream.asked, resolver.counters.prefetches) == (1, 0)


def test_what_happened_is_counted() -> None:
    upstream = Upstream()
    resolver, _ = make(upstream)

    async def work() -> None:
        await asyncio.gather(*(resolver.resolve(NAME, wire.A) for _ in range(4)))
        await resolver.resolve(NAME, wire.A)

    run(work())
    assert resolver.counters == ResolverCounters(hits=1, misses=1, joined=3)


def test_an_answer_that_cannot_be_read_is_a_failure_of_the_upstream() -> None:
    async def babble(question: bytes) -> bytes:
        return question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:-11] + b"\xc0\x0c\0"

    with pytest.raises(UpstreamError, match="cannot be read"):
        run(Resolver(babble, cache=AnswerCache()).resolve(NAME, wire.A))


def test_a_question_that_fails_because_the_upstream_was_exchanged_is_asked_of_the_new_one() -> None:
    zone = Zone(RECORD)

    async def let_go(_question: bytes) -> bytes:
        await asyncio.sleep(0)
        resolver.swap(zone.ask)
        raise UpstreamError("the connection was closed")

    resolver = Resolver(let_go, cache=AnswerCache())

    answer, _ = run(resolver.resolve(NAME, wire.A))
    assert answer.rcode == wire.NOERROR
    assert len(zone.asked) == 1


def test_what_another_upstream_said_is_forgotten() -> None:
    before, after = Zone(RECORD), Zone()
    resolver = Resolver(before.ask, cache=AnswerCache())
    run(resolver.resolve(NAME, wire.A))

    resolver.swap(after.ask)

    answer, _ = run(resolver.resolve(NAME, wire.A))
    assert answer.rcode == wire.NXDOMAIN


def test_a_name_in_use_elsewhere_is_asked_for_again_before_its_answer_ends() -> None:
    upstream = Upstream()
    resolver, clock = make(upstream)

    async def work() -> None:
        await resolver.resolve(NAME, wire.A)
        clock.now += 55
        resolver.note_uses(NAME, wire.A, 1, do=False, cd=False)
        resolver.note_uses(b"\7another\0", wire.A, 9, do=False, cd=False)
        await resolver.resolve(NAME, wire.A)
        await until(lambda: not resolver._background)

    run(work())
    assert (upstream.asked, resolver.counters.prefetches) == (2, 1)
