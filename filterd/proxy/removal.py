# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures, frames, links and forms that lead to refused places are taken out of a page; all else stays as it is."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from filterd.policy.model import Decision
from filterd.proxy import page_markup
from filterd.proxy.links import PageLinks
from filterd.proxy.page_charset import decode
from filterd.proxy.page_elements import Cut, Outline

# What stands in the place of what was taken out: no name of a place.
NOTE = "<!-- quitado por el filtro -->"
_NOWHERE = "about:blank"

_values = re.compile(r"""=\s*+(?:"([^"]++)"|'([^']++)'|([^\s"'>]++))""").findall
_leads = re.compile(r"(?:https?:|[/\\?]|\.\.?/)|.*?(?://|%2f%2f|url\()", re.IGNORECASE | re.DOTALL).match
_inside = re.compile(r"""(?:https?:)?[/\\]{2}[^\s,'"()<>]++""", re.IGNORECASE).findall
_attributes = re.compile(
    r"""([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|(?=>)|([^\s>"'][^\s>]*+)))?+"""
).finditer
_in_style = re.compile(r"""url\(\s*+["']?([^"')]*+)""", re.IGNORECASE).findall
_refresh = re.compile(r"""[\d.\s]*+[;,]?\s*+(?:url\s*+=\s*+)?["']?([^"']++)""", re.IGNORECASE).match
_MAX_VALUE = 64 << 10

_ADDRESSES = frozenset(
    ("href", "src", "srcset", "imagesrcset", "data", "action", "formaction", "poster", "background", "style", "ping",
     "xlink:href", "lowsrc")
)  # fmt: skip
_LAZY = re.compile(r"data-(?:[\w-]*-)?(?:src|srcset|url|href|original|lazy|image|bg|poster|thumb)\Z").match
_PICTURES = frozenset({"img", "source", "video", "audio", "iframe", "embed", "amp-img"})
_REMOVED_BY = {  # elements that are nothing without their address
    "a": ("href",), "area": ("href",), "link": ("href", "imagesrcset"), "base": ("href",), "meta": ("content",),
    "img": ("src",), "source": ("src", "srcset"), "track": ("src",), "embed": ("src",), "input": ("src",),
    "iframe": ("src",), "video": ("src",), "audio": ("src",), "object": ("data",), "amp-img": ("src",),
}  # fmt: skip
_PAIRED = frozenset({"a", "iframe", "video", "audio", "object", "amp-img"})
_LEFT_ALONE = frozenset({"script", "html", "body", "param"})  # what a script may fetch is judged when it does


@dataclass(frozen=True, slots=True, repr=False)
class Removal:
    """A page without *count* things; *body* ``None``: nothing went. A decision for each host that they led to."""

    body: bytes | None = None
    decisions: tuple[Decision, ...] = ()
    count: int = 0


def take_out(body: bytes, links: PageLinks, *, results: bool = False) -> Removal:
    """Return *body*, a page, without what leads to refused places; *results*: it is a search engine's.

    Never raises, and takes time in proportion to the length.
    """
    wide = b"\0" in body[:512]
    # A letter for each byte: places in the one are places in the other, whatever the encoding.
    text = decode(body) if wide else body.decode("latin-1")
    if not any(links.refusal(address) for value in _candidates(text) for address in _addresses_in(value, wide=wide)):
        return Removal()
    removing = _Removing(links, results=results, wide=wide)
    removing.read(text)
    if not removing.cuts:
        return Removal()
    changed = removing.apply(text)
    packed = changed.encode("utf-8-sig", "replace") if wide else changed.encode("latin-1")
    return Removal(packed, tuple(removing.hosts.values()), removing.count)


def _candidates(text: str) -> Iterator[str]:
    """Yield each value of an attribute in *text* that may be an address, once (and some that stand in scripts)."""
    found = {value for parts in _values(text) for value in parts if value}
    for value in found:
        if len(value) <= _MAX_VALUE and _leads(value) and not value.startswith("data:"):
            yield value


def _addresses_in(value: str, *, wide: bool) -> list[str]:
    value = _letters(value, wide=wide)
    return [value, *_inside(value)] if any(sign in value for sign in " ,(;") else [value]


def _letters(value: str, *, wide: bool) -> str:
    """Return *value*, as it stands in the page, as a browser reads it."""
    if not wide and not value.isascii():
        value = value.encode("latin-1").decode("utf-8", "replace")
    return html.unescape(value) if "&" in value else value


class _Removing:
    """One way through a page, from which it is known what is to be cut."""

    def __init__(self, links: PageLinks, *, results: bool, wide: bool) -> None:
        self._links = links
        self._results = results
        self._wide = wide
        self._outline = Outline()
        self.cuts: list[Cut] = []
        self.hosts: dict[str, Decision] = {}
        self.count = 0

    def read(self, text: str) -> None:
        texts, tags = page_markup.cut(text)
        at = 0
        for before, tag in zip(texts, tags, strict=False):
            at += len(before)
            self._take_in(tag, at)
            at += len(tag)
        self.cuts += self._outline.end()

    def apply(self, text: str) -> str:
        """Return *text* after the cuts."""
        kept: list[str] = []
        at = 0
        for cut in sorted(self.cuts, key=lambda cut: (cut.begin, -cut.end)):
            if cut.begin >= at:  # else it lies in what is gone already
                kept += (text[at : cut.begin], cut.put)
                at = cut.end
        return "".join((*kept, text[at:]))

    def _take_in(self, tag: str, at: int) -> None:
        name = page_markup.tag_name(tag)
        if not name:
            return
        if tag[1] == "/":
            self.cuts += self._outline.close(name, at, at + len(tag))
            return
        self.cuts += self._outline.open(name, tag, at, results=self._results)
        if name in _LEFT_ALONE or "=" not in tag:
            return
        refused = list(self._refused(name, tag))
        if name == "a" and self._results and not refused:
            href = page_markup.attributes(tag).get("href", "")
            if self._links.leads_elsewhere(_letters(href, wide=self._wide)):
                self._outline.note_other()
        if refused:
            self._cut(name, tag, at, refused)

    def _cut(self, name: str, tag: str, at: int, refused: list[re.Match[str]]) -> None:
        self.count += 1
        strips = [Cut(at + found.start(), at + found.end(), _instead(name, found)) for found in refused]
        whole = any(found[1].lower() in _REMOVED_BY.get(name, ()) for found in refused)
        if whole and name in _PAIRED:
            self._outline.remove(strips, NOTE)
        elif whole:
            self.cuts.append(Cut(at, at + len(tag), NOTE))
        else:
            self.cuts += strips

    def _refused(self, name: str, tag: str) -> Iterator[re.Match[str]]:
        """Yield the attributes of *tag* that lead to refused places."""
        held = page_markup.held(tag) if name in page_markup.RAW else ""
        seen: dict[str, bool] = {}
        for found in _attributes(tag, len(name) + 1, len(tag) - len(held)):
            key = found[1].lower()
            if not seen.setdefault(key, True):
                continue  # of two with one name the first counts, and the second where that is taken out
            if not (key in _ADDRESSES or (key == "content" and name == "meta") or (name in _PICTURES and _LAZY(key))):
                continue
            value = _letters(found[2] or found[3] or found[4] or "", wide=self._wide)
            refusals = [refusal for each in _addresses(name, key, value) if (refusal := self._links.refusal(each))]
            for refusal in refusals:
                self.hosts.setdefault(refusal.request.host, refusal)
            seen[key] = bool(refusals)
            if refusals:
                yield found


def _addresses(name: str, key: str, value: str) -> Iterable[str]:
    if key.endswith("srcset"):
        return re.findall(r"[^\s,]\S*", value)
    if key == "style":
        return _in_style(value) if "url(" in value.lower() else ()
    if key == "ping":
        return value.split()
    if name == "meta":
        found = _refresh(value) if "url" in value.lower() else None
        return (found[1],) if found else ()
    return (value,)


def _instead(name: str, found: re.Match[str]) -> str:
    """Return what stands for an attribute that was taken out: without an action a form goes to the page itself."""
    key = found[1].lower()
    goes = key in ("action", "formaction") or (key == "src" and name in ("frame", "iframe"))
    return f'{found[1]}="{_NOWHERE}"' if goes else ""
