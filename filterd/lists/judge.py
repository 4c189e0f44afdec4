# SPDX-License-Identifier: GPL-3.0-or-later
"""A list as a whole: whether it is one, whether it is all of it, whether it is to be trusted."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from filterd.lists.model import ListError
from filterd.policy.model import Rule
from filterd.policy.rules import Format, ListFormatError, Skip, Tally, parse, refuse_what_is_no_list

SAMPLE_LINES = 500
_HEADER_LINES = 200
_SHRUNK = 0.5  # of the last good copy
_CUT = 0.8  # of what the list's own head promises; duplicates and comments take their share
_DOUBT = 3  # names wrong beyond dispute: one is a slip, three are a way of working
_UNREADABLE = 0.5
_PLAIN = (Format.DOMAINS, Format.HOSTS, Format.WILDCARD)  # what looks like an expression here is another syntax

_declared = re.compile(
    r"[#!;]\s*(?:total |number of )?(?:number of )?(?:unique )?(?:blocked )?(?:entries|domains|rules|hosts)(?: count)?"
    r"\s*[:=]\s*(\d[\d.,'\s]*)$",
    re.IGNORECASE,
).match


@dataclass(slots=True)
class Header:
    """What a list says of itself in its first lines."""

    entries: int = 0  # 0: it does not say

    def watch(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield *lines*, reading the comments among the first."""
        lines = iter(lines)
        for line in itertools.islice(lines, _HEADER_LINES):
            found = _declared(line.strip()) if line[:1] in ("#", "!", ";") else None
            if found:
                self.entries = int(re.sub(r"\D", "", found[1]))
            yield line
        yield from lines


def parse_list(lines: Iterable[str], written_in: Format, tally: Tally, header: Header) -> Iterator[Rule]:
    """Yield the rules of *lines*, which must be a list.

    Raises:
        ListError: it is a web page, binary, or in no syntax that is known.
    """
    lines = iter(lines)
    sample = list(itertools.islice(lines, SAMPLE_LINES))
    try:
        refuse_what_is_no_list(sample)
        yield from parse(header.watch(itertools.chain(sample, lines)), written_in, tally)
    except ListFormatError as error:
        raise ListError(str(error)) from error


def check_readable(written_in: Format, tally: Tally) -> None:
    """Do nothing for a list that was read in the right syntax.

    Raises:
        ListError: most lines could not be read.
    """
    reasons = (Skip.INVALID, Skip.EXPRESSION) if written_in in _PLAIN else (Skip.INVALID,)
    unread = [tally.skipped[reason] for reason in reasons if reason in tally.skipped]
    count = sum(skipped.count for skipped in unread)
    if count > (tally.rules + count) * _UNREADABLE:
        first = min(unread, key=lambda skipped: skipped.line)
        raise ListError(
            f"no list in the format {written_in}: {count} of {tally.lines} lines cannot be read, "
            f"the first is line {first.line}: {first.example!r}"
        )


def check_whole(tally: Tally, header: Header) -> None:
    """Do nothing for a list that holds as much as it says.

    Raises:
        ListError: it holds much less.
    """
    if tally.lines and header.entries * _CUT > tally.lines:
        raise ListError(f"cut: its head promises {header.entries} entries, {tally.rules} came")


def check_count(count: int, previous: int | None, *, accept_shrunk: bool = False) -> None:
    """Do nothing for a list of *count* rules where the copy before had *previous*.

    Raises:
        ListError: it is empty, or lost more than half.
    """
    if count == 0:
        raise ListError("empty: there is no rule in it")
    if previous is not None and count < previous * _SHRUNK and not accept_shrunk:
        raise ListError(
            f"shrunk: {count} rules, the copy from before has {previous}; "
            "if that is right: filterd lists update --accept-shrunk"
        )


def check_claims(clear_faults: int, passed: int) -> None:
    """Do nothing for a list of which most may be taken.

    Raises:
        ListError: most of what it names must stay open.
    """
    if clear_faults > passed:
        raise ListError(
            f"no block list: {clear_faults} of its {clear_faults + passed} names are public suffixes, "
            "shared hosts or sites that must stay open"
        )


def is_doubtful(clear_faults: int) -> bool:
    """Return whether a source with *clear_faults* is to be believed less than what speaks against it."""
    return clear_faults >= _DOUBT
