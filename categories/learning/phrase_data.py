# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that phrases are learned from: the project's own pages, and public ones that are allowed to teach."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import zstandard

from filterd.policy.model import PageView

ORDINARY = "ordinary"  # pages/ordinary.jsonl: shops, clubs, schools: harmless, and traps for every category

# Categories whose harmful pages may well be harmful in the other's sense: they do not teach what the other is not.
OVERLAPS = (
    frozenset({"adult", "pornography", "dating"}),
    frozenset({"drugs", "crime"}),
    frozenset({"weapons", "crime", "terrorism", "violence"}),
    frozenset({"hate", "terrorism", "violence", "bullying"}),
    frozenset({"self-harm", "eating-disorders", "dangerous-challenges", "bullying"}),
    frozenset({"fraud", "hacking", "crime"}),
    frozenset({"fireworks", "weapons", "dangerous-challenges"}),
    frozenset({"alcohol", "drugs", "tobacco", "dangerous-challenges"}),
)

# The sets of shared/data/text that may teach, how many rows make a page (single sentences are no pages), and what its
# labels mean: of the hate sets only what is neither hateful nor offensive is harmless.
_SETS = {
    "news_es": 1,
    "wiki_xquad_es": 1,
    "wiki_xquad_en": 1,
    "guarani_parallel_gn": 5,
    "hatecheck_en": 1,
    "davidson_en": 1,
    "ofensabr_pt": 1,
}
_LABELLED = frozenset({"hatecheck_en", "davidson_en", "ofensabr_pt"})


@dataclass(frozen=True, slots=True)
class Page:
    """A page to learn from. *category* is what it was written for; a harmless public text has none."""

    id: str
    language: str
    category: str
    harmful: bool
    view: PageView


def read_pages(path: Path) -> tuple[Page, ...]:
    """Return the pages of the file at *path*: a JSON object a line with id, lang, label, title and text.

    Raises:
        ValueError: naming file, line and the way out.
    """
    pages = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            pages.append(_read_page(json.loads(line), path.stem))
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{path.name}: line {number}: {error!s}: id, lang, label, title, text are needed"
            ) from error
    return tuple(pages)


def read_public(folder: Path) -> tuple[Page, ...]:
    """Return the public texts below *folder* (shared/data/text) that may teach; hateful ones are *hate*, harmful."""
    pages: list[Page] = []
    for name, together in _SETS.items():
        for at, rows in enumerate(batched(_rows(folder / f"{name}.jsonl.zst"), together)):
            labels = {row["label"] for row in rows} if name in _LABELLED else {"none"}
            if labels == {"offensive"}:
                continue  # neither harmless nor what a category is about
            text = "\n\x1e".join(row["text"] for row in rows)
            hateful = labels == {"hate"}
            page = Page(f"{name}-{at}", rows[0]["lang"], "hate" if hateful else "", hateful, PageView(text=text))
            pages.append(page)
    return tuple(pages)


def overlap(one: str, other: str) -> bool:
    """Return whether harmful pages of *one* may be harmful in the sense of *other* too."""
    return one == other or any({one, other} <= group for group in OVERLAPS)


def _read_page(row: dict[str, str], category: str) -> Page:
    if row["label"] not in {"harmful", "trap"}:
        raise ValueError(f"unknown label {row['label']!r}: write harmful or trap")
    view = PageView(text=row["text"], title=row["title"])
    return Page(row["id"], row["lang"], category, row["label"] == "harmful", view)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as plain:
        yield from map(json.loads, _lines(io.TextIOWrapper(plain, encoding="utf-8")))


def _lines(text: Iterable[str]) -> Iterator[str]:
    return (line for line in text if line.strip())
