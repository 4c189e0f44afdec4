# SPDX-License-Identifier: GPL-3.0-or-later
"""Names under which anybody may register: no list may claim one of them whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import publicsuffixlist


@dataclass(frozen=True, slots=True)
class PublicSuffixes:
    """The public suffix list: the registries' part and the private one (blogspot.com, github.io …)."""

    registries: frozenset[str]
    private: frozenset[str]
    wildcards: frozenset[str]  # "ck" for "*.ck": every name right below is a suffix
    exceptions: frozenset[str]  # "www.ck" for "!www.ck": but not these

    def is_suffix(self, name: str) -> bool:
        """Return whether *name* is a public suffix, or a single label: nobody's own."""
        parent = name.partition(".")[2]
        if not parent or name in self.registries or name in self.private:
            return True
        return parent in self.wildcards and name not in self.exceptions

    def is_private(self, name: str) -> bool:
        """Return whether *name* is a suffix that a firm, not a registry, lets its customers register under."""
        return name in self.private

    def registrable(self, name: str) -> tuple[str, str]:
        """Return the part of *name* that somebody registered and the suffix it is under; empty where there is none."""
        below, suffix = "", name
        while not self.is_suffix(suffix):
            below, _, suffix = suffix.partition(".")
        return (f"{below}.{suffix}" if below else "", suffix)


@cache
def load_public_suffixes() -> PublicSuffixes:
    """Return the public suffix list that comes with the library of that name."""
    with Path(publicsuffixlist.PSLFILE).open(encoding="utf-8") as lines:
        return parse_public_suffixes(lines)


def parse_public_suffixes(lines: Iterable[str]) -> PublicSuffixes:
    """Return the list written in *lines*; names come out as A-labels."""
    registries: set[str] = set()
    private: set[str] = set()
    wildcards: set[str] = set()
    exceptions: set[str] = set()
    into = registries
    for line in lines:
        if "===BEGIN PRIVATE DOMAINS===" in line:
            into = private
        entry = line.partition(" ")[0].strip().lower()
        if not entry or entry.startswith("//"):
            continue
        if not entry.isascii():
            entry = entry.encode("idna").decode("ascii")
        if entry.startswith("!"):
            exceptions.add(entry[1:])
        elif entry.startswith("*."):
            wildcards.add(entry[2:])
        else:
            into.add(entry)
    return PublicSuffixes(frozenset(registries), frozenset(private), frozenset(wildcards), frozenset(exceptions))
