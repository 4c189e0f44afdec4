# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection's life, step by step, with a transport that does as it is told."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import cast

import pytest

from filterd.dns.conversation import MAX_A_TURN, MAX_UNDER_WAY, MAX_UNSENT, Conversation
from filterd.dns.listener import Gate, Listener, Timeouts
from tests.filterd.dns.fakes import run, until
from tests.filterd.dns.serving import listening


@dataclass
class FakeTransport:
    """What a conversation needs of a transport."""

    unsent: int = 0
    sent: list[bytes] = field(default_factory=list)
    reading: bool = True
    closed: bool = False
    aborted: bool = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


class Letters(Conversation):
    """A protocol in which each byte is a question; a capital letter waits until *let_go*."""

    def __init__(self, listener: Listener, let_go: asyncio.Event) -> None:
        super().__init__(listener, "192.0.2.1")
        self.let_go = let_go
        self.pending = b""
        self.begun = 0

    def receive(self, data: bytes) -> None:
        self.pending += data

    def proceed(self) -> None:
        while self.pending and not self.must_wait:
            letter, self.pending = self.pending[:1], self.pending[1:]
            self.begun += 1
            self.start(self._answer(letter))

    async def _answer(self, letter: bytes) -> None:
        if letter == b"?":
            await asyncio.sleep(0)
        if letter in b"!?":
            raise ZeroDivisionError
        if letter.isupper():
            await self.let_go.wait()
        self.send(letter)


@dataclass
class Scene:
    conversation: Letters
    transport: FakeTransport
    listener: Listener

    def say(self, data: bytes) -> None:
        self.listener.scratch[: len(data)] = data
        self.conversation.buffer_updated(len(data))


def begin(timeouts: Timeouts | None = None) -> Scene:
    sock, _ = listening()
    sock.close()
    listener = Listener(sock, lambda _listener, _address: conversation, gate=Gate(), timeouts=timeouts or Timeouts())
    conversation = Letters(listener, asyncio.Event())
    transport = FakeTransport()
    conversation.connection_made(cast("asyncio.Transport", transport))
    return Scene(conversation, transport, listener)


def test_questions_that_need_not_wait_are_answered_at_once() -> None:
    async def work() -> None:
        scene = begin()
        scene.say(b"abc")
        assert scene.transport.sent == [b"a", b"b", b"c"]
        assert scene.listener.counters.queries == 3
        scene.conversation.end()

    run(work())


def test_who_pipelines_hundreds_lets_others_have_their_turn() -> None:
    async def work() -> None:
        scene, others = begin(), 0

        def other() -> None:
            nonlocal others
            others += 1

        scene.say(b"a" * (10 * MAX_A_TURN))
        asyncio.get_running_loop().call_soon(other)
        assert len(scene.transport.sent) == MAX_A_TURN
        await until(lambda: len(scene.transport.sent) == 10 * MAX_A_TURN)
        assert others == 1
        scene.say(b"a" * (3 * MAX_A_TURN))
        scene.conversation.finish()
        await until(lambda: scene.transport.closed)
        assert len(scene.transport.sent) == 13 * MAX_A_TURN
        scene.conversation.end()

    run(work())


def test_a_greedy_client_is_not_read_until_it_has_answers() -> None:
    async def work() -> None:
        scene = begin()
        scene.say(b"A" * (MAX_UNDER_WAY + 5))
        assert scene.conversation.begun == MAX_UNDER_WAY
        assert not scene.transport.reading
        scene.conversation.let_go.set()
        await until(lambda: len(scene.transport.sent) == MAX_UNDER_WAY + 5)
        await until(lambda: scene.transport.reading)
        scene.conversation.end()

    run(work())


def test_who_does_not_take_answers_is_asked_nothing_and_then_let_go() -> None:
    async def work() -> None:
        scene = begin(Timeouts(send_s=0.05))
        scene.conversation.pause_writing()
        scene.say(b"abc")
        assert (scene.conversation.begun, scene.transport.reading) == (0, False)
        await until(lambda: scene.transport.aborted)
        assert scene.listener.counters.not_reading == 1
        scene.conversation.end()

    run(work())


def test_who_takes_them_after_all_goes_on() -> None:
    async def work() -> None:
        scene = begin(Timeouts(send_s=5))
        scene.conversation.pause_writing()
        scene.say(b"abc")
        scene.conversation.resume_writing()
        assert scene.transport.sent == [b"a", b"b", b"c"]
        assert scene.transport.reading
        scene.conversation.end()

    run(work())


def test_too_much_unread_ends_it_at_once() -> None:
    async def work() -> None:
        scene = begin()
        scene.transport.unsent = MAX_UNSENT + 1
        scene.say(b"a")
        assert scene.transport.aborted
        assert scene.transport.sent == []
        scene.conversation.end()

    run(work())


def test_what_a_client_asked_before_its_last_word_is_answered() -> None:
    async def work() -> None:
        scene = begin()
        scene.say(b"A")
        assert scene.conversation.eof_received()
        assert not scene.transport.closed
        scene.conversation.let_go.set()
        await until(lambda: scene.transport.closed)
        assert scene.transport.sent == [b"A"]
        scene.conversation.end()

    run(work())


def test_a_close_that_the_client_does_not_let_happen_is_an_abort() -> None:
    async def work() -> None:
        scene = begin(Timeouts(first_s=5, send_s=0.05))
        scene.transport.unsent = 10
        scene.conversation.close()
        assert (scene.transport.closed, scene.transport.aborted) == (True, False)
        await until(lambda: scene.transport.aborted)
        scene.conversation.end()

    run(work())


@pytest.mark.parametrize("question", [b"!", b"?"], ids=["at once", "after a wait"])
def test_a_bug_ends_the_connection_and_is_told(caplog: pytest.LogCaptureFixture, question: bytes) -> None:
    async def work() -> None:
        scene = begin()
        scene.say(question)
        await until(lambda: scene.transport.aborted)
        scene.conversation.end()

    with caplog.at_level(logging.ERROR):
        run(work())
    assert [record.getMessage() for record in caplog.records] == ["a connection is closed for a bug"]


def test_one_that_is_to_go_before_it_began_never_begins() -> None:
    async def work() -> None:
        sock, _ = listening()
        sock.close()
        listener = Listener(sock, lambda _listener, _address: conversation, gate=Gate(), timeouts=Timeouts())
        conversation = Letters(listener, asyncio.Event())
        conversation.evict()
        transport = FakeTransport()
        conversation.attach(cast("asyncio.Transport", transport))
        assert transport.aborted
        conversation.end()

    run(work())
