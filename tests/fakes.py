# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins that we wrote: small, honest, with the same interfaces as what they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from filterd.policy.domains import depth, suffixes
from filterd.policy.model import AgeBand, Category, Effect, Hit, Match
from filterd.policy.profile import OwnPatterns


class FakeNames:
    """A category database as a dictionary: domain (or domain/path) to (category, list)."""

    def __init__(self, entries: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self._entries = entries

    def find(self, host: str, path: str | None = None, /) -> Sequence[Match]:
        found = [
            Match(domain, depth(domain), category, listed, Effect.BLOCK)
            for domain in suffixes(host)
            for category, listed in self._entries.get(domain, ())
        ]
        url = host + (path or "")
        whole = [
            Match(url, depth(host) + 1, category, listed, Effect.BLOCK)
            for category, listed in (self._entries.get(url, ()) if path else ())
        ]
        return whole + found


class FakePatterns:
    """Keywords found anywhere, each with one category."""

    def __init__(self, keywords: Mapping[str, str]) -> None:
        self._keywords = keywords

    def find_host(self, host: str, /) -> Sequence[Hit]:
        return [Hit(category, 1.0, ((word, 1.0),)) for word, category in self._keywords.items() if word in host]

    def find_url(self, url: str, /) -> Sequence[Hit]:
        return self.find_host(url.partition("://")[2].partition("/")[2])


class FakeOwnPatterns(OwnPatterns):
    """One word that the profile refuses."""

    def __init__(self, word: str) -> None:
        self._word = word

    def find(self, host: str, url: str | None, /) -> str | None:
        return f"host:*{self._word}*" if self._word in host or self._word in (url or "") else None


def category(name: str, *decree: str, optional: bool = False, adult: bool = False) -> Category:
    """Return a category that is blocked for minors (and *adult*), or for nobody if *optional*."""
    minors = frozenset({AgeBand.CHILD, AgeBand.ADOLESCENT})
    bands = frozenset() if optional else minors | ({AgeBand.ADULT} if adult else set())
    texts = dict.fromkeys(("es", "gn", "en", "pt"), name)
    return Category(name, texts, texts, decree, bands, optional=optional)
