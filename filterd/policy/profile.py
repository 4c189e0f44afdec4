# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for one person or group: the choices an adult makes."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from filterd.policy.model import AgeBand, Category
from filterd.policy.safesearch import YouTube
from filterd.policy.schedule import Schedule


class Record(enum.StrEnum):
    """What of a profile's traffic is kept: domains only, never query strings."""

    NONE = "none"
    BLOCKED = "blocked"
    ALL = "all"


class OwnPatterns:
    """No patterns of the profile's own; the base of what the matcher compiles from them."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The patterns as they were written."""
        return ()

    def find(self, host: str, url: str | None, /) -> str | None:  # noqa: ARG002 (the signature of those that look)
        """Return the first pattern that matches *host* or *url*, as it was written."""
        return None


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as the policy uses it: names normalised, patterns compiled."""

    id: str
    blocked_categories: frozenset[str] = frozenset()
    safe_search: bool = False
    youtube: YouTube = YouTube.OFF
    inspect: bool = False
    only_allowed: bool = False
    block_unsafe_search: bool = False
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    own_patterns: OwnPatterns = field(default_factory=OwnPatterns)
    schedule: Schedule = field(default_factory=Schedule)
    record: Record = Record.BLOCKED
    band: AgeBand = AgeBand.CHILD  # whose thresholds page text is judged by: the strictest where nothing is said
    thresholds: Mapping[str, float] = field(default_factory=dict)  # category → probability, in place of the band's


@dataclass(frozen=True, slots=True)
class Preset:
    """Where an age band starts; every choice may be changed in the configuration."""

    blocked_categories: frozenset[str]
    safe_search: bool
    youtube: YouTube
    inspect: bool
    block_unsafe_search: bool


def preset(band: AgeBand, categories: Iterable[Category]) -> Preset:
    """Return the starting choices of *band*, its blocked categories by the categories' own defaults."""
    minor = band is not AgeBand.ADULT
    youtube = {AgeBand.CHILD: YouTube.STRICT, AgeBand.ADOLESCENT: YouTube.MODERATE, AgeBand.ADULT: YouTube.OFF}
    return Preset(
        blocked_categories=frozenset(c.id for c in categories if band in c.blocked_for),
        safe_search=minor,
        youtube=youtube[band],
        inspect=minor,
        block_unsafe_search=band is AgeBand.CHILD,
    )
