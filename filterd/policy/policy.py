# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on a request: the order of precedence, readable as a list."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from filterd.policy.clients import ClientRule, profile_of
from filterd.policy.domains import covers, suffixes
from filterd.policy.inner import inner_target
from filterd.policy.model import (
    GUARD_PLATFORM,
    GUARD_SITE,
    Allow,
    Block,
    Category,
    Cause,
    Client,
    Decision,
    Hit,
    Match,
    Names,
    Patterns,
    Reason,
    Request,
    Rewrite,
    Scorer,
    Verdict,
)
from filterd.policy.pages import LABELLED, find_refused, is_for_older, page_of, strongest_phrase
from filterd.policy.profile import Profile
from filterd.policy.safesearch import SafeSearch

# The guard never opens these, nor an optional category that the adult chose (contract, clause 6).
BEYOND_THE_GUARD = frozenset({"anonymizers", "malware", "phishing"})
_GUARDS = (GUARD_SITE, GUARD_PLATFORM)
_MAX_INNER = 3  # an archive of a translation of a cache; deeper ones are refused as what they are: a way around


@dataclass(frozen=True, slots=True)
class Permission:
    """*host* and what is below it is open for *profile* until *until*; in closed hours only if *for_closed_hours*.

    With *address* it is open for the client at that address alone.
    """

    profile: str
    host: str
    until: datetime
    for_closed_hours: bool = False
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """Whether the filter is on. *off_until* set: paused until then; *on* false without it: off until turned on."""

    on: bool = True
    off_until: datetime | None = None

    def covers(self, when: datetime) -> bool:
        """Return whether protection is in force at *when*."""
        return self.on if self.off_until is None else when >= self.off_until


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that decides, as an immutable snapshot: rebuilt whole, swapped by one assignment."""

    names: Names
    patterns: Patterns
    categories: Mapping[str, Category]
    profiles: Mapping[str, Profile]
    default_profile: str
    safe_search: SafeSearch
    clients: Sequence[ClientRule] = ()
    survival: frozenset[str] = frozenset()
    permissions: Sequence[Permission] = ()
    protection: Protection = Protection()
    scorer: Scorer | None = None  # without one, no text is judged: the name look-up's policy needs none
    guarded: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Check that every profile named exists; a policy that cannot decide must not come to be.

        Raises:
            ValueError: naming the profile that is missing.
        """
        for name in (self.default_profile, *(rule.profile for rule in self.clients)):
            if name not in self.profiles:
                raise ValueError(f"unknown profile {name!r}: the profiles are {', '.join(sorted(self.profiles))}")
        guarded = frozenset(c.id for c in self.categories.values() if not c.optional) - BEYOND_THE_GUARD
        object.__setattr__(self, "guarded", guarded)

    def profile(self, client: Client) -> Profile:
        """Return the profile that *client* is judged by; a name that is not known is judged by the default."""
        name = profile_of(client, self.clients, self.default_profile)
        return self.profiles.get(name) or self.profiles[self.default_profile]

    def decide(self, request: Request, /) -> Decision:
        """Return the decision on *request*; the first clause that applies gives the verdict."""
        profile = self.profile(request.client)
        case = _Case(self, profile, request)
        verdict = case.first_clause()
        if isinstance(verdict, Allow):
            verdict = case.look_inside(verdict)
        if isinstance(verdict, Allow):
            verdict = case.force_safe_search(verdict)
        return Decision(request, verdict, profile.id)

    def next_boundary(self, client: Client, when: datetime) -> datetime | None:
        """Return the first instant after *when* at which *client*'s verdicts may change by the clock alone."""
        profile = self.profile(client)
        ends = [p.until for p in self.permissions if p.profile == profile.id]
        ends += [at for at in (self.protection.off_until, profile.schedule.next_change(when)) if at is not None]
        return min((at for at in ends if at > when), default=None)


_NOTHING_SAID = Allow()  # of most names; made once


class _Case:
    """One request under one policy: what the clauses look at, computed at most once."""

    __slots__ = ("_found", "_guard", "_hits", "policy", "profile", "request")

    def __init__(self, policy: Policy, profile: Profile, request: Request) -> None:
        self.policy = policy
        self.profile = profile
        self.request = request
        self._found: Sequence[Match] | None = None
        self._guard: Match | None = None  # the most specific guard entry, once *found* was called
        self._hits: Sequence[Hit] | None = None

    def first_clause(self) -> Verdict:
        for clause in _CLAUSES:
            verdict = clause(self)
            if verdict is not None:
                return verdict
        return _NOTHING_SAID

    def off_or_paused(self) -> Verdict | None:
        if self.policy.protection.covers(self.request.when):
            return None
        return Allow(Reason(Cause.PROTECTION_OFF))

    def survival_name(self) -> Verdict | None:
        host = self.request.host
        return Allow(Reason(Cause.SURVIVAL, rule=host, list="survival")) if host in self.policy.survival else None

    def closed_hours(self) -> Verdict | None:
        slot = self.profile.schedule.slot_at(self.request.when)
        if slot is None:
            return None
        running = self._permission(for_closed_hours=True)
        return running or Block(Reason(Cause.CLOSED_HOURS, rule=str(slot), list="schedule"))

    def running_permission(self) -> Verdict | None:
        return self._permission(for_closed_hours=False)

    def _permission(self, *, for_closed_hours: bool) -> Verdict | None:
        for permission in self.policy.permissions:
            if (
                permission.profile == self.profile.id
                and self.request.when < permission.until
                and (permission.for_closed_hours or not for_closed_hours)
                and permission.address in (None, self.request.client.address)
                and covers(permission.host, self.request.host)
            ):
                return Allow(Reason(Cause.PERMISSION, rule=permission.host, list="permissions"))
        return None

    def own_lists(self) -> Verdict | None:
        profile = self.profile
        if profile.allow or profile.deny:
            for domain in suffixes(self.request.host):  # most specific first, deny where equal
                if domain in profile.deny:
                    return Block(self._reason(Cause.DENY_LIST, rule=domain, listed="deny"))
                if domain in profile.allow:
                    return Allow(self._reason(Cause.ALLOW_LIST, rule=domain, listed="allow"))
        if profile.only_allowed:
            return Block(self._reason(Cause.ONLY_ALLOWED, listed="allow"))
        pattern = profile.own_patterns.find(self.request.host, self.request.url)
        return Block(self._reason(Cause.OWN_PATTERN, rule=pattern, listed="patterns")) if pattern else None

    def category_lists(self) -> Verdict | None:
        """Clauses 6 and 7: the guard against category lists, the more specific entry first, the guard where equal."""
        found = self.found()
        guard_depth = self._guard.depth if self._guard else 0
        blocked, guarded = self.profile.blocked_categories, self.policy.guarded
        for match in found:
            if match.category in blocked and (match.depth > guard_depth or match.category not in guarded):
                return Block(
                    self._reason(Cause.CATEGORY_LIST, rule=match.rule, listed=match.list, category=match.category)
                )
        return None

    def category_patterns(self) -> Verdict | None:
        """Clause 8. A guarded site is kept from all of it, a platform's bare host only: its URLs are still judged."""
        blocked = self.profile.blocked_categories
        for hit in self.pattern_hits():
            if hit.category in blocked:
                rule = hit.evidence[0][0] if hit.evidence else None
                listed = f"patterns-{hit.category}"
                return Block(self._reason(Cause.CATEGORY_PATTERN, rule=rule, listed=listed, category=hit.category))
        return None

    def page_text(self) -> Verdict | None:
        """Clause 9: judged on platforms too, on a guarded site only for what the guard never opens."""
        page = page_of(self.request)
        if page is None:
            return None
        self.found()
        on_site = self._guard is not None and self._guard.category == GUARD_SITE
        spared = self.policy.guarded if on_site else frozenset()
        if is_for_older(page, self.profile, spared=spared):
            age = f"age {page.age_label}"
            return Block(self._reason(Cause.AGE_LABEL, rule=age, listed="age-label", category=LABELLED))
        score = find_refused(page, self.profile, self.policy.scorer, spared=spared)
        if score is None:
            return None
        rule, listed = strongest_phrase(score), f"phrases-{score.category}"
        return Block(self._reason(Cause.PAGE_TEXT, rule=rule, listed=listed, category=score.category))

    def nothing_against_it(self) -> Verdict | None:
        """Clause 10, with what was known about the name all the same."""
        found, guard = self.found(), self._guard
        if guard:
            cause = Cause.GUARD_SITE if guard.category == GUARD_SITE else Cause.GUARD_PLATFORM
            return Allow(self._reason(cause, rule=guard.rule, listed=guard.list))
        named = next((m for m in found if m.category not in _GUARDS), None)
        if named is None:
            return None
        return Allow(self._reason(Cause.CATEGORY_OPEN, rule=named.rule, listed=named.list, category=named.category))

    def look_inside(self, verdict: Allow) -> Verdict:
        """Judge the page that a translator, cache or archive shows as its own host: an outer allow ends there."""
        if verdict.reason and verdict.reason.cause in (Cause.PROTECTION_OFF, Cause.SURVIVAL, Cause.PERMISSION):
            return verdict
        request = self.request
        for _ in range(_MAX_INNER):
            target = inner_target(request.host, request.url)
            if target is None:
                return verdict
            request = dataclasses.replace(request, host=target.host, url=target.url)
            inner = _Case(self.policy, self.profile, request).first_clause()
            if isinstance(inner, Block):
                return inner
        return Block(self._reason(Cause.CATEGORY_PATTERN, rule=self.request.host, category="anonymizers"))

    def force_safe_search(self, verdict: Allow) -> Verdict:
        """Rewrite what is let through while protection is on; an allow of exactly the engine's host skips it."""
        profile, host, reason = self.profile, self.request.host, verdict.reason
        if reason and reason.cause is Cause.PROTECTION_OFF:
            return verdict
        if reason and reason.cause is Cause.ALLOW_LIST and reason.rule == host:
            return verdict
        engines = self.policy.safe_search
        target = engines.safe_host(host, safe_search=profile.safe_search, youtube=profile.youtube)
        if target is not None:
            return Rewrite(Reason(Cause.SAFE_SEARCH, rule=host, list=target.engine), target.host)
        if profile.safe_search and profile.block_unsafe_search and engines.cannot_be_forced(host):
            return Block(Reason(Cause.NO_SAFE_MODE, rule=host, list="safe-search"))
        return verdict

    def found(self) -> Sequence[Match]:
        if self._found is None:
            self._found = self.policy.names.find(self.request.host, _path_of(self.request.url))
            for match in self._found:  # the most specific first
                if match.category in _GUARDS:
                    self._guard = match
                    break
        return self._found

    def pattern_hits(self) -> Sequence[Hit]:
        """Return what patterns say of the host and, where it is known, of the URL; the guard's part taken out."""
        if self._hits is None:
            self.found()
            guard, request = self._guard, self.request
            hits = [hit for hit in self.policy.patterns.find_host(request.host) if not self._kept(hit, guard)]
            if request.url is not None:
                site = guard if guard and guard.category == GUARD_SITE else None
                hits += [hit for hit in self.policy.patterns.find_url(request.url) if not self._kept(hit, site)]
                hits.sort(key=lambda hit: -hit.score)
            self._hits = hits
        return self._hits

    def _kept(self, hit: Hit, guard: Match | None) -> bool:
        return guard is not None and hit.category in self.policy.guarded

    def _reason(
        self, cause: Cause, *, rule: str | None = None, listed: str | None = None, category: str | None = None
    ) -> Reason:
        matched = {m.category for m in self.found() if m.category not in _GUARDS}
        if self._hits is not None:
            matched.update(hit.category for hit in self._hits)
        if category is not None:
            matched.add(category)
        known = self.policy.categories.get(category) if category else None
        return Reason(
            cause,
            rule=rule,
            list=listed,
            category=category,
            categories=tuple(sorted(matched)),
            decree=known.decree if known else (),
        )


# The order of precedence (contract.md): the first that applies decides.
_CLAUSES: tuple[Callable[[_Case], Verdict | None], ...] = (
    _Case.off_or_paused,  # 1
    _Case.survival_name,  # 2 · without these names a machine cannot join a network or check a certificate
    _Case.closed_hours,  # 3 · bedtime holds for allowed sites too
    _Case.running_permission,  # 4 · what an adult just granted beats what was set before
    _Case.own_lists,  # 5 · the adult's own word beats every list, the shipped ones included
    _Case.category_lists,  # 6 and 7
    _Case.category_patterns,  # 8
    _Case.page_text,  # 9
    _Case.nothing_against_it,  # 10
)


def _path_of(url: str | None) -> str | None:
    """Return path and query of *url*, which begins with ``/``."""
    if url is None:
        return None
    at = url.find("/", url.find("://") + 3)
    return url[at:] if at >= 0 else "/"
