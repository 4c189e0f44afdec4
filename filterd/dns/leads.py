# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an answer leads: its aliases and addresses under the policy too, its services without ways around it.

Some addresses of a name may be refused and others not: the record set is then given without them, and the name is
refused when none is left. To refuse the whole name for one address would let anybody take a shared host off the net by
listing one of its many addresses; to let all pass would lead a client to the listed one sooner or later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from filterd.dns import wire
from filterd.dns.answer import SERVICES, Answer, addresses
from filterd.dns.blocking import REBINDING, UPSTREAM
from filterd.dns.designated import Designated
from filterd.dns.local_names import LocalNames
from filterd.dns.rebinding import PrivateSpace, is_private, is_unspecified, plain_address
from filterd.dns.svcb import strip
from filterd.dns.trimming import trim
from filterd.dns.wire import Query
from filterd.policy.model import Allow, Block, Cause, Decision, Reason, Verdict

# Contract, order of precedence: an allow by 1 to 6 of the name asked covers what it leads to.
_COVERS_TARGETS = frozenset(
    {
        Cause.PROTECTION_OFF,
        Cause.SURVIVAL,
        Cause.PERMISSION,
        Cause.ALLOW_LIST,
        Cause.GUARD_SITE,
        Cause.GUARD_PLATFORM,
    }
)
# Private addresses are let through on an adult's own word about the name alone: below a guarded platform's domain
# strangers own names too.
_ADULTS_WORD = frozenset({Cause.PROTECTION_OFF, Cause.PERMISSION, Cause.ALLOW_LIST})

_SHOWS_A_WAY = frozenset({wire.A, wire.AAAA, wire.CNAME, wire.SVCB, wire.HTTPS})


class Consultation(Protocol):
    """A question to others about a name, under way."""

    async def objection_to(self, answer: Answer, /) -> str | None:
        """Return who objects to *answer*, ``None`` where nobody does, nor says anything in time. Never raises."""


Consult = Callable[[bytes], Consultation]
"""Begins to ask about a name, as it stands on the wire."""


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """What the answers hold to beside the policy; one object, swapped with it.

    *judges_address* says cheaply whether the policy may know a packed address (``None``: it knows none).
    *private_space* holds the names that may lead to private addresses; others are not asked about them. *inspected*
    are the profiles whose connections the proxy opens: services are told to them without ECH and HTTP/3. *consult*
    asks family resolvers for a second opinion. Refusals by *national_lists* are told apart. *designated* are our own
    encrypted resolvers.
    """

    judges_address: Callable[[bytes], bool] | None = None
    private_space: PrivateSpace = field(default_factory=PrivateSpace)
    inspected: Collection[str] = frozenset()
    consult: Consult | None = None
    national_lists: Collection[str] = frozenset()
    local_names: LocalNames = field(default_factory=LocalNames)
    designated: Sequence[Designated] = ()


class Refusal(NamedTuple):
    """The name is refused for where it leads: *via* is the alias or address."""

    reason: Reason
    via: str


def covers_targets(verdict: Verdict) -> bool:
    """Return whether *verdict* on a name holds for what the name leads to."""
    reason = verdict.reason
    return reason is not None and reason.cause in _COVERS_TARGETS and isinstance(verdict, Allow)


def begin_to_consult(query: Query, decision: Decision, rules: AnswerRules) -> Consultation | None:
    """Return the second opinion asked for on the name of *query*, ``None`` where others need not hear of it."""
    if rules.consult is None or query.qtype not in _SHOWS_A_WAY or covers_targets(decision.verdict):
        return None
    return None if rules.private_space.holds(query.host) else rules.consult(query.qname)


def examine(
    answer: Answer, qtype: int, decision: Decision, *, judge: Callable[[str], Verdict], rules: AnswerRules
) -> Answer | Refusal:
    """Return *answer* as the client of *decision*, which let the name through, may have it; *judge* knows hosts.

    Raises:
        ProtocolError: it must be changed, and is malformed.
    """
    if not (answer.targets or answer.packed or answer.services):
        return answer  # it leads nowhere
    covered = covers_targets(decision.verdict)
    if not covered:
        for target in answer.targets:
            found = judge(target)
            if isinstance(found, Block):
                return Refusal(found.reason, target)
    inspected = answer.services and decision.profile in rules.inspected
    judged = rules.judges_address is not None and not covered and True in map(rules.judges_address, answer.packed)
    if not (inspected or answer.private or judged):
        return answer
    refusals = _Refusals(decision, judge if judged else None, rules)
    if not inspected and not any(map(refusals.find, answer.packed)):
        return answer

    def change(rtype: int, rdata: bytes) -> bytes | None:
        if rtype in (wire.A, wire.AAAA):
            return None if refusals.find(rdata) else rdata
        return strip(rdata, inspected=inspected, refuses=refusals.find) if rtype in SERVICES else rdata

    left = trim(answer, change)
    if refusals.first and qtype in (wire.A, wire.AAAA) and not any(addresses(left, qtype)):
        return refusals.first
    return left


class _Refusals:
    """Which addresses of one answer are refused; each is judged once."""

    def __init__(self, decision: Decision, judge: Callable[[str], Verdict] | None, rules: AnswerRules) -> None:
        self.first: Refusal | None = None
        self._judge = judge
        self._rules = rules
        self._host = decision.request.host
        reason = decision.verdict.reason
        self._private_too = reason is not None and reason.cause in _ADULTS_WORD
        self._known: dict[bytes, Refusal | None] = {}

    def find(self, packed: bytes) -> Refusal | None:
        """Return why *packed* is refused, ``None`` where it is not."""
        if packed not in self._known:
            self._known[packed] = refusal = self._look(packed)
            self.first = self.first or refusal
        return self._known[packed]

    def _look(self, packed: bytes) -> Refusal | None:
        if len(packed) not in (4, 16):
            return None  # no address, whatever its type says
        if is_private(packed):
            if self._private_too or self._rules.private_space.permits(self._host, packed):
                return None
            address = plain_address(packed)
            # 0.0.0.0 from an upstream says "blocked there". It must not be passed on: it is dialled as loopback.
            listed = UPSTREAM if is_unspecified(packed) else REBINDING
            return Refusal(Reason(Cause.CATEGORY_LIST, rule=address, list=listed), address)
        judges = self._rules.judges_address
        if self._judge is None or judges is None or not judges(packed):
            return None
        address = plain_address(packed)
        verdict = self._judge(address)
        return Refusal(verdict.reason, address) if isinstance(verdict, Block) else None
