# SPDX-License-Identifier: GPL-3.0-or-later
"""Which texts of a cut page a reader sees, and where one block of them ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from filterd.policy.page_words import BREAK
from filterd.proxy.page_markup import attributes, held, tag_name

# Inline elements are marked where they open and close: one right after another stands apart (a menu), one inside a
# word does not break it (c<span>asino</span>).
_OPENS, _CLOSES = "\x1c", "\x1d"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCKS = _names("""
    address article aside audio blockquote body br button canvas caption center dd details dialog dir div dl dt embed
    fieldset figcaption figure footer form frame h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe img input legend
    li link main map menu meta meter nav noembed noframes noscript object ol optgroup option p picture plaintext pre
    progress script search section select style summary svg table tbody td template textarea tfoot th thead title tr
    ul video xmp
""")
_PART_OF_A_WORD = _names("""
    abbr acronym b bdi bdo big code del dfn em font i ins kbd mark nobr s samp small strike strong sub sup tt u var wbr
""")
_LINKS = _names("a area img iframe frame video audio source embed")
_TEXT_BOXES = _names("textarea xmp")
_SILENT = _names("style iframe noembed noframes")
_HEADINGS = _names("h1 h2 h3")

# What may be hidden: elements that end at their own end tag (a p or li ends at the next one too).
_MAY_HIDE = _names("div section article aside nav header footer main form ul ol dialog figure")
_MAY_HIDE_INLINE = _names("span a")
# Start tags that end what is open around them, unless what they belong to was opened inside.
_BELONGS_TO = {
    **dict.fromkeys(("tr", "td", "th", "tbody", "thead", "tfoot", "caption", "col", "colgroup"), ("table",)),
    "li": ("ul", "ol", "menu", "dir"),
    **dict.fromkeys(("dd", "dt"), ("dl",)),
    **dict.fromkeys(("option", "optgroup"), ("select", "datalist")),
    **dict.fromkeys(("body", "frameset"), ()),
}
_VOID = _names("area base br col embed frame hr img input link meta source track wbr")
_HOLDING_BLOCKS = _BLOCKS - _VOID

_hiding_style = re.compile(
    r"display\s*+:\s*+none|visibility\s*+:\s*+(?:hidden|collapse)|(?:left|top|text-indent)\s*+:\s*+-\d{3}",
    re.IGNORECASE,
).search
_spoken = re.compile(
    r"""[\s"'/](?:alt|title|aria-label|placeholder|label)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+))""",
    re.IGNORECASE,
).findall
_host = re.compile(r"""=\s*+["']?\s*+(?:https?:)?//(?:[^\s/?#"'<>\\@]*+@)?([\w.-]+)""", re.IGNORECASE).search


@dataclass(slots=True)
class Shown:
    """What was found; *hides* says that something was left out because it is hidden."""

    text: str = ""
    title: str = ""
    headings: str = ""
    metas: list[str] = field(default_factory=list)
    linked_data: list[str] = field(default_factory=list)
    hosts: tuple[str, ...] = ()
    hides: bool = False


def read_shown(texts: list[str], tags: Sequence[str], *, hiding: bool) -> Shown:
    """Return what a reader sees of the page cut into *texts* and *tags* (page_markup.cut).

    With *hiding*, what the page's own markup hides is left out: bad neighbours put their words into other people's
    pages that way, and words may be put there to speak for a harmful page. Style sheets are not looked at.
    """
    return _Reading(texts, tags, hiding=hiding).result() or _Reading(texts, tags, hiding=False).read()


class _Reading:
    """One way through a page."""

    def __init__(self, texts: list[str], tags: Sequence[str], *, hiding: bool) -> None:
        self._texts = list(texts) if hiding else texts
        self._tags = tags
        self._at = 0  # of the tag that comes next
        self._found = Shown()
        self._out: list[str] = []
        self._headings: list[str] = []
        self._heading_at = -1
        self._hidden_tags: set[str] = set()
        self._endless = False  # a hidden element that nothing ends
        self._stands_for = {tag: _stands_for(tag, hiding=hiding) for tag in set(tags)}

    def result(self) -> Shown | None:
        """Return what was found; ``None`` where hidden parts do not end, so that nothing can be said of them."""
        found = self.read()
        return None if self._endless else found

    def read(self) -> Shown:
        """Return what was found."""
        put, stands_for, texts, tags = self._out.append, self._stands_for, self._texts, self._tags
        while self._at < len(tags):
            at = self._at
            self._at = at + 1
            if texts[at]:
                put(texts[at])
            sign = stands_for[tags[at]]
            if sign:
                put(sign)
            elif sign is None:
                self._special(tags[at])
        put(texts[-1])
        found = self._found
        found.text = _joined(self._out)
        found.headings = _joined(self._headings)
        found.hosts = self._hosts()
        return found

    def _special(self, tag: str) -> None:
        """Take in a *tag* that does more than stand for a sign."""
        name = tag_name(tag)
        if name in _HEADINGS:
            self._heading(opens=tag[1] != "/")
        elif name == "meta":
            self._found.metas.append(tag)
        elif name == "title":
            self._title(held(tag))
        elif name == "script":
            self._found.linked_data.append(held(tag))
        elif name in _TEXT_BOXES:
            self._out += (BREAK, held(tag), BREAK)
        else:
            self._hide(name)

    def _heading(self, *, opens: bool) -> None:
        self._out.append(BREAK)
        if opens:
            self._heading_at = len(self._out)
        elif self._heading_at >= 0:
            self._headings += [*self._out[self._heading_at :], BREAK]
            self._heading_at = -1

    def _title(self, text: str) -> None:
        if self._found.title:
            self._out += (BREAK, text, BREAK)  # of a drawing
        else:
            self._found.title = text

    def _hide(self, name: str) -> None:
        """Pass over what the element *name*, just opened, holds."""
        opened = Counter((name,))
        begin = self._at
        self._out.append(BREAK)
        for at in range(begin, len(self._tags)):
            tag = self._tags[at]
            inner = tag_name(tag)
            if tag[1:2] == "/":
                opened[inner] -= 1
                if opened[name] == 0 or opened[inner] < 0:
                    break
            elif _ends_region(name, inner, opened):
                break
            elif inner not in _VOID:
                opened[inner] += 1
        else:
            self._endless = True
            self._at = len(self._tags)
            return
        self._found.hides = True
        self._hidden_tags.update(self._tags[begin:at])
        self._at = at  # the tag that ended it is read like all; the text before it is hidden
        self._texts[at] = ""

    def _hosts(self) -> tuple[str, ...]:
        hosts: dict[str, None] = {}
        for tag in self._stands_for:
            if "//" in tag and tag not in self._hidden_tags and tag_name(tag) in _LINKS and tag[1] != "/":
                found = _host(tag)
                if found:
                    hosts[found[1].lower().rstrip(".")] = None
        return tuple(sorted(hosts))


def _ends_region(region: str, inner: str, opened: Counter[str]) -> bool:
    """Return whether the start of *inner* ends the hidden element *region*, as it does in a browser."""
    if region in _MAY_HIDE_INLINE and (inner in _HOLDING_BLOCKS or inner == "a"):
        return True  # it closes a paragraph around, or the link
    owners = _BELONGS_TO.get(inner)
    return owners is not None and not any(opened[owner] > 0 for owner in owners)


def _stands_for(tag: str, *, hiding: bool) -> str | None:
    """Return what *tag* puts into the text; ``None`` for one that does more."""
    name = tag_name(tag)
    if not name:
        return ""
    if tag[1] == "/":
        if name in _HEADINGS:
            return None
        return BREAK if name in _BLOCKS else "" if name in _PART_OF_A_WORD else _CLOSES
    if name in _HEADINGS or name in _TEXT_BOXES or name in ("meta", "title"):
        return None
    if name == "script":
        return None if "ld+json" in tag[:200] else BREAK
    if name in _SILENT:
        return BREAK
    low = tag.lower()
    may_hide = name in _MAY_HIDE or name in _MAY_HIDE_INLINE
    if hiding and (name == "template" or (may_hide and _is_hidden(tag, low))):
        return None
    sign = BREAK if name in _BLOCKS else "" if name in _PART_OF_A_WORD else _OPENS
    return sign + _spoken_text(name, tag, low)


def _is_hidden(tag: str, low: str) -> bool:
    if not ("hidden" in low or ("style" in low and ("none" in low or "collapse" in low or "-" in low))):
        return False
    given = attributes(tag)
    return given.get("hidden", "until-found") != "until-found" or bool(_hiding_style(given.get("style", "")))


def _spoken_text(name: str, tag: str, low: str) -> str:
    """Return what *tag* says by its attributes."""
    said = ""
    if "alt" in low or "title" in low or "label" in low or "placeholder" in low:
        said = BREAK.join("".join(found) for found in _spoken(tag))
    if name == "input" and ("submit" in low or "button" in low or "reset" in low):
        said += BREAK + attributes(tag).get("value", "")
    return f"{BREAK}{said}{BREAK}" if said else ""


def _joined(parts: Sequence[str]) -> str:
    text = "".join(parts)
    return text.replace(_CLOSES + _OPENS, " ").replace(_OPENS, "").replace(_CLOSES, "")
