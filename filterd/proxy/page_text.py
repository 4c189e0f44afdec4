# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader sees of a page: its words, where its links lead, the age it says it is for."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from filterd.policy.model import PageView
from filterd.policy.page_words import BREAK
from filterd.proxy import page_markup
from filterd.proxy.page_charset import decode
from filterd.proxy.page_labels import read_age
from filterd.proxy.page_shown import Shown, read_shown

MAX_TEXT = 256 * 1024  # letters; the first three quarters and the end of what is longer are looked at
MAX_PART = 16 * 1024  # of title, headings and description, each
MAX_HOSTS = 2000
_FEW_LETTERS = 400  # a page that shows less has the rest shown by a script: what is hidden is read too
_LINKED_DATA = 8 * 1024
_LINKED_PARTS = 4

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_DESCRIBES = re.compile(
    r"(?:description|keywords|abstract|(?:og|twitter):(?:title|description|site_name)|article:tag|application-name)\Z"
).match
_named = re.compile(r'"(?:name|headline|description|keywords|alternateName|genre)"\s*:\s*("(?:[^"\\]|\\.)*+")').findall
_looks_like_markup = re.compile(
    r"\s*+(?:<!doctype|<html|<head|<body|<\?xml|<!--)|.{0,2000}?</[a-z]", re.IGNORECASE | re.DOTALL
).match

# What browsers show as a page, and what they look into because it says nothing (WHATWG MIME Sniffing §7).
_PAGES = frozenset(("", "text/html", "application/xhtml+xml", "text/xml", "application/xml", "text/plain", "*/*",
                    "unknown/unknown", "application/unknown"))  # fmt: skip


def may_be_page(content_type: str) -> bool:
    """Return whether a body of *content_type* is one that a browser may show as a page, so that it has to be read."""
    return content_type.partition(";")[0].strip().lower() in _PAGES


def read_page(body: bytes, *, content_type: str = "", headers: Mapping[str, str] = _NO_HEADERS) -> PageView:
    """Return what a reader sees of *body*, a page or a plain text; *headers* have their names in lower case.

    Never raises, and takes time in proportion to the length, whatever *body* holds.
    """
    text = decode(body, content_type)
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith(("html", "xml")) or (kind in _PAGES and _looks_like_markup(text)):
        return read_html(text, headers=headers)
    return read_text(text, headers=headers)


def read_text(text: str, *, headers: Mapping[str, str] = _NO_HEADERS) -> PageView:
    """Return the view of a plain *text* (or of JSON, whose signs stand between words as spaces do)."""
    return PageView(text=_capped(text), age_label=read_age((), headers))


def read_html(markup: str, *, headers: Mapping[str, str] = _NO_HEADERS) -> PageView:
    """Return what a reader sees of the page *markup*."""
    texts, tags = page_markup.cut(markup)
    shown = read_shown(texts, tags, hiding=True)
    if shown.hides and len(shown.text) < _FEW_LETTERS:
        shown = read_shown(texts, tags, hiding=False)
    metas = [_meta(tag) for tag in shown.metas]
    return PageView(
        text=html.unescape(_capped(shown.text)),
        title=html.unescape(shown.title[:MAX_PART]),
        headings=html.unescape(shown.headings[:MAX_PART]),
        description=html.unescape(_description(metas, shown)[:MAX_PART]),
        hosts=shown.hosts[:MAX_HOSTS],
        age_label=read_age(metas, headers),
    )


def _meta(tag: str) -> tuple[str, str]:
    given = page_markup.attributes(tag)
    name = given.get("name") or given.get("property") or given.get("http-equiv") or ""
    return name.strip().lower(), given.get("content", "")


def _description(metas: Iterable[tuple[str, str]], shown: Shown) -> str:
    said = [content for name, content in metas if _DESCRIBES(name)]
    for data in shown.linked_data[:_LINKED_PARTS]:
        said += map(_read_string, _named(data[:_LINKED_DATA]))
    return BREAK.join(said)


def _read_string(literal: str) -> str:
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal


def _capped(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    text = " ".join(text.split())  # white space must not fill it
    if len(text) <= MAX_TEXT:
        return text
    return text[: MAX_TEXT * 3 // 4] + BREAK + text[-MAX_TEXT // 4 :]
