# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about names before a list says anything: the grounds on which its claims are judged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from filterd.lists.model import Fault
from filterd.lists.suffixes import PublicSuffixes, load_public_suffixes
from filterd.lists.words import NO_WORDS, Words
from filterd.policy.model import GUARD_PLATFORM, GUARD_SITE
from filterd.policy.networks import NetworkSet

# The guard never opens these (contract, order of precedence, clause 6): the danger does not ask what a host is for.
UNGUARDED = frozenset({"anonymizers", "malware", "phishing"})
OPTIONAL = frozenset({"social", "games", "video", "chat"})
# Lists of these are gathered by searching for words, and hold what merely has the word in its name. (Rogue pharmacies
# and swindlers, on the other hand, dress up in words of health and care.)
WORD_GATHERED = frozenset({"pornography", "adult", "dating"})


@dataclass(frozen=True, slots=True)
class JudgeContext:
    """The grounds, as whoever puts the program together hands them in; all names normalised.

    Args:
        sites: the guard's sites; a public suffix among them (``gov.py``) stands for all that is registered under it.
        platforms: the guard's platforms.
        hosting_parents: hosts of strangers' sites beside those of the public suffix list; ``blogspot.*`` is it under
            every registry.
        memberships: names of our own category lists, each with its categories.
        words: words that speak for a name.
        shared: where sites of many people share an address.
        unguarded: categories that the guard never opens.
        optional: categories outside the decree; being in one is harmless in itself.
    """

    sites: Set[str] = frozenset()
    platforms: Set[str] = frozenset()
    hosting_parents: Set[str] = frozenset()
    memberships: Mapping[str, Set[str]] = field(default_factory=dict)
    words: Words = NO_WORDS
    shared: NetworkSet = field(default_factory=NetworkSet)
    unguarded: Set[str] = UNGUARDED
    optional: Set[str] = OPTIONAL
    suffixes: PublicSuffixes = field(default_factory=load_public_suffixes)

    def digest(self) -> str:
        """Return a short text that changes when the grounds do: a list is judged anew then."""
        digest = hashlib.sha256()
        members = (f"{name} {' '.join(sorted(of))}" for name, of in self.memberships.items())
        for names in (self.sites, self.platforms, self.hosting_parents, members, self.unguarded, self.optional):
            digest.update("\n".join(sorted(names)).encode() + b"\0")
        digest.update(repr(self.words).encode() + self.shared.digest())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Grounds:
    """The context as one category's names are looked up in it, fast."""

    equal: Mapping[str, Fault]  # what is wrong with naming exactly this
    below: Mapping[str, Fault]  # what is wrong with naming anything below this
    just_below: Mapping[str, Fault]  # the same, for names right below it: they come before *below*
    words: Callable[[str], bool] | None  # whether words may speak for the name
    guarded: bool


def lay_grounds(context: JudgeContext, category: str, benign: Iterable[str] = ()) -> Grounds:
    """Return the grounds on which claims for *category* are judged.

    *benign* are names that lists of harmless sites hold.
    """
    opens = category in (GUARD_SITE, GUARD_PLATFORM)
    guarded = not opens and category not in context.unguarded and category not in context.optional
    suffixes = context.suffixes
    equal: dict[str, Fault] = {}
    below: dict[str, Fault] = {}
    just_below: dict[str, Fault] = dict.fromkeys(suffixes.wildcards, Fault.PUBLIC_SUFFIX)
    if guarded:
        for name in benign:
            _add_with_www(equal, name, Fault.BENIGN_LIST)
        equal |= dict.fromkeys(_known_otherwise(context, category), Fault.OTHER_CATEGORY)
        _add_guard(context, equal, below, just_below)
    if opens:  # whoever writes such a list, it opens nothing that we know to be harmful
        harmful = (name for name, of in context.memberships.items() if not of <= context.optional)
        equal |= dict.fromkeys(harmful, Fault.OTHER_CATEGORY)
    if category not in context.optional:  # a network of people's pages is what the category *social* is about
        for parent in _expand(context.hosting_parents, suffixes):
            _add_with_www(equal, parent, Fault.SHARED_HOST)
    equal |= dict.fromkeys(suffixes.private, Fault.SHARED_HOST)
    equal |= dict.fromkeys(suffixes.registries, Fault.PUBLIC_SUFFIX)
    for name in suffixes.exceptions:
        just_below.pop(name, None)
    words = context.words.may_speak_for if guarded and category in WORD_GATHERED else None
    return Grounds(equal, below, just_below, words, guarded)


def _known_otherwise(context: JudgeContext, category: str) -> Iterator[str]:
    """Yield the names that our own lists know as something that is harmless in itself."""
    # Rooms where strangers meet are what porn and dating lists are about as well.
    harmless = context.optional - {"chat"} if category in WORD_GATHERED else context.optional
    for name, categories in context.memberships.items():
        if categories <= context.optional and categories & harmless and not context.words.speak_against(name):
            yield name
            yield f"www.{name}"


def _add_guard(
    context: JudgeContext, equal: dict[str, Fault], below: dict[str, Fault], just_below: dict[str, Fault]
) -> None:
    for name in context.platforms:
        _add_with_www(equal, name, Fault.GUARD_PLATFORM)
    for name in context.sites:
        if context.suffixes.is_suffix(name):  # only institutions may register there
            below[name] = Fault.BELOW_INSTITUTION
            just_below[name] = Fault.INSTITUTION
        else:
            # Its own hosts, not the pages that strangers have on it: those are deeper, or the site is no site.
            just_below[name] = Fault.BELOW_GUARD
            _add_with_www(equal, name, Fault.GUARD_SITE)


def _add_with_www(into: dict[str, Fault], name: str, fault: Fault) -> None:
    into[name] = into[f"www.{name}"] = fault


def _expand(parents: Iterable[str], suffixes: PublicSuffixes) -> Iterable[str]:
    for parent in parents:
        if parent.endswith(".*"):
            yield from (f"{parent[:-1]}{suffix}" for suffix in suffixes.registries)
        else:
            yield parent
