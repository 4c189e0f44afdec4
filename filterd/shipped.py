# SPDX-License-Identifier: GPL-3.0-or-later
"""The data that comes with the program."""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path

from filterd import paths
from filterd.catalogue import Catalogue, load_catalogue
from filterd.policy.matcher import Matcher
from filterd.policy.safesearch import SafeSearch


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
    def safe_search(self) -> SafeSearch:
        """The search engines and their safe modes."""
        text = (self.folder / "safesearch.toml").read_text(encoding="utf-8")
        return SafeSearch.from_mapping(tomllib.loads(text))
