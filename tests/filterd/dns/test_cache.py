# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer is kept as long as it holds, within bounds."""

from __future__ import annotations

from filterd.dns import wire
from filterd.dns.answer import Answer
from filterd.dns.cache import AnswerCache, Question, uptime_s


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def answer(keep_s: int, *, size: int = 40) -> Answer:
    return Answer(bytes(size), wire.NOERROR, (), (), b"", keep_s)


def key(name: str) -> Question:
    return Question(wire.encode_name(name), wire.A, do=False, cd=False)


def test_an_answer_is_given_with_its_age_until_it_no_longer_holds() -> None:
    clock = Clock()
    cache = AnswerCache(now=clock)
    kept = answer(60)
    cache.put(key("a.example"), kept)

    clock.now += 59.9
    assert cache.get(key("a.example")) == (kept, 59)
    clock.now += 0.1
    assert cache.get(key("a.example")) is None
    assert len(cache) == 0


def test_an_answer_that_must_not_be_kept_is_not() -> None:
    cache = AnswerCache()

    cache.put(key("a.example"), answer(0))

    assert len(cache) == 0


def test_do_and_cd_have_answers_of_their_own() -> None:
    cache = AnswerCache()
    cache.put(key("a.example"), answer(60))

    assert cache.get(key("a.example")._replace(do=True)) is None
    assert cache.get(key("a.example")._replace(cd=True)) is None


def test_what_was_used_longest_ago_makes_room() -> None:
    cache = AnswerCache(max_bytes=3 * 1700)
    for name in ("a.example", "b.example", "c.example"):
        cache.put(key(name), answer(60, size=1000))
    cache.get(key("a.example"))

    cache.put(key("d.example"), answer(60, size=1000))

    assert [bool(cache.get(key(name))) for name in ("a.example", "b.example", "c.example")] == [True, False, True]


def test_an_answer_kept_again_counts_once() -> None:
    cache = AnswerCache(max_bytes=2 * 1700)
    cache.put(key("other.example"), answer(60, size=1000))

    for _ in range(50):
        cache.put(key("a.example"), answer(60, size=1000))

    assert len(cache) == 2


def test_the_clock_goes_forward() -> None:
    assert uptime_s() <= uptime_s()
