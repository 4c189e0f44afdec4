# SPDX-License-Identifier: GPL-3.0-or-later
"""The core types: what is asked, what is answered, and why."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol


class Stage(enum.IntEnum):
    """How much is known: each stage knows more than the last."""

    QUERY = 1  # a DNS question: the name
    HELLO = 2  # a TLS ClientHello or a CONNECT: the name a client claims
    REQUEST = 3  # an HTTP request: the whole URL
    RESPONSE = 4  # a page: its text


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks. ``None`` means *not known* (or, for *profile*, *the policy chooses*)."""

    address: str | None = None
    user: str | None = None
    device: str | None = None
    profile: str | None = None  # fixed by the listener that the client came in by


@dataclass(frozen=True, slots=True, repr=False)  # what was decrypted must not get into a log by a careless %r
class PageView:
    """What a reader sees of a page. In each text BREAK (page_words) stands where a block ends.

    *headings* are part of *text* too. *hosts* are where its links, frames and images lead, *age_label* the age from
    which the page says itself that it is fit, ``None`` where it says nothing.
    """

    text: str = ""
    title: str = ""
    headings: str = ""
    description: str = ""  # what it says of itself to search engines
    hosts: tuple[str, ...] = ()
    age_label: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the policy. ``None`` means *not known yet* at this stage."""

    stage: Stage
    client: Client
    when: datetime  # aware
    host: str  # as returned by domains.normalise_host
    url: str | None = None  # absolute, host already normalised
    text: str | None = field(default=None, repr=False)  # a plain text; what was taken of a page stands in *page*
    page: PageView | None = field(default=None, repr=False)


class Cause(enum.StrEnum):
    """The clause of the order of precedence (contract.md) that decided; front ends translate it."""

    PROTECTION_OFF = "protection-off"
    SURVIVAL = "survival"
    CLOSED_HOURS = "closed-hours"
    PERMISSION = "permission"
    ALLOW_LIST = "allow-list"
    DENY_LIST = "deny-list"
    ONLY_ALLOWED = "only-allowed"
    OWN_PATTERN = "own-pattern"
    GUARD_SITE = "guard-site"
    GUARD_PLATFORM = "guard-platform"
    CATEGORY_LIST = "category-list"
    CATEGORY_PATTERN = "category-pattern"
    PAGE_TEXT = "page-text"
    AGE_LABEL = "age-label"  # the page says itself that it is for older people
    CATEGORY_OPEN = "category-open"  # a category matched that this profile leaves open
    SAFE_SEARCH = "safe-search"
    NO_SAFE_MODE = "no-safe-mode"
    INVALID_HOST = "invalid-host"
    FAILURE = "failure"  # a bug or a dead part: closed, never open


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: answers the log, the block page, the panel and ``filterd check``.

    *rule* is the entry that matched (a domain, a pattern, a schedule slot), *list* the id of the list that
    holds it, *category* the one that decided; *categories* are all that matched, *decree* the items of Art. 2.
    """

    cause: Cause
    rule: str | None = None
    list: str | None = None
    category: str | None = None
    categories: tuple[str, ...] = ()
    decree: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allow:
    """Let it through; *reason* is ``None`` where no clause spoke."""

    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Refuse it."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Let it through, answered by *host* (the engine's own safe-search host)."""

    reason: Reason
    host: str


Verdict = Allow | Block | Rewrite


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with the question and the profile it was given under; what activity keeps."""

    request: Request
    verdict: Verdict
    profile: str


class Decide(Protocol):
    """What an adapter is handed. Never raises for a well-formed *request*."""

    def __call__(self, request: Request, /) -> Decision: ...


class Effect(enum.IntEnum):
    """What a line of a list says about the names it covers."""

    BLOCK = 0
    EXCEPT = 1  # adblock's @@: takes back what the *same list* blocks
    IMPORTANT = 2  # adblock's $important: an exception does not take it back


class Rule(NamedTuple):
    """One entry of a list, parsed. A tuple, for lists hold millions.

    *domain* is normalised; it may be an IP address or, with *below* false, a network in canonical text
    (203.0.113.0/24). *path* begins with ``/`` and makes it a URL rule, which covers that path on exactly *domain* (and
    ``www.`` before it) and what is below the path.
    """

    domain: str
    path: str | None = None
    apex: bool = True  # the name itself
    below: bool = True  # every name under it
    effect: Effect = Effect.BLOCK


@dataclass(frozen=True, slots=True)
class RuleList:
    """A list as it was taken in: its rules and where they come from. A tree of many categories is one of these each."""

    id: str
    category: str
    rules: Iterable[Rule]  # may stream: lists hold millions
    source: str = ""  # URL, or "shipped"
    licence: str = ""
    date: datetime | None = None


class Match(NamedTuple):
    """An entry of the database that covers a name or URL."""

    rule: str  # the entry as a person reads it: "example.com", "example.com/path"
    # Labels of the entry's domain; for what covers an address, its prefix length; a URL entry counts one more.
    # Higher is more specific.
    depth: int
    category: str  # a category's id, or GUARD_SITE / GUARD_PLATFORM
    list: str  # the id of the list that says so
    effect: Effect


GUARD_SITE = "never-block-site"
GUARD_PLATFORM = "never-block-platform"


class Names(Protocol):
    """What the policy needs of the category database."""

    def find(self, host: str, path: str | None = None, /) -> Sequence[Match]:
        """Return every entry that covers *host* (and *path*, which begins with ``/``), most specific first."""


class Hit(NamedTuple):
    """A category that patterns speak for: *score* at or above 1.0 is a match, *evidence* what was seen."""

    category: str
    score: float
    evidence: tuple[tuple[str, float], ...]  # pattern, contribution; strongest first


class Patterns(Protocol):
    """What the policy needs of the matcher: one pass over a host or a URL."""

    def find_host(self, host: str, /) -> Sequence[Hit]:
        """Return the categories that *host* matches (score ≥ 1.0), strongest first."""

    def find_url(self, url: str, /) -> Sequence[Hit]:
        """Return the categories that the path and query of *url* match (score ≥ 1.0), strongest first."""


class Evidence(NamedTuple):
    """A phrase that counted: how often it stands there and what it added to the log-odds (or took from them)."""

    phrase: str
    times: int
    contribution: float


class PageScore(NamedTuple):
    """How probable it is, from 0 to 1, that a page is of *category*; *evidence* has the strongest first."""

    category: str
    probability: float
    evidence: tuple[Evidence, ...]


class Scorer(Protocol):
    """What the policy needs to judge the text of pages."""

    def score(self, page: PageView, /) -> Sequence[PageScore]:
        """Return what *page* is, the most probable category first; categories that nothing speaks for are left out."""

    def threshold(self, category: str, band: AgeBand, /) -> float:
        """Return the probability from which a page counts as *category* for people of *band*."""


class AgeBand(enum.StrEnum):
    """The law's bands (Ley 2169/03): children to 13, adolescents 14 to 17, adults from 18."""

    CHILD = "child"
    ADOLESCENT = "adolescent"
    ADULT = "adult"


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of content. *names* and *descriptions* are keyed by language: es, gn, en, pt."""

    id: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    decree: tuple[str, ...]  # items of Art. 2
    blocked_for: frozenset[AgeBand]  # default by age
    optional: bool = False  # outside the decree: off unless the adult chooses it
    test_name: str = ""  # a harmless name that always matches: "gambling.prueba.home.arpa"
