# SPDX-License-Identifier: GPL-3.0-or-later
"""The age that a page itself says it is for: labels that sites give so that filters find them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# Restricted To Adults, the label of the adult industry (rtalabel.org).
RTA = "rta-5042-1996-1400-1577-rta"
HEADERS = ("rating", "x-rating", "pics-label", "age-de-meta-label", "age-meta-label", "x-age-label")
_METAS = frozenset({*HEADERS, "voluntary content rating"})

_WORDS = {"adult": 18, "adults": 18, "restricted": 18, "x": 18, "nc-17": 18, "mature": 16, "14 years": 14}
# age-de.xml: "age=18 hash: … v=1.0 kind=sl protocol=all"; other values of *kind* speak of what stands elsewhere too.
_age = re.compile(r"\bage\s*[=:]\s*\"?(\d{1,2})\b").search
# PICS: RSACi counts nudity and sex from 0 to 4, ICRA 2005 marks explicit acts with sa and sb.
_rsaci = re.compile(r"\b[ns]\s+([34])\b").search
_icra = re.compile(r"\bs[ab]\s+1\b").search


def read_age(metas: Iterable[tuple[str, str]], headers: Mapping[str, str]) -> int | None:
    """Return the highest age that *metas* (name, content) and *headers* (names in lower case) ask for, if any does."""
    said = [(name.lower().strip(), content) for name, content in metas]
    said += [(name, headers[name]) for name in HEADERS if name in headers]
    ages = [age for name, content in said if name in _METAS and (age := _age_of(name, content.lower())) is not None]
    return max(ages, default=None)


def _age_of(name: str, content: str) -> int | None:
    if RTA in content:
        return 18
    if name == "pics-label":
        return 18 if _rsaci(content) or _icra(content) else None
    found = _age(content)
    if found:
        return int(found[1]) or None
    return _WORDS.get(" ".join(content.split()))
