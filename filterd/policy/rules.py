# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a list, in whatever syntax it is written, as rules."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import assert_never

from filterd.policy.model import Rule
from filterd.policy.rules_adblock import parse_adblock_line
from filterd.policy.rules_detect import Format, ListFormatError, detect_format, refuse_what_is_no_list
from filterd.policy.rules_names import LineParser, Skip, Skipped, Tally, parse_plain_line
from filterd.policy.rules_resolver import parse_dnsmasq_line, parse_unbound_line
from filterd.policy.rules_rpz import RpzParser

__all__ = [
    "Format",
    "ListFormatError",
    "Skip",
    "Skipped",
    "Tally",
    "detect_format",
    "parse",
    "refuse_what_is_no_list",
]

SAMPLE_LINES = 2_000  # enough to see past a long licence at the head of a list

# What nearly every line of a list of a million looks like, decided by one regular expression; the rest takes its time.
# An ordinary name is lower case and its last label cannot be a number, so it needs no normalising.
_NAME = r"((?!localhost\.)(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{1,62})"
_fast_plain = re.compile(rf"(?:(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]+|\*\.)?{_NAME}").fullmatch
_fast_adblock = re.compile(rf"\|\|{_NAME}\^").fullmatch
_fast_dnsmasq = re.compile(rf"(?:address|server(?!.*#)|local(?!.*#))=/{_NAME}/#?").fullmatch
_fast_unbound = re.compile(rf'local-zone: "{_NAME}\." always_n(?:ull|xdomain)').fullmatch
_fast_rpz = re.compile(r"(?!)").fullmatch  # an owner's meaning hangs on the lines before it: no short cut
MAX_NAME = 253

_Fast = Callable[[str], re.Match[str] | None]


def parse(lines: Iterable[str], written_in: Format, tally: Tally) -> Iterator[Rule]:
    """Yield the rules of *lines*; what is left out is counted in *tally*, which is complete when the last rule is out.

    Never raises for what a line says: one bad line is no reason to lose a list.

    Raises:
        ListFormatError: *written_in* is ``AUTO`` and the first lines are in no syntax that is known.
    """
    if written_in is Format.AUTO:
        lines = iter(lines)
        sample = list(itertools.islice(lines, SAMPLE_LINES))
        written_in = detect_format(sample)
        lines = itertools.chain(sample, lines)
    fast, line_parser = _parsers(written_in)
    return _parse_lines(lines, fast, line_parser, tally)


def _parsers(written_in: Format) -> tuple[_Fast, LineParser]:
    match written_in:
        case Format.DOMAINS | Format.HOSTS | Format.WILDCARD | Format.UT1 | Format.AUTO:
            return _fast_plain, parse_plain_line
        case Format.ADBLOCK:
            return _fast_adblock, parse_adblock_line
        case Format.DNSMASQ:
            return _fast_dnsmasq, parse_dnsmasq_line
        case Format.UNBOUND:
            return _fast_unbound, parse_unbound_line
        case Format.RPZ:
            return _fast_rpz, RpzParser()
        case _:
            assert_never(written_in)


def _parse_lines(lines: Iterable[str], fast: _Fast, line_parser: LineParser, tally: Tally) -> Iterator[Rule]:
    number = rules = 0
    line = ""

    def skip(reason: Skip) -> None:
        tally.skip(reason, number, line)

    try:
        for line in lines:
            number += 1
            line = line.strip("\r\n")
            found = fast(line)
            if found and len(found[1]) <= MAX_NAME:
                rules += 1
                yield Rule(found[1])
                continue
            for rule in line_parser(line, skip):
                rules += 1
                yield rule
    finally:
        tally.lines += number
        tally.rules += rules
