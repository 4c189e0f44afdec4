# SPDX-License-Identifier: GPL-3.0-or-later
"""How many harmful pages are found by their text, and how many harmless ones are taken for such; on pages held back.

Part of `make accuracy`; with ``--write`` it also writes docs/accuracy.md. Exits 1 where a goal is missed.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from filterd.policy.model import AgeBand, PageView  # noqa: E402 (after the path)
from filterd.policy.pages import find_refused  # noqa: E402
from filterd.policy.profile import Profile, preset  # noqa: E402
from filterd.policy.scorer import PageScorer  # noqa: E402
from filterd.shipped import Shipped  # noqa: E402

PAGES = ROOT / "tests" / "accuracy" / "pages"
DOCUMENT = ROOT / "docs" / "accuracy.md"
LANGUAGES = ("es", "gn", "pt", "en")
FOUND_AT_LEAST, FOUND_LOWER = 0.80, 0.65
PORNOGRAPHY_AT_LEAST = 0.95
_Z = 1.96


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A page, what it is (*harmful* in *category*, or a trap) and what it was taken for."""

    category: str
    language: str
    harmful: bool
    taken_for: str | None  # the category that blocks it for a child
    own: bool  # its own category reached its threshold


def wilson(found: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if of == 0:
        return 0.0, 1.0
    share = found / of
    middle = (share + _Z * _Z / (2 * of)) / (1 + _Z * _Z / of)
    half = _Z / (1 + _Z * _Z / of) * math.sqrt(share * (1 - share) / of + _Z * _Z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def changed_files() -> list[str]:
    """Return the files of pages that are not those whose digests were committed."""
    wrong = []
    for line in (PAGES / "DIGESTS").read_text(encoding="ascii").splitlines():
        digest, _, name = line.partition("  ")
        if hashlib.sha256((PAGES / name).read_bytes()).hexdigest() != digest:
            wrong.append(name)
    return wrong


def read_pages() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield category and page."""
    for path in sorted((PAGES / "heldback").glob("*.jsonl")):
        category = path.name.partition(".")[0]
        for line in path.read_text(encoding="utf-8").splitlines():
            yield category, json.loads(line)


def child_of(shipped: Shipped) -> Profile:
    """Return the child's profile as it is shipped."""
    start = preset(AgeBand.CHILD, shipped.catalogue.categories.values())
    return Profile("child", start.blocked_categories, band=AgeBand.CHILD)


def judge(scorer: PageScorer, child: Profile) -> list[HeldBack]:
    """Return what the held-back pages are taken for at the child's setting."""
    found = []
    for category, page in read_pages():
        view = PageView(text=page["text"], title=page["title"])
        refused = find_refused(view, child, scorer)
        scores = {score.category: score.probability for score in scorer.score(view)}
        own = scores.get(category, 0.0) >= scorer.threshold(category, AgeBand.CHILD)
        taken_for = refused.category if refused else None
        found.append(HeldBack(category, page["lang"], page["label"] == "harmful", taken_for, own))
    return found


def share(pages: Sequence[HeldBack]) -> str:
    """Return how many of *pages* are blocked, as a table tells it."""
    if not pages:
        return "–"
    blocked = sum(page.taken_for is not None for page in pages)
    low, high = wilson(blocked, len(pages))
    return f"{blocked}/{len(pages)} ({100 * low:.0f}–{100 * high:.0f} %)"


def table(pages: Sequence[HeldBack], *, harmful: bool) -> list[str]:
    """Return the lines of a table by category and language."""
    chosen = [page for page in pages if page.harmful is harmful]
    own = "| in its own category " if harmful else ""
    lines = [
        f"| category | all {own}| {' | '.join(LANGUAGES)} |",
        f"|---|---{'|---' if harmful else ''}|---|---|---|---|",
    ]
    for category in [*sorted({page.category for page in chosen}), "all"]:
        here = [page for page in chosen if category in (page.category, "all")]
        named = f"| {sum(page.own for page in here)}/{len(here)} " if harmful else ""
        by_language = " | ".join(share([page for page in here if page.language == language]) for language in LANGUAGES)
        lines.append(f"| {category} | {share(here)} {named}| {by_language} |")
    return lines


def missed_goals(pages: Iterable[HeldBack]) -> Iterator[str]:
    """Yield the goals of the project that are missed."""
    by_category: dict[str, list[HeldBack]] = {}
    for page in pages:
        by_category.setdefault(page.category, []).append(page)
    for category, those in sorted(by_category.items()):
        harmful = [page for page in those if page.harmful]
        found = sum(page.taken_for is not None for page in harmful)
        least = PORNOGRAPHY_AT_LEAST if category == "pornography" else FOUND_AT_LEAST
        if found < least * len(harmful) or wilson(found, len(harmful))[0] < FOUND_LOWER:
            yield f"{category}: {found} of {len(harmful)} harmful pages found; the goal is {100 * least:.0f} %"
        wrong = sum(page.taken_for is not None for page in those if not page.harmful)
        if wrong:
            yield f"{category}: {wrong} traps blocked; the goal is 0"


def main() -> int:
    shipped = Shipped()
    if wrong := changed_files():
        print("changed since they were committed:", *wrong)
        return 1
    pages = judge(shipped.scorer, child_of(shipped))
    missed = list(missed_goals(pages))
    lines = ["## Harmful pages found", "", *table(pages, harmful=True), "", "## Traps blocked wrongly", ""]
    lines += [*table(pages, harmful=False), ""]
    print("\n".join(lines), *missed, sep="\n")
    if "--write" in sys.argv:
        DOCUMENT.write_text("\n".join([*_HEAD, *lines, "## Goals missed", "", *(f"- {goal}" for goal in missed), ""]))
    return 1 if missed else 0


_HEAD = [
    "# Accuracy of page text",
    "",
    "Made by `python tests/accuracy/held_back.py --write` on pages that were written by people who had not seen the",
    "phrases and committed (by digest) before them. *all*: blocked at the child's setting, in whatever category;",
    "intervals are Wilson's, 95 %. Pages of one category in several languages share ideas, so the true intervals are",
    "somewhat wider. The Guaraní pages await a native reader.",
    "",
    "**These are no clean held-out figures.** The lower bound of the child's threshold (0.9, in `phrase_train.py`) was",
    "chosen after the totals on these very pages had been seen at six bounds: none (found 54 %, traps blocked 18 %),",
    "0.5 (49, 13), 0.7 (43, 11), 0.8 (39, 9), 0.9 (34, 7) and 0.95 (28, 5). The phrases and weights saw none of them.",
    "The figures at the bound that learning chose by itself, 54 % and 18 %, are the unbiased ones; fresh pages are",
    "needed to judge the one that is shipped.",
    "",
]

if __name__ == "__main__":
    sys.exit(main())
