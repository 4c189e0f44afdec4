# SPDX-License-Identifier: GPL-3.0-or-later
"""A ready answer is what the pipeline would say, and never anybody else's."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.dns.fastpath import FastPath
from filterd.dns.pipeline import Boundary, Pipeline, Reply, Transport
from filterd.policy.model import Allow, Block, Cause, Decision, Reason, Request, Stage
from tests.filterd.dns.fakes import CLIENT, GAMBLING, NOON, FakeDecide, Zone, answers, blocking, question, read, run

ZONE = """
www.example.    3600 IN A 192.0.2.1
www.example.    3600 IN AAAA 2001:db8::1
alias.example.  300  IN CNAME www.example.
short.example.  15   IN A 192.0.2.2
long.example.   3600 IN TXT "%s" "%s" "%s"
""" % (("x" * 250,) * 3)
NAMES = ["www.example", "alias.example", "short.example", "long.example", "none.example", "casino.example"]


class Clock:
    """Time that passes when told; the wall clock may be set apart from it."""

    def __init__(self) -> None:
        self.s = 1000.0
        self.wall_ahead_s = 1_780_000_000.0

    def now(self) -> float:
        return self.s

    def wall(self) -> float:
        return self.s + self.wall_ahead_s

    def datetime(self) -> dt.datetime:
        return NOON + dt.timedelta(seconds=self.s - 1000)


class Bench:
    """A pipeline and the ready answers before it, as the server has them."""

    def __init__(
        self, decide: FakeDecide | None = None, *, end: Boundary | None = None, max_bytes: int = 1 << 20
    ) -> None:
        self.clock = Clock()
        self.pipeline = Pipeline(
            decide or blocking("casino.example"), Zone(ZONE).ask, clock=self.clock.datetime,
            boundary=end or (lambda _client, _when: None),
        )  # fmt: skip
        self.fast = FastPath(
            lambda client: client.user or "child", max_bytes=max_bytes, now=self.clock.now, wall=self.clock.wall
        )

    def find(self, raw: bytes, profile: str = "child") -> bytes | None:
        now = self.fast.tick()
        body = self.fast.find(self.fast.ready_for(profile), raw[2:], now)
        return None if body is None else raw[:2] + body

    def think(self, raw: bytes) -> Reply:
        return run(self.pipeline.reply(raw, CLIENT, transport=Transport.UDP))

    def make_ready(self, raw: bytes, profile: str = "child") -> Reply:
        """Ask twice: of many names what is asked once is not kept."""
        for _ in range(2):
            reply = self.think(raw)
            self.fast.put(raw, reply, profile=profile, generation=self.fast.generation)
        return reply


def without_ttls(message: bytes | None) -> bytes:
    """Return *message* as dnslib writes it with all TTLs 0, and the question's letter case kept."""
    assert message is not None
    parsed = read(message)
    for rr in (*parsed.rr, *parsed.auth):
        rr.ttl = 0
    return bytes(parsed.pack())


def ttls(message: bytes | None) -> list[int]:
    return [rr.ttl for rr in (*read(message).rr, *read(message).auth)]


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    """Return plain queries: names in any letter case, flags, EDNS or none, sizes."""
    labels = draw(st.sampled_from(NAMES)).encode().split(b".")
    cased = [bytes(draw(st.sampled_from([c, c ^ 0x20])) if chr(c).isalpha() else c for c in part) for part in labels]
    name = b"".join(bytes([len(part)]) + part for part in cased) + b"\0"
    flags = draw(st.sampled_from([0, 0x0100])) | draw(st.sampled_from([0, 0x10, 0x20, 0x30]))
    qtype = draw(st.sampled_from([1, 16, 28, 65]))
    size = draw(st.sampled_from([None, 512, 1232, 1345, 1377, 4096]))  # 1345 and 1377 differ as "A" and "a" do
    do = draw(st.sampled_from([0, 0x8000]))
    opt = b"" if size is None else b"\0" + struct.pack("!HHIH", 41, size, do, 0)
    header = struct.pack("!HHHHHH", draw(st.integers(0, 0xFFFF)), flags, 1, 0, 0, bool(opt))
    return header + name + struct.pack("!HH", qtype, 1) + opt


@given(queries(), st.integers(0, 0xFFFF), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_a_ready_answer_is_what_the_pipeline_says(raw: bytes, query_id: int, chance: random.Random) -> None:
    bench = Bench()
    bench.make_ready(raw)
    again = bytearray(raw)
    again[:2] = query_id.to_bytes(2)
    end = raw.index(0, 12)
    again[12:end] = bytes(b ^ 0x20 if chr(b).isalpha() and chance.random() < 0.5 else b for b in raw[12:end])

    found, thought = bench.find(bytes(again)), bench.think(bytes(again)).message

    assert found is not None
    assert without_ttls(found) == without_ttls(thought)
    assert found[:2] == again[:2]
    assert found[12 : end + 5] == again[12 : end + 5]
    assert all(0 <= told - ready <= 1 for ready, told in zip(ttls(found), ttls(thought), strict=True))


@given(queries(), queries())
@settings(max_examples=300, deadline=None)
def test_queries_that_differ_share_no_answer(one: bytes, other: bytes) -> None:
    bench = Bench()
    bench.make_ready(one)
    end = one.index(0, 12)
    same = (one[2:12], one[12:end].lower(), one[end:]) == (other[2:12], other[12:end].lower(), other[end:])

    assert (bench.find(other) is not None) == same


@given(queries(), st.integers(2, 60), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_query_changed_in_one_byte_is_another_unless_by_letter_case(raw: bytes, at: int, value: int) -> None:
    bench = Bench()
    bench.make_ready(raw)
    at = min(at, len(raw) - 1)
    changed = raw[:at] + bytes([value]) + raw[at + 1 :]
    end = raw.index(0, 12)
    by_case = 12 <= at < end and bytes([value]).lower() == raw[at : at + 1].lower()

    assert (bench.find(changed) is not None) == (changed == raw or by_case)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(question("www.example")[:-2] + b"\0\4\0\x0a\0\0", id="an EDNS option"),
        pytest.param(question("www.example", edns=None, opcode=4), id="another opcode"),
        pytest.param(question("www.example", edns=None, qr=1), id="an answer"),
        pytest.param(question("www.example", edns=None, tc=1), id="a flag that queries do not have"),
        pytest.param(question("www.example", edns=None)[:-1] + b"\3", id="another class"),
        pytest.param(question("www.example", edns=None) + b"\0", id="something after it"),
        pytest.param(question("www.example", edns=None)[:-1], id="cut"),
        pytest.param(question("www.example", edns=None)[:12], id="a header alone"),
        pytest.param(question("www.example", edns=None)[:15], id="a cut name"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0\0\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1", id="a name that points"),
        pytest.param(b"\0\0\1\0\0\2" + question("www.example", edns=None)[6:], id="two questions"),
        pytest.param(question("www.example")[:-4] + b"\1\0\0\0", id="a flag of EDNS that is not DO"),
        pytest.param(question("www.example")[:-5] + b"\1" + question("www.example")[-4:], id="another EDNS version"),
    ],
)
def test_what_is_not_plain_takes_the_slow_path(raw: bytes) -> None:
    bench = Bench()
    message = bench.think(question("www.example", edns=None)).message
    for _ in range(2):
        bench.fast.put(raw, Reply(message, ready_s=60), profile="child", generation=0)

    assert len(bench.fast) == 0


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(None, id="none"),
        pytest.param(question("other.example", edns=None), id="another question"),
        pytest.param(question("www.example", edns=None)[:12], id="no question"),
        pytest.param(b"\0\0\x81\x80\0\1\0\1\0\0\0\0" + question("www.example", edns=None)[12:], id="cut"),
        pytest.param(b"\0\0\x81\x80\0\0\0\0\0\0\0\0" + question("www.example", edns=None)[12:], id="wrong counts"),
    ],
)
def test_an_answer_that_cannot_be_read_is_not_kept(message: bytes | None) -> None:
    bench = Bench()
    for _ in range(2):
        bench.fast.put(question("www.example", edns=None), Reply(message, ready_s=60), profile="child", generation=0)

    assert len(bench.fast) == 0


def test_a_zero_in_a_label_leads_to_no_wrong_answer() -> None:
    bench = Bench()
    asked = b"\0\1\1\0\0\1\0\0\0\0\0\0\3a\0b\7example\0\0\1\0\1"
    bench.make_ready(asked)

    assert bench.find(asked) is not None
    assert bench.find(asked.replace(b"a\0b", b"A\0b")) is not None
    assert bench.find(asked.replace(b"a\0b", b"a\0B")) is None


def test_profiles_do_not_share_answers() -> None:
    bench = Bench()
    bench.make_ready(question("casino.example"), profile="child")

    assert bench.find(question("casino.example"), profile="child") is not None
    assert bench.find(question("casino.example"), profile="adult") is None


def test_ttls_are_counted_down_and_the_opt_record_is_left_alone() -> None:
    bench = Bench()
    raw = question("www.example", do=True)
    bench.make_ready(raw)
    bench.clock.s += 100

    found = bench.find(raw)

    assert ttls(found) == [3600 - 101]
    assert read(found).ar[0].ttl == 0x8000  # DO


def test_a_ready_answer_ends_with_its_ttl() -> None:
    bench = Bench()
    raw = question("short.example")
    bench.make_ready(raw)

    bench.clock.s += 13.9
    assert ttls(bench.find(raw)) == [1]
    bench.clock.s += 0.2
    assert bench.find(raw) is None


def test_what_lives_long_is_thought_about_again_before_it_ends() -> None:
    bench = Bench()
    raw = question("www.example")
    bench.make_ready(raw)

    bench.clock.s += 3239
    assert bench.find(raw) is not None
    bench.clock.s += 2
    assert bench.find(raw) is None


@given(st.floats(0, 300))
@settings(deadline=None)
def test_a_refusal_that_lasts_is_given_whole_until_its_ttl_would_reach_over_the_boundary(after_s: float) -> None:
    bedtime = NOON + dt.timedelta(seconds=200.5)
    bench = Bench(end=lambda _client, _when: bedtime)
    bench.fast.clear(lasts_s=lambda _decision: (bedtime - bench.clock.datetime()).total_seconds())
    raw = question("casino.example")
    bench.make_ready(raw)
    bench.clock.s += after_s

    found = bench.find(raw)

    assert (found is not None) == (after_s < 190.5)
    if found is not None:
        assert ttls(found) == [10]


def test_a_refusal_shortly_before_the_boundary_is_cut_like_any_answer() -> None:
    bedtime = NOON + dt.timedelta(seconds=8.5)
    bench = Bench(end=lambda _client, _when: bedtime)
    bench.fast.clear(lasts_s=lambda _decision: 8.5)
    raw = question("casino.example")
    bench.make_ready(raw)
    bench.clock.s += 2

    assert ttls(bench.find(raw)) == [8 - 3]


def test_what_is_let_through_is_not_asked_about() -> None:
    bench = Bench()
    bench.fast.clear(lasts_s=lambda _decision: 1 / 0)
    bench.make_ready(question("www.example"))

    assert bench.find(question("www.example")) is not None


@given(st.floats(0, 30))
@settings(deadline=None)
def test_no_answer_and_no_ttl_outlives_the_boundary(after_s: float) -> None:
    bedtime = NOON + dt.timedelta(seconds=12.7)
    bench = Bench(end=lambda _client, _when: bedtime)
    raw = question("www.example")
    bench.make_ready(raw)
    bench.clock.s += after_s

    found = bench.find(raw)

    assert after_s >= 11 or found is not None
    if found is not None:
        assert bench.clock.datetime() + dt.timedelta(seconds=ttls(found)[0]) <= bedtime


def test_a_swap_forgets_everything() -> None:
    bench = Bench()
    raw = question("casino.example")
    bench.make_ready(raw)
    ready = bench.fast.ready_for("child")
    bench.fast.clear(lambda _client: "adult")

    assert bench.find(raw) is None
    assert bench.fast.find(ready, raw[2:], bench.clock.now()) is None
    assert bench.fast.profile_of(CLIENT) == "adult"


def test_an_answer_of_the_old_policy_does_not_come_in_after_the_swap() -> None:
    bench = Bench()
    raw = question("casino.example")
    generation = bench.fast.generation
    reply = bench.make_ready(raw)
    bench.fast.clear()
    bench.fast.put(raw, reply, profile="child", generation=generation)

    assert bench.find(raw) is None


@pytest.mark.parametrize("step_s", [-3600.0, -1.5, 1.5, 3600.0])
def test_a_wall_clock_that_was_set_ends_ready_answers(step_s: float) -> None:
    bench = Bench()
    bench.make_ready(question("www.example"))
    generation = bench.fast.generation
    bench.clock.wall_ahead_s += step_s

    assert bench.find(question("www.example")) is None
    assert bench.fast.generation != generation


def test_small_corrections_of_the_clock_add_up() -> None:
    bench = Bench()
    bench.make_ready(question("www.example"))
    kept = []
    for _ in range(6):
        bench.clock.wall_ahead_s += 0.3
        kept.append(bench.find(question("www.example")) is not None)

    assert kept == [True, True, True, False, False, False]


def test_a_name_asked_once_is_kept_while_there_is_room() -> None:
    bench = Bench(max_bytes=4000)
    for name in NAMES:
        bench.fast.put(question(name), bench.think(question(name)), profile="child", generation=0)
    kept = [name for name in NAMES if bench.find(question(name))]

    assert kept == NAMES[:2]


def test_a_flood_of_names_leaves_memory_bounded_and_the_newest_in() -> None:
    bench = Bench(max_bytes=100_000)
    message = bench.think(question("www.example", edns=None)).message
    assert message is not None
    for n in range(5000):
        raw = question(f"n{n:04}.example", edns=None)
        reply = Reply(message[:12] + raw[12:] + message[12 + 17 :], ready_s=60)
        for _ in range(2):
            bench.fast.put(raw, reply, profile=f"p{n % 3}", generation=0)

    assert 20 < len(bench.fast) < 120
    assert bench.find(question("n4999.example", edns=None), profile=f"p{4999 % 3}") is not None
    assert bench.fast._bytes == sum(
        900 + len(key) + len(entry.body) + 2 for ready in bench.fast._profiles.values() for key, entry in ready.items()
    )


def test_a_flood_of_names_asked_once_pushes_nothing_out() -> None:
    bench = Bench(max_bytes=20_000)
    bench.make_ready(question("www.example"))
    reply = Reply(bench.think(question("www.example", edns=None)).message, ready_s=60)
    for n in range(1000):
        bench.fast.put(question(f"n{n}.example", edns=None), reply, profile="child", generation=0)

    assert bench.find(question("www.example")) is not None


def test_marks_of_names_asked_once_are_wiped_when_they_are_many() -> None:
    bench = Bench()
    bench.fast._marked = len(bench.fast._marks) // 2
    bench.fast._marks = bytearray(b"\0" * len(bench.fast._marks))

    assert not bench.fast._was_asked_before(b"x")
    assert bench.fast._marked == 1
    assert bench.fast._was_asked_before(b"x")


def test_hits_are_told_once_with_their_number() -> None:
    bench = Bench()
    for name in ("casino.example", "www.example"):
        bench.make_ready(question(name))
    for name in ("casino.example", "www.example", "CASINO.example", "casino.example"):
        bench.find(question(name))

    told = {decision.request.host: count for decision, count in bench.fast.take_hits()}

    assert told == {"casino.example": 3, "www.example": 1}
    assert bench.fast.blocked == 3
    assert bench.fast.take_hits() == []
    bench.find(question("casino.example"))
    assert [count for _, count in bench.fast.take_hits()] == [1]


def test_hits_outlive_the_answers_that_gave_them() -> None:
    bench = Bench()
    bench.make_ready(question("casino.example"))
    bench.find(question("casino.example"))
    bench.fast.clear()

    assert [count for _, count in bench.fast.take_hits()] == [1]


def test_what_nobody_decided_is_told_to_nobody() -> None:
    bench = Bench()
    raw = question("localhost")
    bench.make_ready(raw)

    assert answers(bench.find(raw)) == [("localhost.", "A", "127.0.0.1")]
    assert bench.fast.take_hits() == []


def test_many_hits_are_told_bit_by_bit_and_all_of_them_at_the_end() -> None:
    bench = Bench(max_bytes=8 << 20)
    message = bench.think(question("www.example", edns=None)).message
    assert message is not None
    decision = Decision(Request(Stage.QUERY, CLIENT, NOON, "x"), Block(GAMBLING), "child")
    for n in range(1200):
        raw = question(f"n{n:04}.example", edns=None)
        reply = Reply(message[:12] + raw[12:] + message[12 + 17 :], decision, ready_s=60)
        for _ in range(2):
            bench.fast.put(raw, reply, profile="child", generation=0)
        bench.find(raw)

    assert len(bench.fast.take_hits()) == 200
    assert len(bench.fast.take_hits(everything=True)) == 1000


def test_an_answer_that_may_not_be_kept_is_not() -> None:
    bench = Bench(FakeDecide({"x.example": Block(Reason(Cause.FAILURE))}))
    bench.make_ready(question("x.example"))
    reply = bench.think(question("www.example"))
    for _ in range(2):
        bench.fast.put(question("www.example"), reply._replace(ready_s=1), profile="child", generation=0)

    assert len(bench.fast) == 0


def test_an_answer_asked_for_before_a_swap_is_not_kept_after_it() -> None:
    bench = Bench()
    raw = question("www.example")

    async def work() -> None:
        generation = bench.fast.generation
        under_way = asyncio.ensure_future(bench.pipeline.reply(raw, CLIENT, transport=Transport.UDP))
        await asyncio.sleep(0)
        bench.pipeline.swap(FakeDecide({"www.example": Allow()}))
        bench.fast.clear()
        reply = await under_way
        for _ in range(2):
            bench.fast.put(raw, reply, profile="child", generation=generation)

    run(work())
    assert len(bench.fast) == 0


def test_how_often_an_answer_was_given_is_known_when_it_has_ended() -> None:
    bench = Bench()
    raw = question("www.example")
    ready = bench.fast.ready_for("child")
    assert bench.fast.uses_of_ended(ready, raw[2:]) == 0

    bench.make_ready(raw)
    for _ in range(3):
        bench.find(raw)
    bench.fast.take_hits()
    bench.find(raw)
    bench.clock.s += 3600

    assert bench.find(raw) is None
    assert bench.fast.uses_of_ended(ready, raw[2:]) == 4
