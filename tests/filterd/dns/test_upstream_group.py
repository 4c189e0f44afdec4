# SPDX-License-Identifier: GPL-3.0-or-later
"""Several upstreams: the next when one fails, the dead one last and never at a client's cost."""

from __future__ import annotations

import asyncio
import logging

import pytest

from filterd.dns import wire
from filterd.dns.blocking import NO_REACHABLE_AUTHORITY
from filterd.dns.upstream_group import UpstreamGroup
from filterd.dns.upstream_spec import UpstreamError
from filterd.dns.upstream_strategy import RACE_EVERY, Strategy
from tests.filterd.dns.fakes import Zone, answers, read, run, until

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


def together(
    *members: FakeUpstream,
    now: Clock | None = None,
    deadline_s: float = 5,
    strategy: Strategy = Strategy.IN_ORDER,
) -> UpstreamGroup:
    named = [(f"udp://{n}", member) for n, member in enumerate(members)]
    return UpstreamGroup(named, now=now or Clock(), deadline_s=deadline_s, strategy=strategy)


async def ask_and_settle(group: UpstreamGroup) -> bytes:
    """Ask, and wait for what goes on beside."""
    answer = await group.ask(QUESTION)
    await until(lambda: not group._left_alone)
    return answer


def test_the_first_answers_and_the_second_is_not_asked() -> None:
    first, second = FakeUpstream(0), FakeUpstream(0)

    run(together(first, second).ask(QUESTION))

    assert (first.asked, second.asked) == (1, 0)


def test_when_one_fails_the_next_is_asked() -> None:
    first, second = FakeUpstream(UpstreamError("down")), FakeUpstream(0)

    assert read(run(together(first, second).ask(QUESTION))).header.rcode == 0


def test_one_that_failed_is_tried_again_after_a_while_which_grows() -> None:
    clock = Clock()
    first, second = FakeUpstream(UpstreamError("down")), FakeUpstream(0)
    both = together(first, second, now=clock)

    def first_asked_at(now: float) -> bool:
        before, clock.now = first.asked, now
        run(ask_and_settle(both))
        return first.asked > before

    assert [first_asked_at(now) for now in (0.0, 0.5, 1.1, 2.0, 3.2)] == [True, False, True, False, True]


def test_no_client_waits_for_one_that_failed_while_another_answers() -> None:
    clock = Clock()
    first, second = FakeUpstream(UpstreamError("down")), FakeUpstream(0)
    both = together(first, second, now=clock)

    async def work() -> None:
        await both.ask(QUESTION)
        clock.now, first.does = 5.0, None
        answer = await both.ask(QUESTION)
        assert read(answer).header.rcode == 0
        await until(lambda: first.asked == 2)
        await both.ask(QUESTION)
        assert first.asked == 2
        await both.close()

    run(work())


def test_one_that_came_back_is_first_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    first, second = FakeUpstream(UpstreamError("down")), FakeUpstream(0)
    both = together(first, second, now=clock)
    with caplog.at_level(logging.INFO):
        run(both.ask(QUESTION))
        first.does, clock.now = 0, 5.0
        run(ask_and_settle(both))
        run(both.ask(QUESTION))

    assert (first.asked, second.asked) == (3, 2)
    assert [record.message for record in caplog.records] == [
        "udp://0: down; it is asked last until it answers", "udp://0 answers again",
    ]  # fmt: skip


def test_when_all_are_dead_a_question_still_tries_them() -> None:
    first, second = FakeUpstream(UpstreamError("down")), FakeUpstream(UpstreamError("down"))
    both = together(first, second)
    with pytest.raises(UpstreamError):
        run(both.ask(QUESTION))

    second.does = 0

    assert read(run(both.ask(QUESTION))).header.rcode == 0


def test_questions_take_turns() -> None:
    members = [FakeUpstream(0) for _ in range(3)]
    group = together(*members, strategy=Strategy.ROUND_ROBIN)

    for _ in range(9):
        run(group.ask(QUESTION))

    assert [member.asked for member in members] == [3, 3, 3]


def test_the_fastest_gets_the_questions_and_the_other_a_few() -> None:
    clock = Clock()
    slow, fast = FakeUpstream(0), FakeUpstream(0)
    group = together(slow, fast, now=clock, strategy=Strategy.FASTEST)
    group._members[0].latency.add(0.1)
    group._members[1].latency.add(0.01)

    async def work() -> None:
        for _ in range(4 * RACE_EVERY):
            await ask_and_settle(group)

    run(work())

    assert fast.asked == 4 * RACE_EVERY
    assert 1 <= slow.asked <= 4


def test_when_the_fastest_is_late_the_next_one_helps() -> None:
    silent, other = FakeUpstream(None), FakeUpstream(0)
    group = together(silent, other, strategy=Strategy.FASTEST)
    group._members[0].latency.add(0.001)
    group._members[1].latency.add(0.01)

    async def work() -> None:
        assert read(await group.ask(QUESTION)).header.rcode == 0
        await group.close()

    run(work())
    assert (silent.asked, other.asked) == (1, 1)


def test_how_upstreams_are_doing_is_told_by_name() -> None:
    group = together(FakeUpstream(UpstreamError("down")), FakeUpstream(0))

    run(group.ask(QUESTION))

    first, second = group.report()
    assert (first.name, first.asked, first.failed, first.up, first.error) == ("udp://0", 1, 1, False, "down")
    assert (second.name, second.asked, second.failed, second.up, second.error) == ("udp://1", 1, 0, True, "")


def test_one_alone_is_asked_again_when_it_fails() -> None:
    only = FakeUpstream(UpstreamError("no answer in time", ede=NO_REACHABLE_AUTHORITY))

    with pytest.raises(UpstreamError, match=r"udp://0: no answer in time") as caught:
        run(together(only).ask(QUESTION))
    assert only.asked == 3
    assert caught.value.ede == NO_REACHABLE_AUTHORITY


def test_the_deadline_ends_all() -> None:
    with pytest.raises(UpstreamError, match="udp://0: down"):
        run(together(FakeUpstream(UpstreamError("down")), FakeUpstream(None), deadline_s=0.05).ask(QUESTION))


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
        UpstreamGroup([])
