# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of this package hand one another: subscriptions, reports, progress."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from filterd.policy.rules import Format, Tally

ALL_CATEGORIES = "all"
MAX_EXAMPLES = 20


class ListError(Exception):
    """A list cannot be had or used; the last good copy stays."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A list that an adult chose. *category* ``"all"`` takes every category of a tree that maps to one of ours."""

    id: str
    category: str
    url: str
    format: Format = Format.AUTO


class State(enum.StrEnum):
    """How a subscription stands."""

    OK = "ok"
    REFUSED = "refused"  # what came last was no good; a copy from before is in use, if there is one
    STALE = "stale"  # nothing came; the same


class Fault(enum.StrEnum):
    """Why a name is not taken from a list."""

    PUBLIC_SUFFIX = "public-suffix"  # nobody's own: all of .com, of gob.mx
    SHARED_HOST = "shared-host"  # a host of strangers' sites: a blog host, an app host
    PRIVATE_ADDRESS = "private-address"  # of one machine or network only, or no host's
    TOO_WIDE = "too-wide"  # a network larger than anything that a list can be about
    SHARED_ADDRESS = "shared-address"  # where sites of many people share an address
    GUARD_SITE = "guard-site"
    GUARD_PLATFORM = "guard-platform"
    INSTITUTION = "institution"  # registered under gov, edu, gob.mx …
    OTHER_CATEGORY = "other-category"  # our own lists know it as something harmless
    # The rest speak only against a source that is doubtful already.
    BELOW_GUARD = "below-guard"
    BELOW_INSTITUTION = "below-institution"
    BENIGN_LIST = "benign-list"
    WORDS = "words"


# Evidence that a careful list may be right against: it counts only where the source has shown that it is not careful.
HELD = frozenset({Fault.BELOW_GUARD, Fault.BELOW_INSTITUTION, Fault.BENIGN_LIST, Fault.WORDS})


# What says nothing against a source: that a resolver stands at a large host is true, we only cannot block it there.
BLAMELESS = HELD | {Fault.SHARED_ADDRESS}


@dataclass(slots=True)
class Dropped:
    """How many names fell to one fault, with the first few."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count *name*."""
        self.count += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(name)


@dataclass(frozen=True, slots=True)
class SkippedLines:
    """How many lines gave no rule for one reason, with the first of them; what a report keeps of a tally."""

    count: int
    line: int
    example: str


def skipped_lines(tally: Tally) -> dict[str, SkippedLines]:
    """Return what *tally* skipped, most often first."""
    most = sorted(tally.skipped.items(), key=lambda item: -item[1].count)
    return {str(reason): SkippedLines(s.count, s.line, s.example) for reason, s in most}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the store: a whole list, or one category of a tree."""

    name: str  # "" for a list that is no tree
    category: str
    file: str
    count: int  # rules in use
    size: int = 0  # bytes of the file, to see that it was cut
    previous_count: int | None = None  # of the copy before; ``None``: this is the first
    updated: datetime | None = None
    error: str = ""  # why the newest version was refused; the file is the last good copy then
    skipped: dict[str, SkippedLines] = field(default_factory=dict)
    dropped: dict[str, Dropped] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meta:
    """All that is known of a subscription's last good copy, and how the last try went."""

    id: str
    url: str
    category: str
    format: Format = Format.AUTO
    licence: str = ""
    state: State = State.STALE
    checked: datetime | None = None  # last try
    fetched: datetime | None = None  # last good copy
    failures: int = 0  # tries in a row that failed
    last_error: str = ""
    etag: str = ""
    modified: str = ""
    context: str = ""  # what it was judged by; judged again when that changes
    doubtful: bool = False
    parts: tuple[Part, ...] = ()

    @property
    def count(self) -> int:
        """The rules in use."""
        return sum(part.count for part in self.parts)

    @property
    def skipped(self) -> dict[str, SkippedLines]:
        """The lines that gave no rule, by reason, most often first, over all parts; the example is the first part's."""
        total: dict[str, SkippedLines] = {}
        for part in self.parts:
            for reason, lines in part.skipped.items():
                before = total.get(reason)
                total[reason] = replace(before, count=before.count + lines.count) if before else lines
        return dict(sorted(total.items(), key=lambda item: -item[1].count))


class Outcome(enum.StrEnum):
    """How an update of one subscription ended."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What came of updating one subscription; *meta* is how it stands now."""

    id: str
    outcome: Outcome
    meta: Meta
    error: str = ""

    @property
    def refused_parts(self) -> Iterable[Part]:
        """The parts of a tree whose newest version was refused."""
        return [part for part in self.meta.parts if part.error]


class Progress(Protocol):
    """Told how an update goes; calls may come from several threads at once."""

    def downloading(self, url: str, received: int, total: int | None) -> None:
        """Say that *received* bytes of *total* have come from *url*; ``None``: the server does not say how many."""

    def judging(self, subscription: str, rules: int) -> None:
        """Say that *rules* of *subscription* have been judged."""

    def finished(self, subscription: str, outcome: Outcome) -> None:
        """Say that *subscription* is done."""


class Silent:
    """A progress that nobody watches."""

    def downloading(self, url: str, received: int, total: int | None) -> None:
        """Do nothing."""

    def judging(self, subscription: str, rules: int) -> None:
        """Do nothing."""

    def finished(self, subscription: str, outcome: Outcome) -> None:
        """Do nothing."""
