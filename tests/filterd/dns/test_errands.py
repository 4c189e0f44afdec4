# SPDX-License-Identifier: GPL-3.0-or-later
"""A coroutine without a task does what it would do with one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import filterd.dns
from filterd.dns.errands import Errand, Word, become_task
from tests.filterd.dns.fakes import run

Work = Callable[[Word[str]], Coroutine[Any, Any, str]]


class Run:
    """An errand, what it brought when it ended late, and its words."""

    def __init__(self, work: Work) -> None:
        self.word: Word[str] = Word()
        self.ended: list[str | None] = []
        self.errand = Errand(work(self.word), lambda errand: self.ended.append(errand.result))

    def begin(self) -> None:
        self.errand.begin()

    def say(self) -> None:
        self.word.say("heard")

    def fail(self) -> None:
        self.word.fail(OSError("no way"))

    def cancel(self) -> None:
        self.errand.cancel()


Act = Callable[[Run], None]


def play(work: Work, *acts: Act, pause_s: float = 0.0) -> Run:
    """Return the errand of *work* after *acts*, each called as the loop calls readers, with all quiet in between."""

    async def scene() -> Run:
        played = Run(work)
        for act in acts:
            asyncio.get_running_loop().call_soon(act, played)
            for _ in range(10):
                await asyncio.sleep(0)
            await asyncio.sleep(pause_s)
        return played

    return run(scene())


def play_as_task(work: Work, act: Callable[[Word[str]], None]) -> str | None:
    """Return what *work* brings as a task, ``None`` where it fails, when *act* is done to its word."""

    async def scene() -> str | None:
        word: Word[str] = Word()
        task = asyncio.get_running_loop().create_task(work(word))
        for _ in range(10):
            await asyncio.sleep(0)
        act(word)
        try:
            return await task
        except OSError:
            return None

    return run(scene())


async def no_wait(_word: Word[str]) -> str:
    return "at once"


async def one_word(word: Word[str]) -> str:
    return await word


async def word_or_error(word: Word[str]) -> str:
    try:
        return await word
    except OSError as error:
        return f"caught {error}"


async def future_then_word(word: Word[str]) -> str:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, "future ")
    first: str = await future
    return first + await word


async def turn_then_word(word: Word[str]) -> str:
    await asyncio.sleep(0)
    return await word


async def timeout_around_word(word: Word[str]) -> str:
    await become_task()
    try:
        async with asyncio.timeout(0.01):
            return await word
    except TimeoutError:
        return "too late"


async def word_then_timeout(word: Word[str]) -> str:
    first = await word
    await become_task()
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
    return first


async def fails(word: Word[str]) -> str:
    raise RuntimeError(await word)


def test_what_waits_for_nothing_is_done_at_once() -> None:
    done: list[bool] = []
    played = play(no_wait, lambda played: done.append(played.errand.begin()))

    assert done == [True]
    assert played.errand.result == "at once"
    assert not played.ended


def test_a_word_ends_an_errand_before_say_returns() -> None:
    seen: list[list[str | None]] = []

    def act(played: Run) -> None:
        played.begin()
        played.say()
        seen.append([*played.ended])

    play(one_word, act)

    assert seen == [["heard"]]


WORKS = [one_word, word_or_error, future_then_word, turn_then_word, word_then_timeout]


@pytest.mark.parametrize("work", WORKS)
def test_an_errand_brings_what_a_task_brings(work: Work) -> None:
    expected = play_as_task(work, lambda word: word.say("heard"))

    assert play(work, Run.begin, Run.say).ended == [expected]


@pytest.mark.parametrize("work", WORKS)
def test_an_errand_fails_as_a_task_fails(work: Work) -> None:
    expected = play_as_task(work, lambda word: word.fail(OSError("no way")))

    assert play(work, Run.begin, Run.fail).ended == [expected]


def test_a_word_said_before_anybody_waits_is_heard() -> None:
    assert play(one_word, Run.say, Run.begin).errand.result == "heard"


def test_an_errand_that_became_a_task_can_be_timed_out() -> None:
    assert play(timeout_around_word, Run.begin, pause_s=0.05).ended == ["too late"]


@pytest.mark.parametrize("work", [one_word, future_then_word, turn_then_word])
def test_a_cancelled_errand_ends_with_nothing_and_words_that_come_later_are_lost(work: Work) -> None:
    played = play(work, Run.begin, Run.cancel, Run.say, Run.cancel)

    assert played.errand.is_done
    assert played.ended == [None]


def test_a_bug_ends_its_own_errand_alone_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    played = play(fails, Run.begin, Run.say)

    assert played.ended == [None]
    assert "RuntimeError: heard" in caplog.text


def test_a_bug_after_it_became_a_task_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    async def work(word: Word[str]) -> str:
        await asyncio.sleep(0)
        return await fails(word)

    played = play(work, Run.begin, Run.say)

    assert played.ended == [None]
    assert "RuntimeError: heard" in caplog.text


def test_a_task_stays_the_task_it_is() -> None:
    async def scene() -> bool:
        before = asyncio.current_task()
        await become_task()
        return asyncio.current_task() is before

    assert run(scene())


@pytest.mark.parametrize("name", ["resolver", "upstream_group", "upstream_link", "pipeline", "rewrite", "upstream_udp"])
def test_who_may_be_on_an_errand_becomes_a_task_before_a_timeout(name: str) -> None:
    """Asyncio refuses a timeout to what is no task."""
    source = (Path(filterd.dns.__file__).parent / f"{name}.py").read_text("utf-8")
    timeouts = source.count("asyncio.timeout(") - source.count("asyncio.timeout(CONNECT_S)")  # in a task of its own

    found = re.findall(r"await become_task\(\)\n(?:[^\n]*\n)?[^\n]*asyncio\.timeout\(", source)
    assert len(found) == timeouts
