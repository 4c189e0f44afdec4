# SPDX-License-Identifier: GPL-3.0-or-later
"""The data that comes with the program."""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from filterd import paths
from filterd.catalogue import Catalogue, load_catalogue
from filterd.policy.matcher import Matcher
from filterd.policy.phrases import Phrase, parse_phrases
from filterd.policy.safesearch import SafeSearch
from filterd.policy.scorer import PageScorer, read_model


class Shipped:
    """What comes with the program, each part read when it is first needed: control needs no matcher."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read from *folder*, by default where the program finds its own."""
        self.folder = folder or paths.categories_folder()

    @cached_property
    def catalogue(self) -> Catalogue:
        """The categories and guard lists."""
        return load_catalogue(self.folder)

    @cached_property
    def matcher(self) -> Matcher:
        """The patterns of hosts and URLs."""
        texts = {
            category: path.read_text(encoding="utf-8")
            for category in self.catalogue.categories
            if (path := self.folder / category / "patterns.txt").is_file()
        }
        return Matcher(texts, (self.folder / "host-weights.tsv").read_text(encoding="utf-8"))

    @cached_property
    def scorer(self) -> PageScorer:
        """The phrases of pages, and what they say."""
        return load_scorer(self.folder)

    @cached_property
    def safe_search(self) -> SafeSearch:
        """The search engines and their safe modes."""
        text = (self.folder / "safesearch.toml").read_text(encoding="utf-8")
        return SafeSearch.from_mapping(tomllib.loads(text))


def load_phrases(folder: Path) -> dict[str, tuple[Phrase, ...]]:
    """Return the phrases of each category in *folder* that has some, by its id.

    Raises:
        PhraseError: naming file, line and the way out.
    """
    return {
        path.parent.name: parse_phrases(path.read_text(encoding="utf-8"), f"categories/{path.parent.name}/{path.name}")
        for path in sorted(folder.glob("*/phrases.tsv"))
    }


def load_scorer(folder: Path) -> PageScorer:
    """Return the scorer of the phrases in *folder* and of what was learned about them (``phrases.toml``).

    Raises:
        PhraseError, ModelError: naming file, place and the way out.
    """
    learned = folder / "phrases.toml"
    values: dict[str, Any] = tomllib.loads(learned.read_text(encoding="utf-8")) if learned.is_file() else {}
    return PageScorer(load_phrases(folder), read_model(values, "categories/phrases.toml"))
