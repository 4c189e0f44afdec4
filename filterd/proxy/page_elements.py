# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the elements of a page begin and end, as far as it takes to cut one out of it cleanly."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

_MAX_CUT = 64 << 10  # letters; a longer element is more than a link or one result
_BLOCKS = frozenset({"div", "li", "article", "section", "td"})
_TRACKED = _BLOCKS | {"a", "iframe", "video", "audio", "object", "amp-img", "ul", "ol", "table"}
_ENDS_BY_ITSELF = {"li": frozenset({"li"}), "td": frozenset({"td"})}
_OWNERS = {"li": frozenset({"ul", "ol"}), "td": frozenset({"table"})}

# How search engines mark one result among many (Google, Bing, DuckDuckGo, Yahoo, Brave, Ecosia, Qwant, SearX).
_result = re.compile(
    r"""(?:class|data-testid|data-component-type|role)\s*+=\s*+["']?[^"'>]*?(?<![\w-])(?:g|MjjYud|tF2Cxc|isv-r|b_algo|imgpt|dg_u"""
    r"""|algo|dd|result|search-result|web-result|result-item|results_links(?:_deep)?|tile|snippet|listitem)(?![\w-])""",
    re.IGNORECASE,
).search


@dataclass(frozen=True, slots=True)
class Cut:
    """Letters from *begin* to *end* go; *put* comes in their place."""

    begin: int
    end: int
    put: str = ""


@dataclass(slots=True)
class _Open:
    name: str
    begin: int
    is_result: bool = False
    refused: bool = False  # as a result: it leads to a refused place
    others: bool = False  # … and elsewhere too
    note: str = ""  # it is to be taken out
    instead: list[Cut] = field(default_factory=list)  # … or, where its end is not found, these


class Outline:
    """The elements that are open at a place of the page."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._count: Counter[str] = Counter()

    def open(self, name: str, tag: str, begin: int, *, results: bool) -> list[Cut]:
        """Take in the start *tag* of *name* at *begin*; return what is known to be cut now."""
        if name not in _TRACKED:
            return []
        cuts: list[Cut] = []
        if name in _ENDS_BY_ITSELF:
            cuts = self._end_before(name, begin)
        elif name == "a" and self._count["a"]:
            cuts = self._pop_to("a", begin, begin, clean=False)  # a link ends where the next begins
        marked = results and name in _BLOCKS and (name in ("li", "article") or bool(_result(tag)))
        self._open.append(_Open(name, begin, is_result=marked))
        self._count[name] += 1
        return cuts

    def close(self, name: str, begin: int, end: int) -> list[Cut]:
        """Take in the end tag of *name* from *begin* to *end*; return what is known to be cut now."""
        return self._pop_to(name, begin, end, clean=True) if self._count[name] else []

    def remove(self, instead: list[Cut], note: str) -> None:
        """Say that the element that was opened last is to go, and with it the result that it stands in."""
        last = self._open[-1]
        last.note, last.instead = note, instead
        result = self._enclosing_result()
        if result is not None:
            result.refused = True
            result.note = note

    def note_other(self) -> None:
        """Say that a link leads elsewhere, to a place that is not refused."""
        for entry in reversed(self._open):
            if entry.is_result:
                entry.others = True

    def end(self) -> list[Cut]:
        """Return what is to be cut where elements never ended."""
        cuts = [cut for entry in self._open for cut in entry.instead]
        self._open.clear()
        self._count.clear()
        return cuts

    def _enclosing_result(self) -> _Open | None:
        return next((entry for entry in reversed(self._open) if entry.is_result), None)

    def _end_before(self, name: str, begin: int) -> list[Cut]:
        """End an element of *name* that nothing ended: not if what it belongs to was opened inside."""
        for entry in reversed(self._open):
            if entry.name in _OWNERS[name]:
                return []
            if entry.name == name:
                return self._pop_to(name, begin, begin, clean=True)
        return []

    def _pop_to(self, name: str, begin: int, end: int, *, clean: bool) -> list[Cut]:
        """Close the innermost *name*, and what is open in it; what lacks an end tag and needs one is not *clean*."""
        cuts: list[Cut] = []
        while self._open:
            entry = self._open.pop()
            self._count[entry.name] -= 1
            if entry.name == name:
                cuts += _cuts_of(entry, end, clean=clean)
                break
            cuts += _cuts_of(entry, begin, clean=entry.name in _ENDS_BY_ITSELF)
        return cuts


def _cuts_of(entry: _Open, end: int, *, clean: bool) -> list[Cut]:
    goes = bool(entry.note) and not (entry.is_result and (entry.others or not entry.refused))
    if goes and clean and end - entry.begin <= _MAX_CUT:
        return [Cut(entry.begin, end, entry.note)]
    return entry.instead
