# SPDX-License-Identifier: GPL-3.0-or-later
"""What search engines suggest while one types, without what leads to refused places."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from filterd.policy.model import Decision
from filterd.proxy.links import PageLinks
from filterd.proxy.removal import Removal

_KINDS = frozenset(
    ("application/json", "text/javascript", "application/javascript", "application/x-suggestions+json", "text/json")
)
_path = re.compile(
    r"/(?:complete/|ac/|o?suggest|api/suggest|v\d/suggest|AS/Sugg|osjson|qsonhs|sugg/|gossip|autocomplete|acpl)",
    re.IGNORECASE,
).search
# Some begin with what keeps other sites from reading them, or are a call of the page's own function.
_wrapped = re.compile(
    rb"(?P<front>\s*+(?:\)\]\}'\s*+|(?:/\*\*/\s*+)?[\w.$]+\s*+\(\s*+)?)(?P<json>[\[{].*[\]}])(?P<back>[\s);]*)",
    re.DOTALL,
).fullmatch
_host = re.compile(r"(?:[\w-]+\.)+[a-z]{2,}", re.IGNORECASE).fullmatch
_NAMES = ("q", "phrase", "value", "text", "key", "k", "txt", "name", "displayText", "query", "suggestion")
_MAX_DEPTH = 6


def may_suggest(path: str, content_type: str) -> bool:
    """Return whether an answer of *content_type* from *path* may be suggestions."""
    return content_type.partition(";")[0].strip().lower() in _KINDS and _path(path.partition("?")[0]) is not None


def without_refused(body: bytes, links: PageLinks) -> Removal:
    """Return *body*, suggestions in JSON, without those that name a refused place or search."""
    found = _wrapped(body)
    if found is None:
        return Removal()
    try:
        said = json.loads(found["json"])
    except (ValueError, RecursionError):
        return Removal()
    gone: list[Decision] = []

    def refused(item: object) -> bool:
        words = _words(item)
        refusal = (links.refusal(f"http://{words}/") if _host(words) else links.refused_query(words)) if words else None
        if refusal is not None:
            gone.append(refusal)
        return refusal is not None

    kept = _sift(said, refused, 0)
    if not gone:
        return Removal()
    packed = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    hosts = {refusal.request.host: refusal for refusal in gone}
    return Removal(found["front"] + packed + found["back"], tuple(hosts.values()), len(gone))


def _sift(said: object, refused: Callable[[object], bool], depth: int) -> object:
    if depth > _MAX_DEPTH:
        return said
    if isinstance(said, dict):
        return {key: _sift(value, refused, depth + 1) for key, value in said.items()}
    if not isinstance(said, list):
        return said
    if _is_open_search(said):
        return _sift_columns(said, refused)
    return [_sift(item, refused, depth + 1) for item in said if not refused(item)]


def _is_open_search(said: list[object]) -> bool:
    """Return whether *said* is what was typed, the suggestions, and columns of the same length beside them."""
    return len(said) >= 2 and isinstance(said[0], str) and isinstance(said[1], list)


def _sift_columns(said: list[object], refused: Callable[[object], bool]) -> list[object]:
    rows = said[1]
    assert isinstance(rows, list)  # noqa: S101 - for the type checker
    stays = [not refused(row) for row in rows]

    def column(value: object) -> object:
        if isinstance(value, list) and len(value) == len(stays):
            return [item for item, kept in zip(value, stays, strict=True) if kept]
        return {key: column(each) for key, each in value.items()} if isinstance(value, dict) else value

    return [said[0], *map(column, said[1:])]


def _words(item: object) -> str:
    """Return what *item* suggests; empty where it is no suggestion."""
    if isinstance(item, str):
        return re.sub(r"<[^>]*>", "", item)
    if isinstance(item, list) and item and isinstance(item[0], str) and not _is_open_search(item):
        return _words(item[0])
    if isinstance(item, list) and len(item) >= 2 and isinstance(item[0], str) and item[1] in ([], None):
        return _words(item[0])
    if isinstance(item, dict):
        return next((_words(item[name]) for name in _NAMES if isinstance(item.get(name), str)), "")
    return ""
