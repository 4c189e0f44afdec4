# SPDX-License-Identifier: GPL-3.0-or-later
"""Family resolvers asked about what our own lists let through.

They stand beside the lists, never in their place: where they are silent the lists alone decide.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from filterd.dns import wire
from filterd.dns.answer import Answer, read_answer
from filterd.dns.cache import uptime_s
from filterd.dns.objections import Opinion, objects, read_opinion
from filterd.dns.upstream import Upstream, make_upstreams
from filterd.dns.upstream_spec import UpstreamError, UpstreamSpec
from filterd.dns.wire import ProtocolError

logger = logging.getLogger(__name__)

WAIT_S = 0.5  # for an opinion, from when it was asked for: a page's names would add up
SILENCES = 3  # in a row, then a resolver is left alone
LEFT_ALONE_S = 15.0
KEEP_FINE_S = 1800.0
KEEP_OBJECTION_S = 300.0  # a name taken off their list is not ours to withhold for long
MAX_ASKING = 512
_ENTRY = 700  # bytes that an opinion takes, measured with tracemalloc and rounded up


class _Adviser:
    """A family resolver, and whether it is worth waiting for."""

    def __init__(self, name: str, upstream: Upstream) -> None:
        self.name = name
        self.upstream = upstream
        self.silences = 0
        self.ask_again_at = 0.0

    async def ask(self, question: bytes, *, within_s: float) -> Opinion:
        """Return what it thinks; `Opinion.UNKNOWN` where it does not say."""
        try:
            async with asyncio.timeout(within_s):
                opinion = read_opinion(read_answer(await self.upstream.ask(question)))
        except (UpstreamError, ProtocolError, TimeoutError):
            opinion = Opinion.UNKNOWN
        if opinion is Opinion.UNKNOWN:
            self.silences += 1
            if self.silences == SILENCES:
                logger.warning("%s gives no second opinion; our own lists decide until it answers", self.name)
        else:
            if self.silences >= SILENCES:
                logger.info("%s gives second opinions again", self.name)
            self.silences, self.ask_again_at = 0, 0.0
        return opinion

    def is_worth_asking(self, now: float) -> bool:
        """Return whether to ask it; while it is silent, now and then one question."""
        if self.silences < SILENCES:
            return True
        if now < self.ask_again_at:
            return False
        self.ask_again_at = now + LEFT_ALONE_S
        return True


_Opinions = tuple[tuple[str, Opinion], ...]


class Consultation:
    """A question to the family resolvers, under way while the answer is looked for."""

    def __init__(self, opinions: _Opinions | asyncio.Task[_Opinions], *, until: float) -> None:
        self._opinions = opinions
        self._until = until

    async def objection_to(self, answer: Answer) -> str | None:
        """Return the name of the resolver that objects to *answer*; ``None`` where none does in time. Never raises."""
        opinions = self._opinions
        if isinstance(opinions, asyncio.Task):
            left_s = self._until - asyncio.get_running_loop().time()
            await asyncio.wait({opinions}, timeout=max(left_s, 0))
            opinions = _outcome(opinions)
        return next((name for name, opinion in opinions if objects(opinion, answer)), None)


def _outcome(opinions: asyncio.Task[_Opinions]) -> _Opinions:
    if not opinions.done() or opinions.cancelled():
        return ()
    if error := opinions.exception():
        logger.error("a second opinion could not be read", exc_info=error)
        return ()
    return opinions.result()


class SecondOpinion:
    """Asks all *members*, names for the log and resolvers, at once; opinions are kept within *max_bytes*."""

    def __init__(
        self,
        members: Sequence[tuple[str, Upstream]],
        *,
        wait_s: float = WAIT_S,
        max_bytes: int = 4 << 20,
        now: Callable[[], float] = uptime_s,
    ) -> None:
        self._advisers = [_Adviser(name, upstream) for name, upstream in members]
        self._wait_s = wait_s
        self._max_bytes = max_bytes
        self._bytes = 0
        self._now = now
        self._kept: OrderedDict[bytes, tuple[_Opinions, float]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Opinions]] = {}

    def __len__(self) -> int:
        """Return how many opinions are kept."""
        return len(self._kept)

    async def second_opinion(self, qname: bytes, answer: Answer) -> str | None:
        """Return the name of the resolver that objects to *answer* for *qname*; ``None`` where none does in time."""
        return await self.consult(qname).objection_to(answer)

    def consult(self, qname: bytes) -> Consultation:
        """Begin to ask about *qname*, a name on the wire; whatever type a client wants, A shows what they think."""
        name = qname.lower()
        until = asyncio.get_running_loop().time() + self._wait_s
        kept = self._find(name)
        if kept is not None:
            return Consultation(kept, until=until)
        task = self._asking.get(name)
        if task is None and len(self._asking) < MAX_ASKING and (advisers := self._worth_asking()):
            # A task of its own, kept in a dictionary: what comes too late for this client is known for the next.
            work = self._ask(name, advisers)
            task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
            if not task.done():
                self._asking[name] = task
                task.add_done_callback(lambda _: self._asking.pop(name, None))
        return Consultation(() if task is None else task, until=until)

    async def close(self) -> None:
        """Let go of all connections."""
        for task in [*self._asking.values()]:
            task.cancel()
        for adviser in self._advisers:
            await adviser.upstream.close()

    def _worth_asking(self) -> list[_Adviser]:
        now = self._now()
        return [adviser for adviser in self._advisers if adviser.is_worth_asking(now)]

    async def _ask(self, name: bytes, advisers: Sequence[_Adviser]) -> _Opinions:
        question = wire.make_question(name, wire.A)
        # Twice as long as a client waits: what comes late serves the next.
        found = await asyncio.gather(*(adviser.ask(question, within_s=2 * self._wait_s) for adviser in advisers))
        opinions = tuple(zip((adviser.name for adviser in advisers), found, strict=True))
        if Opinion.OBJECTS in found or (len(found) == len(self._advisers) and Opinion.UNKNOWN not in found):
            self._keep(name, opinions)
        return opinions

    def _find(self, name: bytes) -> _Opinions | None:
        kept = self._kept.get(name)
        if kept is None:
            return None
        opinions, until = kept
        if self._now() >= until:
            self._drop(name)
            return None
        self._kept.move_to_end(name)
        return opinions

    def _keep(self, name: bytes, opinions: _Opinions) -> None:
        if name in self._kept:
            self._drop(name)
        fine = all(opinion is Opinion.FINE for _, opinion in opinions)
        self._kept[name] = opinions, self._now() + (KEEP_FINE_S if fine else KEEP_OBJECTION_S)
        self._bytes += _ENTRY + len(name)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, name: bytes) -> None:
        del self._kept[name]
        self._bytes -= _ENTRY + len(name)


def make_second_opinion(specs: Sequence[UpstreamSpec], *, ca_file: Path | None = None) -> SecondOpinion:
    """Return the second opinion of the family resolvers *specs*; *ca_file* as for `make_upstreams`."""
    return SecondOpinion([(spec.text, make_upstreams([spec], ca_file=ca_file)) for spec in specs])
