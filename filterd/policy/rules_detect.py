# SPDX-License-Identifier: GPL-3.0-or-later
"""Which syntax a list is written in, told from its first lines."""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Sequence


class Format(enum.StrEnum):
    """The syntaxes of lists."""

    AUTO = "auto"
    DOMAINS = "domains"
    HOSTS = "hosts"
    WILDCARD = "wildcard"
    DNSMASQ = "dnsmasq"
    UNBOUND = "unbound"
    ADBLOCK = "adblock"
    RPZ = "rpz"
    UT1 = "ut1"


class ListFormatError(ValueError):
    """What came is no list, or a list in a syntax that is not known."""


_ADDRESS = r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*)"
_LABEL = r"[^\s./:#$|^<>=,;\"'(){}\[\]@?!&*]{1,63}"
_NAME = rf"(?:{_LABEL}\.)+{_LABEL}\.?"
# The first that matches names the syntax; the order matters where one line could be two things.
_kinds: tuple[tuple[Format, re.Pattern[str]], ...] = (
    (Format.ADBLOCK, re.compile(r"\[adblock|@@|\|\|?\S|[^\s#]*#@?[?$%]?#\S|/.*/(\$\S*)?$|\S+\$\S+", re.IGNORECASE)),
    (Format.DNSMASQ, re.compile(r"(?:--)?(?:address|server|local)\s*=\s*/")),
    (Format.UNBOUND, re.compile(r"server:\s*$|local-(?:zone|data)(?:-ptr)?:")),
    (Format.RPZ, re.compile(r"\$(?:TTL|ORIGIN)\b|\S*\s+(?:\S+\s+){0,2}(?:CNAME|SOA|NS)\s+\S+", re.IGNORECASE)),
    (Format.WILDCARD, re.compile(rf"\*\.{_NAME}\s*(?:#|$)")),
    (Format.HOSTS, re.compile(rf"{_ADDRESS}(?:%\w+)?\s+{_LABEL}(?:\.{_LABEL})*\.?(?:\s|#|$)")),
    (Format.DOMAINS, re.compile(rf"(?:{_ADDRESS}(?:/\d{{1,3}})?|\.?{_NAME}|https?://{_NAME}/?)\s*(?:#|$)")),
    (Format.UT1, re.compile(rf"(?:https?://)?(?:{_NAME}|{_ADDRESS})(?::\d+)?/\S*\s*(?:#|$)")),
)
_comment = re.compile(r"(?:#(?!#\S|@#)|!|;|//)").match
_web_page = re.compile(r"\s*(?:<!doctype|<html|<head|<body|<\?xml|<!--|<rss|<svg)", re.IGNORECASE).match
_json = re.compile(r"\s*(?:\{\s*(?:[\"}]|$)|\[\s*(?:[\"{\[\]\d-]|$))").match
_unprintable = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]").findall
_MAX_UNPRINTABLE = 0.02  # a list may have a few names in an old encoding
_ENOUGH = 0.25  # of the telling lines: hosts lines and bare names are mixed into adblock lists, not the other way round
_MAX_UNKNOWN = 0.5


def detect_format(sample: Sequence[str]) -> Format:
    """Return the syntax that most lines of *sample* are written in.

    A sample of nothing but comments is a list of domains that is empty; whether that may be is for others to say.

    Raises:
        ListFormatError: the sample is a web page, JSON, binary or in no syntax that is known.
    """
    refuse_what_is_no_list(sample)
    votes: Counter[Format | None] = Counter()
    for line in sample:
        text = line.strip().removeprefix("\ufeff")
        if text and (not _comment(text) or text.startswith("#@#")):
            votes[_kind(text)] += 1
    total = votes.total()
    if votes[None] > total * _MAX_UNKNOWN:
        raise ListFormatError("no list: most lines are in no syntax that filterd knows")
    known = total - votes[None]
    for syntax, _ in _kinds:
        if syntax not in (Format.DOMAINS, Format.UT1) and votes[syntax] >= max(1, known * _ENOUGH):
            return syntax
    return Format.UT1 if votes[Format.UT1] > votes[Format.DOMAINS] else Format.DOMAINS


def refuse_what_is_no_list(sample: Sequence[str]) -> None:
    """Do nothing for what may be a list.

    Raises:
        ListFormatError: the sample is a web page, JSON or binary.
    """
    text = "\n".join(sample).removeprefix("\ufeff")
    if _web_page(text):
        raise ListFormatError("no list: a web page came instead (an error page, or the address is wrong)")
    if _json(text):
        raise ListFormatError("no list: JSON came instead")
    if "\x00" in text or len(_unprintable(text)) > len(text) * _MAX_UNPRINTABLE:
        raise ListFormatError("no list: binary content came instead of text")


def _kind(text: str) -> Format | None:
    return next((syntax for syntax, pattern in _kinds if pattern.match(text)), None)
