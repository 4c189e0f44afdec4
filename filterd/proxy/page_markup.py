# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML cut into text and tags in one linear pass, as a browser's tokeniser cuts it; no tree is built.

Trees cost more than they tell here, and their builders can be made to take minutes by pages of some hundred KiB
(deep nesting, thousands of attributes in a tag: docs/decisions/0008-page-text.md). Where this cut and a browser's
differ, ours shows more: what is taken for text is judged.
"""

from __future__ import annotations

import re

# WHATWG HTML §13.2.5. Possessive quantifiers throughout: no place is looked at twice, whatever the page holds.
_ATTRIBUTES = r"""(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|(?=>)|[^\s>"'][^\s>]*+))?+)*+(?:>|\Z)"""
_COMMENT = r"!--(?:-?>|[^-]*+(?:-(?!-!?>)[^-]*+)*+(?:--!?>|\Z))|[!?][^>]*+>?"
RAW = ("script", "title", "textarea", "iframe", "noembed", "noframes", "xmp")  # what they hold is no markup


def _raw_element(name: str) -> str:
    # With a slash at its end (svg) it holds nothing; in HTML it does, and then shows more than a browser would.
    return rf"{name}(?=[\s/>]){_ATTRIBUTES}(?<!/>)[^<]*+(?:<(?!/{name}[\s/>])[^<]*+)*+"


_RAW_ELEMENTS = "|".join(map(_raw_element, RAW))
# A style sheet holds no "<"; in svg, "style" may hold markup, which is then read as such.
_STYLE = rf"style(?=[\s/>]){_ATTRIBUTES}[^<]*+(?=</style)"
_split = re.compile(
    rf"(<(?:{_COMMENT}|(?:(?i:(?=[stinx])(?:{_RAW_ELEMENTS}|{_STYLE}))|[a-zA-Z][^\s/>]*+{_ATTRIBUTES})"
    rf"|/(?:[a-zA-Z][^\s/>]*+{_ATTRIBUTES}|[^>]*+>?)))"
).split
_name = re.compile(r"</?([a-zA-Z][^\s/>]*)").match
_opening = re.compile(rf"<[a-zA-Z][^\s/>]*+{_ATTRIBUTES}").match
_attributes = re.compile(
    r"""([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|(?=>)|([^\s>"'][^\s>]*+)))?+"""
).findall


def cut(html: str) -> tuple[list[str], list[str]]:
    """Return the texts and the tags of *html*, in turn; a text, which may be empty, stands before each tag and last.

    A comment counts as a tag; an element of RAW is one with what it holds, its end tag being another.
    """
    parts = _split(html)
    return parts[0::2], parts[1::2]


def tag_name(tag: str) -> str:
    """Return the name of *tag* in lower case, empty for a comment."""
    found = _name(tag)
    return found[1].lower() if found else ""


def attributes(tag: str) -> dict[str, str]:
    """Return the attributes of the opening *tag*, names in lower case; of two with one name the first counts."""
    opened = _opening(tag)
    if opened is None:
        return {}
    found: dict[str, str] = {}
    for key, double, single, bare in _attributes(opened[0], len(tag_name(tag)) + 1):
        found.setdefault(key.lower(), double or single or bare)
    return found


def held(tag: str) -> str:
    """Return what the element of RAW in *tag* holds."""
    opened = _opening(tag)
    return tag[opened.end() :] if opened else ""
