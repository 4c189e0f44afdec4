# SPDX-License-Identifier: GPL-3.0-or-later
"""Names one by one: what a list may claim, what it may not, and what must wait until we know how far to trust it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from filterd.lists.evidence import Grounds, JudgeContext
from filterd.lists.model import BLAMELESS, HELD, Dropped, Fault
from filterd.policy.domains import is_address
from filterd.policy.model import Effect, Rule
from filterd.policy.networks import SPECIAL, is_network, parse_network

# A URL rule speaks of one page. On a shared host, or a platform, that is as it should be (contract, clause 6); on a
# guarded site it is held back.
_PAGE_FAULTS = {Fault.GUARD_SITE: Fault.BELOW_GUARD, Fault.BENIGN_LIST: Fault.BENIGN_LIST}


class Sieve:
    """Passes the rules that may be taken on; counts what it drops, keeps what it holds back.

    What is held back is there for ``release`` or ``drop_held`` once the whole source has been read.
    """

    def __init__(self, grounds: Grounds, context: JudgeContext) -> None:
        self.dropped: dict[Fault, Dropped] = {}
        self.passed = 0
        self.held: list[tuple[Rule, Fault]] = []
        self._grounds = grounds
        self._suffixes = context.suffixes
        self._words = context.words
        self._shared = context.shared
        self.guarded = grounds.guarded

    @property
    def clear_faults(self) -> int:
        """How many names were wrong beyond dispute: what makes a source doubtful."""
        return sum(dropped.count for fault, dropped in self.dropped.items() if fault not in BLAMELESS)

    def sift(self, rules: Iterable[Rule]) -> Iterator[Rule]:
        """Yield those of *rules* that nothing speaks against."""
        equal, below, just_below = self._grounds.equal.get, self._grounds.below, self._grounds.just_below
        words = self._grounds.words
        passed = 0
        try:
            for rule in rules:
                domain = rule[0]
                fault = equal(domain)
                if fault is None:
                    # Written out, for this is done some ten million times: right below first, then below.
                    at = domain.find(".") + 1
                    parent = domain[at:]
                    if not at or parent in just_below or not rule[3]:
                        fault = self._odd_fault(rule, parent if at else "")
                    while at and fault is None:
                        fault = below.get(parent)
                        at = parent.find(".") + 1
                        parent = parent[at:]
                    if fault is None and words is not None and words(domain):
                        fault = self._words_fault(domain)
                if fault is None or ((rule[1] is not None or rule[4] is Effect.EXCEPT) and self._may_stay(rule, fault)):
                    passed += 1
                    yield rule
                else:
                    self._set_aside(rule, fault)
        finally:
            self.passed += passed

    def release(self) -> list[Rule]:
        """Return what was held back: the source turned out to be worth believing."""
        rules = [rule for rule, _ in self.held]
        self.passed += len(rules)
        self.held.clear()
        return rules

    def drop_held(self) -> None:
        """Count what was held back as dropped: the source turned out to be doubtful."""
        for rule, fault in self.held:
            self.dropped.setdefault(fault, Dropped()).add(rule.domain)
        self.held.clear()

    def _odd_fault(self, rule: Rule, parent: str) -> Fault | None:
        """Return what is wrong with a single label, an address or a name right below a suffix."""
        domain = rule.domain
        if is_network(domain) or is_address(domain):
            return self._address_fault(domain)
        if not parent:
            return Fault.PUBLIC_SUFFIX
        if domain in self._suffixes.exceptions:
            return None
        fault = self._grounds.just_below.get(parent)
        if fault is Fault.BELOW_GUARD and self._words.speak_against(domain[: -len(parent)]):
            return None
        return fault

    def _address_fault(self, domain: str) -> Fault | None:
        network = parse_network(domain)
        if network.is_too_wide:
            return Fault.TOO_WIDE
        if SPECIAL.touches(network):
            return Fault.PRIVATE_ADDRESS
        return Fault.SHARED_ADDRESS if self._shared.touches(network) else None

    def _words_fault(self, domain: str) -> Fault | None:
        return Fault.WORDS if self._words.speak_for(domain, self._suffixes) else None

    def _may_stay(self, rule: Rule, fault: Fault) -> bool:
        """Return whether *rule*, an exception or a URL rule, stays although *fault* speaks against the host."""
        if rule.effect is Effect.EXCEPT:  # it only takes back what the same list says
            return True
        return fault not in _PAGE_FAULTS and fault not in HELD and fault is not Fault.PRIVATE_ADDRESS

    def _set_aside(self, rule: Rule, fault: Fault) -> None:
        if rule.path is not None:
            fault = _PAGE_FAULTS.get(fault, fault)
        if fault in HELD:
            self.held.append((rule, fault))
        else:
            self.dropped.setdefault(fault, Dropped()).add(rule.domain)
