# SPDX-License-Identifier: GPL-3.0-or-later
"""The patterns that an adult writes for a profile: ``host:*casino*``, ``url:*/bet/*``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import unquote

from filterd.policy.profile import OwnPatterns

_MAX_LENGTH = 200


@dataclass(frozen=True, slots=True)
class UserPattern:
    """A pattern over a whole host or URL, where ``*`` stands for any text; letters match in either case."""

    where: Literal["host", "url"]
    glob: str
    _pieces: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Cut the glob at its stars."""
        object.__setattr__(self, "_pieces", tuple(self.glob.lower().split("*")))

    def __str__(self) -> str:
        """Return the pattern as it is written."""
        return f"{self.where}:{self.glob}"

    def matches(self, text: str) -> bool:
        """Return whether the pattern covers the whole of *text*, which is in lower case."""
        # Piece by piece with str.find: linear, where a regular expression of many stars may take for ever.
        first, *rest = self._pieces
        if not rest:
            return text == first
        last = rest.pop()
        if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in rest:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True


def parse_user_pattern(text: str) -> UserPattern:
    """Return the pattern that *text* writes.

    Raises:
        ValueError: saying what is wrong with *text* and how a pattern looks.
    """
    where, colon, glob = text.strip().partition(":")
    where = where.lower()
    if not colon or where not in ("host", "url"):
        raise ValueError(f"{text!r} is no pattern: write host:*word* or url:*/word/*")
    if not glob or not glob.strip("*."):
        raise ValueError(f"{text!r} would match everything: name some letters between the stars")
    if len(glob) > _MAX_LENGTH:
        raise ValueError(f"{text[:30]!r}… is longer than {_MAX_LENGTH} characters: shorten the pattern")
    if re.search(r"\s", glob):
        raise ValueError(f"{text!r} holds a space: no host or URL does; write *one*two* for two words")
    if where == "host" and re.search(r"[/?#@:]", glob):
        raise ValueError(f"{text!r} holds a character that no host does: for paths write url:{glob}")
    return UserPattern(cast(Literal["host", "url"], where), glob)


class UserPatterns(OwnPatterns):
    """A profile's own patterns, in the order they were written."""

    def __init__(self, patterns: Iterable[UserPattern]) -> None:
        """Keep *patterns*."""
        self._patterns = tuple(patterns)

    @property
    def texts(self) -> tuple[str, ...]:
        """The patterns as they were written."""
        return tuple(map(str, self._patterns))

    def find(self, host: str, url: str | None, /) -> str | None:
        """Return the first pattern that matches *host* or, where it is known, *url*, as it was written."""
        if not self._patterns:
            return None
        host = host.lower()
        # As it was written and as the server reads it: /%66orbidden/ is /forbidden/.
        urls = {url.lower(), unquote(url).lower()} if url is not None else set()
        for pattern in self._patterns:
            texts = {host} if pattern.where == "host" else urls
            if any(map(pattern.matches, texts)):
                return str(pattern)
        return None
