# SPDX-License-Identifier: GPL-3.0-or-later
"""A question answered from the cache, or asked of an upstream once for all who ask it at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from filterd.dns import wire
from filterd.dns.answer import Answer, read_answer
from filterd.dns.cache import WORDS_OF_THE_WORLD, AnswerCache, Kept, Question, is_word_of_the_world
from filterd.dns.errands import become_task
from filterd.dns.failures import RecentFailures
from filterd.dns.stale import is_outage, stale_answer
from filterd.dns.upstream_spec import UpstreamError
from filterd.dns.wire import ProtocolError

CLIENT_WAITS_S = 1.8  # RFC 8767 §5: then a stale answer is better than none
RECHECK_S = 30.0  # RFC 8767 §5: how long an upstream that failed is not asked for what is kept stale
SILENCE_S = 5.0  # after a failure, how long nobody waits for what is kept stale, unless an answer comes meanwhile
HOT_USES = 2  # a name asked for again is worth asking for before its answer ends
PREFETCH_SHARE = 0.1  # of an answer's time, its last
MAX_BACKGROUND = 256  # questions that no client waits for

_new = tuple.__new__  # what Question() comes to, without its Python in between

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a whole query to an upstream and returns the answer whose question matches. Raises `UpstreamError`."""


@dataclass(slots=True)
class ResolverCounters:
    """How questions were answered since the start."""

    hits: int = 0
    misses: int = 0
    joined: int = 0  # waited for the answer to somebody else's question
    stale: int = 0
    prefetches: int = 0
    failures: int = 0  # questions to which no upstream had an answer
    failures_kept: int = 0  # such as were told so again without asking


class _LeaderLeft(Exception):
    """Who asked upstream went away before the answer came."""


class Resolver:
    """What the world says, by way of *ask*.

    *client_waits_s* is how long a client waits where a stale answer is at hand; with *prefetch* names in use are asked
    for again before their answers end.
    """

    def __init__(
        self, ask: Ask, *, cache: AnswerCache, client_waits_s: float = CLIENT_WAITS_S, prefetch: bool = True
    ) -> None:
        self.counters = ResolverCounters()
        self._ask = ask
        self._cache = cache
        self._now = cache.now
        self._client_waits_s = client_waits_s
        self._prefetch = prefetch
        self._failures = RecentFailures(keep_s=cache.keeping.failure_s, now=cache.now)
        # What is asked upstream, and once somebody else waits for it too, for what.
        self._asking: dict[Question, asyncio.Future[Answer] | None] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._silent_until = 0.0

    def swap(self, ask: Ask) -> None:
        """Ask *ask* from now on, and forget what others said. Questions under way go on, and to *ask* if they fail."""
        self._ask = ask
        self._cache.clear()
        self._failures.clear()

    async def resolve(self, qname: bytes, qtype: int, *, do: bool = False, cd: bool = False) -> tuple[Answer, int]:
        """Return the answer and its age in seconds; of a stale one the age is 0 and the TTLs are short.

        Raises:
            UpstreamError: no upstream gave one.
        """
        # Lengths are below 64, so that lower() touches letters only.
        question = _new(Question, (qname.lower(), qtype, do, cd))
        kept = self._cache.find(question)
        if kept is None:
            if question in self._asking or self._failures:
                return await self._answer_anew(question, qname), 0
            self.counters.misses += 1
            return await self._lead(question, qname), 0
        now = self._now()
        if now >= kept.until:
            return await self._answer_stale(question, qname, kept), 0
        self.counters.hits += 1
        if self._prefetch and kept.uses >= HOT_USES and self._is_ending(kept, now):
            self.counters.prefetches += self._refresh(question, qname)
        return kept.answer, int(now - kept.since)

    def note_uses(self, qname: bytes, qtype: int, uses: int, *, do: bool, cd: bool) -> None:
        """Take note that the answer was given *uses* times by who kept a copy of it."""
        self._cache.note_uses(Question(qname.lower(), qtype, do, cd), uses)

    def _is_ending(self, kept: Kept, now: float) -> bool:
        left = kept.until - now
        # What an upstream could not say is asked for when it is wanted.
        return left < PREFETCH_SHARE * kept.answer.keep_s and now >= kept.retry_at and is_word_of_the_world(kept.answer)

    async def _answer_anew(self, question: Question, qname: bytes) -> Answer:
        while question in self._asking:
            self.counters.joined += 1
            try:
                return await self._join(question)
            except _LeaderLeft:
                continue
        if failure := self._failures.find(question):
            self.counters.failures_kept += 1
            raise failure
        self.counters.misses += 1
        return await self._lead(question, qname)

    async def _answer_stale(self, question: Question, qname: bytes, kept: Kept) -> Answer:
        """Return something newer than *kept* if it comes soon, else *kept*; the asking goes on all the same."""
        if self._now() >= kept.retry_at:
            self._refresh(question, qname)
        # While nobody answers, the first question showed it, and the others need not wait to see it too.
        if question in self._asking and self._now() >= self._silent_until:
            await become_task()
            try:
                async with asyncio.timeout(self._client_waits_s):
                    answer = await self._join(question)
                if not is_outage(answer):
                    self.counters.misses += 1
                    return answer
            except (TimeoutError, UpstreamError, _LeaderLeft):
                pass  # what is kept is better
        self.counters.stale += 1
        return stale_answer(kept.answer)

    def _refresh(self, question: Question, qname: bytes) -> bool:
        """Ask in the background, unless that is being done; return whether it begins now."""
        if question in self._asking or len(self._background) >= MAX_BACKGROUND:
            return False
        # Eager, so that it is under way when this returns. A set and no TaskGroup, for that would want a task
        # of its own for as long as we serve.
        work = self._lead_quietly(question, qname)
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
        if not task.done():
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        return True

    async def _lead_quietly(self, question: Question, qname: bytes) -> None:
        with contextlib.suppress(UpstreamError):
            await self._lead(question, qname)

    def _join(self, question: Question) -> asyncio.Future[Answer]:
        """Return the answer to *question*, which somebody else asked."""
        answer = self._asking[question]
        if answer is None:
            answer = self._asking[question] = asyncio.get_running_loop().create_future()
        return asyncio.shield(answer)

    async def _lead(self, question: Question, qname: bytes) -> Answer:
        """Ask upstream; who comes meanwhile with the same question waits for this."""
        # The first client's letter case goes along: who asks in mixed case gets the protection of draft 0x20.
        packet = wire.make_question(qname, question.qtype, do=question.do, cd=question.cd)
        self._asking[question] = None
        try:
            while True:
                ask = self._ask
                try:
                    answer = read_answer(await ask(packet))
                    break
                except (UpstreamError, ProtocolError) as error:
                    # After a swap it failed because it was let go: a reload costs nobody an answer.
                    if ask is self._ask:
                        raise self._note_failure(question, error) from error
            self._silent_until = 0.0
            if ask is self._ask:
                answer = self._keep(question, answer)
        except BaseException as error:
            _fail(self._asking.pop(question), _LeaderLeft() if isinstance(error, asyncio.CancelledError) else error)
            raise
        waiting = self._asking.pop(question)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
        return answer

    def _keep(self, question: Question, answer: Answer) -> Answer:
        if answer.rcode in WORDS_OF_THE_WORLD:
            return self._cache.put(question, answer)
        self.counters.failures += 1
        if is_outage(answer) and self._cache.postpone(question, RECHECK_S):
            return answer
        return self._cache.put(question, answer)

    def _note_failure(self, question: Question, error: UpstreamError | ProtocolError) -> UpstreamError:
        self.counters.failures += 1
        self._silent_until = self._now() + SILENCE_S
        if isinstance(error, ProtocolError):
            error = UpstreamError(f"an answer that cannot be read: {error}")
        if not self._cache.postpone(question, RECHECK_S):
            self._failures.add(question, error)
        return error


def _fail(waiting: asyncio.Future[Answer] | None, error: BaseException) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_exception(error)
        waiting.exception()  # with nobody left who waits it is no news
