# SPDX-License-Identifier: GPL-3.0-or-later
"""The public lists that the program knows (``categories/sources.toml``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from filterd.lists.model import ALL_CATEGORIES, ListError, Subscription
from filterd.policy.rules import Format


@dataclass(frozen=True, slots=True)
class Source:
    """A public list. *parts*, of a tree: its categories, each with ours."""

    id: str
    name: str
    url: str
    homepage: str
    licence: str
    format: Format
    category: str
    part_url: str = ""
    default: bool = False
    parts: Mapping[str, str] = field(default_factory=dict)

    def subscription(self) -> Subscription:
        """Return a subscription to all of it."""
        return Subscription(self.id, self.category, self.url, self.format)


@dataclass(frozen=True, slots=True)
class Sources:
    """All of them."""

    all: Sequence[Source] = ()

    def defaults(self) -> list[Subscription]:
        """Return what is subscribed where the adult chose nothing."""
        return [source.subscription() for source in self.all if source.default]

    def by_id(self, source_id: str) -> Source | None:
        """Return the source of that id; ``None``: there is none."""
        return next((source for source in self.all if source.id == source_id), None)

    def by_url(self, url: str) -> Source | None:
        """Return the source that *url* is an address of, whole or of a part; ``None``: of none."""
        for source in self.all:
            before, placeholder, after = source.part_url.partition("{part}")
            of_a_part = bool(placeholder) and url.startswith(before) and url.endswith(after)
            if url == source.url or of_a_part:
                return source
        return None

    def for_category(self, category: str) -> list[Subscription]:
        """Return what can be subscribed for *category* alone: whole lists and single parts of trees."""
        found = []
        for source in self.all:
            if source.category == category:
                found.append(source.subscription())
            for part, ours in source.parts.items():
                if ours == category and source.part_url:
                    url = source.part_url.replace("{part}", part)
                    found.append(Subscription(f"{source.id}-{part}", category, url, source.format))
        return found

    def tree_parts(self, url: str) -> Mapping[str, str]:
        """Return which category of ours each part of the tree at *url* is; a tree from elsewhere is read as UT1's."""
        source = self.by_url(url)
        if source and source.parts:
            return source.parts
        return next((source.parts for source in self.all if source.parts), {})


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sources: tuple[Source, ...]


def load_sources(path: Path) -> Sources:
    """Return the sources written in *path*.

    Raises:
        ListError: the file is missing or says something else.
    """
    try:
        sources = msgspec.toml.decode(path.read_bytes(), type=_File).sources
    except OSError as error:
        raise ListError(f"{path}: cannot be read ({error.strerror})") from error
    except msgspec.MsgspecError as error:
        raise ListError(f"{path}: {error}") from error
    ids = [source.id for source in sources]
    for source in sources:
        if ids.count(source.id) > 1:
            raise ListError(f"{path}: two sources have the id {source.id!r}")
        if bool(source.parts) != (source.category == ALL_CATEGORIES):
            raise ListError(
                f"{path}: {source.id}: a tree has the category {ALL_CATEGORIES!r} and parts, others neither"
            )
    return Sources(sources)
