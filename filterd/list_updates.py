# SPDX-License-Identifier: GPL-3.0-or-later
"""The updater of the lists, put together from shipped data and configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from filterd.assembly import Assembly
from filterd.lists.evidence import JudgeContext
from filterd.lists.fetch import Downloader
from filterd.lists.model import Progress, Silent
from filterd.lists.update import Updater
from filterd.lists.words import parse_words
from filterd.policy.model import GUARD_PLATFORM, GUARD_SITE
from filterd.policy.policy import BEYOND_THE_GUARD
from filterd.shipped import Shipped


@contextlib.contextmanager
def updater(assembly: Assembly, progress: Progress | None = None) -> Iterator[Updater]:
    """Give an updater for the configuration of *assembly*.

    Raises:
        ListError: the store cannot be used.
    """
    with Downloader(assembly.lists.downloads) as downloader:
        yield Updater(
            store=assembly.lists,
            context=judge_context(assembly.shipped),
            fetcher=downloader,
            sources=assembly.sources,
            clock=lambda: datetime.now(UTC),
            progress=progress or Silent(),
        )


def judge_context(shipped: Shipped) -> JudgeContext:
    """Return what is known about names before a list says anything."""
    catalogue = shipped.catalogue
    guards: dict[str, set[str]] = {GUARD_SITE: set(), GUARD_PLATFORM: set()}
    for listed in catalogue.guard_lists():
        guards[listed.category].update(rule.domain for rule in listed.rules)
    memberships: dict[str, set[str]] = {}
    for listed in catalogue.shipped_lists():
        for rule in listed.rules:
            memberships.setdefault(rule.domain, set()).add(listed.category)
    words = shipped.folder / "never-block" / "words.txt"
    return JudgeContext(
        sites=guards[GUARD_SITE],
        platforms=guards[GUARD_PLATFORM],
        hosting_parents=catalogue.hosting_parents,
        memberships=memberships,
        words=parse_words(words.read_text(encoding="utf-8").splitlines()),
        unguarded=BEYOND_THE_GUARD,
        optional=frozenset(c.id for c in catalogue.categories.values() if c.optional),
        shared=catalogue.shared_hosting(),
    )
