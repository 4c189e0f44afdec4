# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer is kept as long as it holds, a while longer for bad times, and within bounds."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from filterd.dns import wire
from filterd.dns.answer import Answer, read_answer
from filterd.dns.cache import AnswerCache, Keeping, Question, is_word_of_the_world, uptime_s
from tests.filterd.dns.fakes import Zone

NO_STALE = Keeping(stale_s=0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def answer(keep_s: int, *, size: int = 40, rcode: int = wire.NOERROR, ttls: tuple[int, ...] = ()) -> Answer:
    message = bytes(6) + b"\0\1" + bytes(size - 8)
    return Answer(message, rcode, tuple((12 + 4 * n, ttl) for n, ttl in enumerate(ttls)), (), b"", keep_s)


def key(name: str) -> Question:
    return Question(wire.encode_name(name), wire.A, do=False, cd=False)


def holds(cache: AnswerCache, name: str) -> bool:
    return cache.find(key(name)) is not None


def test_an_answer_is_fresh_until_it_no_longer_holds_and_stale_after() -> None:
    clock = Clock()
    cache = AnswerCache(now=clock, keeping=Keeping(stale_s=100))
    kept = cache.put(key("a.example"), answer(60))

    found = cache.find(key("a.example"))
    assert found
    assert found.answer is kept
    assert (found.since, found.until) == (1000.0, 1060.0)
    clock.now += 159.9
    assert holds(cache, "a.example")
    clock.now += 0.1
    assert not holds(cache, "a.example")
    assert (len(cache), cache.size) == (0, 0)


def test_without_stale_answers_one_ends_with_its_time() -> None:
    clock = Clock()
    cache = AnswerCache(now=clock, keeping=NO_STALE)
    cache.put(key("a.example"), answer(60))

    clock.now += 60

    assert not holds(cache, "a.example")


def test_an_answer_that_must_not_be_kept_is_not_and_replaces_what_was() -> None:
    cache = AnswerCache()
    cache.put(key("a.example"), answer(60))

    cache.put(key("a.example"), answer(0))

    assert len(cache) == 0


def test_do_and_cd_have_answers_of_their_own() -> None:
    cache = AnswerCache()
    cache.put(key("a.example"), answer(60))

    assert cache.find(key("a.example")._replace(do=True)) is None
    assert cache.find(key("a.example")._replace(cd=True)) is None


def test_what_was_used_longest_ago_makes_room() -> None:
    cache = AnswerCache(max_bytes=3 * 2000)
    for name in ("a.example", "b.example", "c.example"):
        cache.put(key(name), answer(60, size=1000))
    cache.find(key("a.example"))

    cache.put(key("d.example"), answer(60, size=1000))

    assert [holds(cache, name) for name in ("a.example", "b.example", "c.example")] == [True, False, True]


def test_an_answer_kept_again_counts_once() -> None:
    cache = AnswerCache(max_bytes=2 * 2000)
    cache.put(key("other.example"), answer(60, size=1000))

    for _ in range(50):
        cache.put(key("a.example"), answer(60, size=1000))

    assert len(cache) == 2


@pytest.mark.parametrize(
    ("keeping", "given_", "told", "keep_s"),
    [
        pytest.param(Keeping(min_ttl_s=60), (5, 90), (60, 90), 60, id="a floor"),
        pytest.param(Keeping(max_ttl_s=60), (5, 90), (5, 60), 5, id="a ceiling"),
        pytest.param(Keeping(min_ttl_s=60, max_ttl_s=70), (5, 90), (60, 70), 60, id="both"),
        pytest.param(Keeping(min_ttl_s=60), (0, 0), (0, 0), 0, id="0 stays 0"),
        pytest.param(Keeping(), (5, 200_000), (5, 86400), 5, id="a day by default"),
    ],
)
def test_ttls_are_kept_within_limits(
    keeping: Keeping, given_: tuple[int, ...], told: tuple[int, ...], keep_s: int
) -> None:
    limited = AnswerCache(keeping=keeping).put(key("a.example"), answer(min(given_), ttls=given_))

    assert tuple(ttl for _, ttl in limited.ttls) == told
    assert limited.keep_s == keep_s


def test_a_no_is_kept_for_a_shorter_time() -> None:
    cache = AnswerCache(keeping=Keeping(max_negative_s=300))
    no = answer(3600, ttls=(3600,))._replace(rcode=wire.NXDOMAIN)

    assert cache.put(key("a.example"), no).keep_s == 300


def test_a_failure_is_kept_for_moments_and_never_stale() -> None:
    clock = Clock()
    cache = AnswerCache(now=clock, keeping=Keeping(failure_s=3))
    cache.put(key("a.example"), answer(0, rcode=wire.SERVFAIL))

    assert holds(cache, "a.example")
    assert not cache.postpone(key("a.example"), 30)
    clock.now += 3
    assert not holds(cache, "a.example")


def test_a_postponed_answer_says_when_to_ask_again() -> None:
    clock = Clock()
    cache = AnswerCache(now=clock)
    cache.put(key("a.example"), answer(60))

    assert cache.postpone(key("a.example"), 30)
    assert not cache.postpone(key("b.example"), 30)
    found = cache.find(key("a.example"))
    assert found
    assert found.retry_at == 1030.0


def test_the_clock_goes_forward() -> None:
    assert uptime_s() <= uptime_s()


ZONES = {
    "an address": "{} 60 IN A 192.0.2.1",
    "many addresses": "\n".join(f"{{}} 60 IN A 192.0.2.{n}" for n in range(20)),
    "aliases": "{} 60 IN CNAME cdn.{}\ncdn.{} 60 IN CNAME edge.{}\nedge.{} 60 IN A 192.0.2.1",
    "nothing": "",
}


@pytest.mark.parametrize("kind", ZONES)
def test_the_bound_is_one_of_real_memory(kind: str) -> None:
    names = [f"host{n}.of-a-usual-length.example" for n in range(400)]
    messages = [
        Zone(ZONES[kind].replace("{}", name + ".")).respond(wire.make_question(wire.encode_name(name), wire.A))
        for name in names
    ]
    cache = AnswerCache(max_bytes=64 << 20)
    gc.collect()
    tracemalloc.start()
    try:
        for name, message in zip(names, messages, strict=True):
            cache.put(key(name), read_answer(message))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken <= cache.size <= 2 * taken


names_ = st.sampled_from([f"{letter}.example" for letter in "abcdef"])


class Model(RuleBasedStateMachine):
    """Whatever is put, found and awaited: no more than the bound, and nothing fresh that is over."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.cache = AnswerCache(max_bytes=4000, now=self.clock, keeping=Keeping(stale_s=50))
        self.ends: dict[str, float] = {}

    @rule(name=names_, keep_s=st.integers(0, 100), size=st.integers(12, 2500), rcode=st.sampled_from([0, 2, 3, 5]))
    def put(self, name: str, keep_s: int, size: int, rcode: int) -> None:
        kept = self.cache.put(key(name), answer(keep_s, size=size, rcode=rcode))
        self.ends[name] = self.clock.now + kept.keep_s

    @rule(seconds=st.floats(0, 80))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(name=names_)
    def find(self, name: str) -> None:
        kept = self.cache.find(key(name))
        if kept is None:
            return
        assert kept.until == self.ends[name]
        assert self.clock.now < kept.until + (50 if is_word_of_the_world(kept.answer) else 0)

    @rule(name=names_)
    def postpone(self, name: str) -> None:
        self.cache.postpone(key(name), 30)

    @invariant()
    def stays_within_its_bound(self) -> None:
        assert self.cache.size <= 4000
        assert self.cache.size == sum(kept.size for kept in self.cache._entries.values())


TestModel = Model.TestCase


@given(st.integers(0, 5))
def test_what_says_something_of_the_world_is_told_from_failures(rcode: int) -> None:
    assert is_word_of_the_world(answer(60, rcode=rcode)) == (rcode in (wire.NOERROR, wire.NXDOMAIN))
