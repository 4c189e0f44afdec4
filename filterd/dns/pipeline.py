# SPDX-License-Identifier: GPL-3.0-or-later
"""From a query to its answer: the steps, in order."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, assert_never

from filterd.dns import wire
from filterd.dns.answer import MAX_TTL
from filterd.dns.beginnings import Begun, begin_together
from filterd.dns.blocking import BLOCK_TTL, NOT_READY, SECOND_OPINION, BlockedAnswer, BlockKind, block_reply, explain
from filterd.dns.cache import AnswerCache
from filterd.dns.designated import discovery_reply
from filterd.dns.leads import AnswerRules, Refusal, begin_to_consult, examine
from filterd.dns.resolver import Ask, Resolver
from filterd.dns.rewrite import MIN_TTL, SafeHosts, is_rewritten, rewrite_reply
from filterd.dns.special import LOCAL_TTL, Local, is_demonstration, local_answer, local_reply, refusal
from filterd.dns.upstream_spec import UpstreamError
from filterd.dns.wire import ExtendedError, ProtocolError, Query
from filterd.policy.domains import is_address
from filterd.policy.model import Allow, Block, Cause, Client, Decide, Decision, Reason, Request, Rewrite, Stage, Verdict

logger = logging.getLogger(__name__)

_new = tuple.__new__  # what Reply() comes to, without its Python in between

CONSULTED_S = 10  # an objection that came too late for one client is there for the next

Boundary = Callable[[Client, datetime], datetime | None]
"""When the verdicts for a client may next change by themselves; ``None`` where no such moment is known."""


class Transport(enum.Enum):
    """How a query came, which says how long its answer may be."""

    UDP = enum.auto()
    STREAM = enum.auto()


class Reply(NamedTuple):
    """An answer, the decision that it carries out (``None``: the policy was not asked), and how long it is good for.

    *message* is ``None`` where no answer is owed. For *ready_s* seconds the same question of the same profile may be
    answered with it, its TTLs counted down; 0 where each must be asked anew.
    """

    message: bytes | None
    decision: Decision | None = None
    ready_s: int = 0


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    queries: int = 0
    blocked: int = 0
    malformed: int = 0
    errors: int = 0  # bugs, answered with SERVFAIL
    dropped: int = 0  # not answered: too many at a time


def no_boundary(_client: Client, _when: datetime) -> datetime | None:
    """Return ``None``: verdicts that no clock changes."""
    return None


class Pipeline:
    """Answers queries under the policy that *decide* speaks for; *ask* sends a question to the upstreams.

    *observe* is told each decision, and must not wait. *safe_addresses* is where safe-search hosts are when no upstream
    says; for those in *without_cname* the addresses alone are told. *clock* gives aware time. *rules* are what the
    answers hold to beside the policy; *cache* is where upstreams' answers are kept.
    """

    def __init__(
        self,
        decide: Decide,
        ask: Ask,
        *,
        clock: Callable[[], datetime],
        boundary: Boundary = no_boundary,
        observe: Callable[[Decision], None] = lambda _decision: None,
        blocked_answer: BlockedAnswer = BlockKind.NULL,
        safe_addresses: Mapping[str, Sequence[str]] | None = None,
        without_cname: Collection[str] = (),
        rules: AnswerRules | None = None,
        cache: AnswerCache | None = None,
    ) -> None:
        self.counters = Counters()
        self._decide = decide
        self._boundary = boundary
        self._clock = clock
        self._observe = observe
        self._blocked_answer = blocked_answer
        self._rules = rules or AnswerRules()
        self.resolver = Resolver(ask, cache=AnswerCache() if cache is None else cache)
        self._safe_hosts = SafeHosts(self.resolver, fixed=safe_addresses or {})
        self._without_cname = frozenset(without_cname)

    def swap(
        self,
        decide: Decide,
        *,
        boundary: Boundary | None = None,
        blocked_answer: BlockedAnswer | None = None,
        rules: AnswerRules | None = None,
    ) -> None:
        """Judge by *decide* from now on, and by what else is given; queries under way are judged anew.

        No verdict is kept anywhere here; what upstreams said still holds.
        """
        self._boundary = boundary or self._boundary
        self._blocked_answer = blocked_answer or self._blocked_answer
        self._rules = rules or self._rules
        self._decide = decide

    def swap_upstream(self, ask: Ask) -> None:
        """Ask *ask* from now on, and forget what others said; queries under way lose nothing."""
        self.resolver.swap(ask)

    def note_uses(self, raw: bytes, uses: int) -> None:
        """Take note that the answer to *raw*, a plain query, was given *uses* times without being asked for here."""
        query = wire.parse_query(raw)
        self.resolver.note_uses(query.qname, query.qtype, uses, do=query.do, cd=query.cd)

    async def answer(self, raw: bytes, client: Client, *, transport: Transport) -> bytes | None:
        """Return the answer to *raw*, a whole message of *client*; ``None`` where none is owed. Never raises."""
        return (await self.reply(raw, client, transport=transport)).message

    def begin(self, messages: Sequence[tuple[bytes, Client]]) -> list[Begun | None]:
        """Return for each of *messages*, raw and whose, what `reply` may start from; ``None``: it starts by itself."""
        return begin_together(messages, self._decide, when=self._clock())

    async def reply(self, raw: bytes, client: Client, *, transport: Transport, begun: Begun | None = None) -> Reply:
        """Return the answer to *raw*, a whole message of *client*, and what is to be known of it. Never raises.

        *begun* is what `begin` gave for it just now.
        """
        self.counters.queries += 1
        try:
            query = begun.query if begun else wire.parse_query(raw)
        except ProtocolError as error:
            self.counters.malformed += 1
            return Reply(wire.error_reply(raw, error.rcode))
        try:
            reply = await self._take_steps(query, client, begun)
        except Exception:
            # A bug must not open what the policy closes, nor stop the server: said, counted, refused.
            logger.exception("a query of type %d could not be answered", query.qtype)
            self.counters.errors += 1
            reply = Reply(wire.reply(query, rcode=wire.SERVFAIL, error=ExtendedError(NOT_READY)))
        limit = min(query.udp_size, wire.SAFE_UDP_SIZE) if transport is Transport.UDP else wire.MAX_MESSAGE
        if reply.message is None or len(reply.message) <= limit:
            return reply
        return reply._replace(message=wire.fit(query, reply.message, limit=limit))

    async def _take_steps(self, query: Query, client: Client, begun: Begun | None = None) -> Reply:
        # First what no policy could allow: zone transfers, other classes, an EDNS that we do not speak.
        if (rcode := refusal(query)) is not None:
            return Reply(wire.reply(query, rcode=rcode))
        # There is no name to judge: the root passes, other such names cannot exist and need not be told to anybody.
        if not query.host:
            return Reply(await self._answer_unnamed(query))
        rules, decide = self._rules, self._decide
        # Before the policy: to software these names mean the same under every profile. What the owner names himself
        # is no special name, even below home.arpa, and is judged like any other.
        is_ours = rules.local_names.knows(query.host)
        if not is_ours:
            if message := discovery_reply(query, rules.designated, ttl=LOCAL_TTL):
                return Reply(message, ready_s=LOCAL_TTL)
            if local := local_answer(query.host, query.qtype):
                return Reply(local_reply(query, local), ready_s=LOCAL_TTL)
        # The one question that this program is about.
        if begun and begun.decide is decide:
            decision = begun.decision
        else:
            decision = decide(Request(Stage.QUERY, client, self._clock(), query.host))
        match decision.verdict:
            case Allow():
                reply = await self._let_through(query, decision, is_ours=is_ours)
            case Block(reason):
                reply = self._refuse(query, decision, reason)
            case Rewrite():
                reply = await self._rewrite(query, decision, decision.verdict)
            case _:
                assert_never(decision.verdict)
        # The policy changed while an upstream was asked: its new word counts, and costs no second question.
        if decide is not self._decide or rules is not self._rules:
            return await self._take_steps(query, client)
        # Last, so that a query has one decision, whatever its answer brought to light.
        if reply.decision is not None:
            self.counters.blocked += isinstance(reply.decision.verdict, Block)
            self._observe(reply.decision)
        return reply

    def _refuse(self, query: Query, decision: Decision, reason: Reason, *, via: str | None = None) -> Reply:
        ttl = self._ttl(BLOCK_TTL, decision.request.client)
        error = explain(reason, via=via, national_lists=self._rules.national_lists) if query.edns else None
        message = block_reply(query, reason, answer=self._blocked_answer, error=error, ttl=ttl)
        # Where nobody judged the name (a failure) the next question may find somebody.
        return Reply(message, decision, ready_s=0 if reason.cause is Cause.FAILURE else ttl)

    def _refuse_after_all(self, query: Query, decision: Decision, reason: Reason, *, via: str | None = None) -> Reply:
        """Refuse a name that was let through, for what its answer brought to light."""
        return self._refuse(query, replace(decision, verdict=Block(reason)), reason, via=via)

    async def _let_through(self, query: Query, decision: Decision, *, is_ours: bool) -> Reply:
        client, rules = decision.request.client, self._rules
        # RFC 8482: ANY is asked by attackers; who needs a record asks for its type.
        if query.qtype == wire.ANY:
            return Reply(wire.reply(query, answers=[wire.hinfo_record(ttl=self._ttl(LOCAL_TTL, client))]), decision)
        # After the policy, which may close the house's own names to a child too; before the world, which has no say.
        if is_ours:
            ttl = self._ttl(LOCAL_TTL, client)
            return Reply(rules.local_names.answer(query, ttl=ttl), decision, ready_s=ttl)
        # After the policy, for the categories' test names are in this zone; before the network, for it needs none.
        if is_demonstration(query.host):
            ttl = self._ttl(LOCAL_TTL, client)
            return Reply(local_reply(query, Local.LOOPBACK, ttl=ttl), decision, ready_s=ttl)
        # While the upstream is asked: one wait in place of two.
        consultation = begin_to_consult(query, decision, rules)
        try:
            answer, age_s = await self.resolver.resolve(query.qname, query.qtype, do=query.do, cd=query.cd)
            # A harmless name may lead to one that is not.
            found = examine(answer, query.qtype, decision, judge=self._judge_for(decision), rules=rules)
        except UpstreamError as error:
            return Reply(_servfail(query, error), decision)
        except ProtocolError:
            return Reply(_servfail(query, UpstreamError("an answer that cannot be changed")), decision)
        if isinstance(found, Refusal):
            return self._refuse_after_all(query, decision, found.reason, via=found.via)
        if consultation and answer.rcode == wire.NOERROR and (objector := await consultation.objection_to(answer)):
            reason = Reason(Cause.CATEGORY_LIST, rule=query.host, list=SECOND_OPINION + objector)
            return self._refuse_after_all(query, decision, reason)
        at_most_s = self._ttl(MAX_TTL, client)
        ready_s = max(0, min(answer.keep_s - age_s, at_most_s))
        if consultation:
            ready_s = min(ready_s, CONSULTED_S)
        return _new(Reply, (found.for_client(query, age_s=age_s, at_most_s=at_most_s), decision, ready_s))

    def _judge_for(self, decision: Decision) -> Callable[[str], Verdict]:
        """Return what says the verdict on another host for the client of *decision*."""
        client = decision.request.client
        return lambda host: self._decide(Request(Stage.QUERY, client, self._clock(), host)).verdict

    async def _rewrite(self, query: Query, decision: Decision, verdict: Rewrite) -> Reply:
        error, client = explain(verdict.reason), decision.request.client
        if not is_rewritten(query.qtype):
            ttl = self._ttl(MIN_TTL, client)
            return Reply(wire.reply(query, authority=[wire.soa_record(ttl=ttl)], error=error), decision, ready_s=ttl)
        try:
            found, ttl = await self._safe_hosts.find(verdict.host, query.qtype)
        except UpstreamError as failure:
            return Reply(_servfail(query, failure), decision)
        alias = None if verdict.host in self._without_cname or is_address(verdict.host) else verdict.host
        ttl = self._ttl(ttl, client)
        return Reply(rewrite_reply(query, alias, found, ttl=ttl, error=error), decision, ready_s=ttl)

    async def _answer_unnamed(self, query: Query) -> bytes:
        if query.qname != wire.ROOT:
            return local_reply(query, Local.NXDOMAIN)
        if query.qtype == wire.ANY:
            return wire.reply(query, answers=[wire.hinfo_record(ttl=LOCAL_TTL)])
        try:
            answer, age_s = await self.resolver.resolve(query.qname, query.qtype, do=query.do, cd=query.cd)
        except UpstreamError as error:
            return _servfail(query, error)
        return answer.for_client(query, age_s=age_s)

    def _ttl(self, ttl: int, client: Client) -> int:
        """Return *ttl*, cut so that no answer outlives its verdict."""
        now = self._clock()
        end = self._boundary(client, now)
        return ttl if end is None else max(0, min(ttl, int((end - now).total_seconds())))


def _servfail(query: Query, error: UpstreamError) -> bytes:
    # Which upstream and why stands in the log: it may be an address that is nobody's business on the network.
    return wire.reply(query, rcode=wire.SERVFAIL, error=ExtendedError(error.ede, "no upstream answers"))
