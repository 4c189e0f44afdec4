# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that say of themselves that they teach, heal or serve the public."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from filterd.lists.suffixes import PublicSuffixes

_SECTIONS = ("speaks-for", "speaks-against")


@dataclass(frozen=True, slots=True)
class Words:
    """Words that speak for a name and words that speak against it, as a claim of a doubtful list is weighed.

    Only the label that somebody registered with a registry is read: anybody may call a blog what they like.
    """

    _speak_for: re.Pattern[str]
    _speak_against: re.Pattern[str]
    _hint: re.Pattern[str]

    def may_speak_for(self, name: str) -> bool:
        """Return whether it is worth the while to ask ``speak_for``; fast, for it is asked of millions of names."""
        return self._hint.search(name.replace("-", "")) is not None

    def speak_against(self, name: str) -> bool:
        """Return whether a word against it is anywhere in *name*."""
        return self._speak_against.search(f".{name}.") is not None

    def speak_for(self, name: str, suffixes: PublicSuffixes) -> bool:
        """Return whether *name* is a registered name (or ``www.`` before it) that the words speak for."""
        registered, suffix = suffixes.registrable(name)
        if not registered or suffixes.is_private(suffix) or name.removeprefix("www.") != registered:
            return False
        label = registered[: -len(suffix) - 1].replace("-", "")
        rest, found = self._speak_for.subn(" ", f".{label}.{suffix}.")
        return found > 0 and not self._speak_against.search(rest)


_NOTHING = re.compile(r"(?!)")
NO_WORDS = Words(_NOTHING, _NOTHING, _NOTHING)


def parse_words(lines: Iterable[str], *, origin: str = "words.txt") -> Words:
    """Return the words in *lines*: one each, ``^`` before and ``$`` after it for the label's ends, in two sections.

    Raises:
        ValueError: naming *origin* and the line that is no word.
    """
    sections: dict[str, list[str]] = {section: [] for section in _SECTIONS}
    current: list[str] | None = None
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if text.startswith("[") and text.endswith("]") and text[1:-1] in sections:
            current = sections[text[1:-1]]
        elif current is None or not re.fullmatch(r"\^?[a-z0-9]+\$?", text):
            raise ValueError(f"{origin}: line {number}: {text!r} is no word and no section ({', '.join(_SECTIONS)})")
        else:
            current.append(text)
    speak_for, speak_against = (sections[section] for section in _SECTIONS)
    return Words(_compile(speak_for), _compile(speak_against), _compile_hint(speak_for))


def _compile(words: list[str]) -> re.Pattern[str]:
    # Labels come with a dot before and after them, so a label's ends are dots.
    longest_first = sorted(words, key=len, reverse=True)
    shown = [word.replace("^", r"(?<=\.)").replace("$", r"(?=\.)") for word in longest_first]
    return re.compile("|".join(shown)) if shown else _NOTHING


type _Tree = dict[str, _Tree]


def _compile_hint(words: list[str]) -> re.Pattern[str]:
    """Return a pattern that finds every word, ends left out; written as a tree it is five times as fast as a list."""
    tree: _Tree = {}
    for word in words:
        branch = tree
        for letter in word.strip("^$"):
            branch = branch.setdefault(letter, {})
        branch[""] = {}
    return re.compile(_tree_pattern(tree)) if tree else _NOTHING


def _tree_pattern(tree: _Tree) -> str:
    if "" in tree:  # a word ends here: longer ones add nothing to a hint
        return ""
    branches = [letter + _tree_pattern(branch) for letter, branch in sorted(tree.items())]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
