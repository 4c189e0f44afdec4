# SPDX-License-Identifier: GPL-3.0-or-later
"""A question answered from the cache, or asked of an upstream once for all who ask it at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from filterd.dns import wire
from filterd.dns.answer import Answer, read_answer
from filterd.dns.cache import AnswerCache, Question
from filterd.dns.upstream_spec import UpstreamError
from filterd.dns.wire import ProtocolError

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a whole query to an upstream and returns the answer whose question matches. Raises `UpstreamError`."""


class Resolver:
    """What the world says, by way of *ask*."""

    def __init__(self, ask: Ask, *, cache: AnswerCache) -> None:
        self._ask = ask
        self._cache = cache
        self._asking: dict[Question, asyncio.Task[Answer]] = {}

    def swap(self, ask: Ask) -> None:
        """Ask *ask* from now on, and forget what others said. Questions under way go on, and to *ask* if they fail."""
        self._ask = ask
        self._cache.clear()

    async def resolve(self, qname: bytes, qtype: int, *, do: bool = False, cd: bool = False) -> tuple[Answer, int]:
        """Return the answer and its age in seconds.

        Raises:
            UpstreamError: no upstream gave one.
        """
        # Lengths are below 64, so that lower() touches letters only.
        question = Question(qname.lower(), qtype, do, cd)
        kept = self._cache.get(question)
        if kept:
            return kept
        task = self._asking.get(question)
        if task is None:
            # A task of its own, so that a client that gives up takes nobody else's answer with it.
            task = asyncio.get_running_loop().create_task(self._ask_upstream(question, qname))
            self._asking[question] = task
            task.add_done_callback(lambda done: self._forget(question, done))
        return await asyncio.shield(task), 0

    async def _ask_upstream(self, question: Question, qname: bytes) -> Answer:
        # The first client's letter case goes along: who asks in mixed case gets the protection of draft 0x20.
        packet = wire.make_question(qname, question.qtype, do=question.do, cd=question.cd)
        while True:
            ask = self._ask
            try:
                answer = read_answer(await ask(packet))
            except (UpstreamError, ProtocolError) as error:
                if ask is not self._ask:
                    continue  # it failed because it was let go: a reload costs nobody an answer
                if isinstance(error, UpstreamError):
                    raise
                raise UpstreamError(f"an answer that cannot be read: {error}") from error
            if ask is self._ask:
                self._cache.put(question, answer)
            return answer

    def _forget(self, question: Question, done: asyncio.Task[Answer]) -> None:
        del self._asking[question]
        if not done.cancelled():
            done.exception()  # whoever still waits gets it; with nobody left it is no news
