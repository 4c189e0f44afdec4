# SPDX-License-Identifier: GPL-3.0-or-later
"""The category database kept in step with the shipped categories and the subscribed lists."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from filterd.database import layout, store
from filterd.database.addresses import blocked_networks, write_address_set
from filterd.database.build import BuildReport, build_database
from filterd.database.layout import DatabaseError
from filterd.database.reader import Database
from filterd.lists.store import Store
from filterd.policy.model import RuleList
from filterd.shipped import Shipped

ADDRESS_CATEGORY = "anonymizers"  # whose addresses a firewall can keep everybody from
_INPUTS = "inputs"  # what the current generation was built from; written last, so that watching it is enough


class Compilation:
    """One database folder and what belongs into it."""

    def __init__(self, folder: Path, shipped: Shipped, lists: Store, subscriptions: tuple[str, ...]) -> None:
        """Keep them; *subscriptions* are the ids of the lists that count."""
        self.folder = folder
        self._shipped = shipped
        self._lists = lists
        self._subscriptions = subscriptions

    @property
    def stamp(self) -> Path:
        """The file whose change says that there is a new generation."""
        return self.folder / _INPUTS

    @property
    def address_set(self) -> Path:
        """The file for a firewall: the addresses of anonymizers, one prefix a line; new at each compilation."""
        return self.folder / f"{ADDRESS_CATEGORY}.txt"

    def open(self) -> tuple[Database, list[str]]:
        """Return the best database there is, building one where there is none, and what is wrong with newer ones.

        Raises:
            DatabaseError: there is none and none can be built.
        """
        found, problems = store.open_best(self.folder)
        if found is None:
            with contextlib.suppress(DatabaseError):  # another process may be at it: what counts is what there is now
                self.compile()
            found, problems = store.open_best(self.folder)
        if found is None:
            raise DatabaseError("; ".join(problems))
        return found, problems

    def is_current(self) -> bool:
        """Return whether the newest generation is good and was built from what there is now."""
        try:
            same = self.stamp.read_text(encoding="ascii") == self._fingerprint()
            found, problems = store.open_best(self.folder) if same else (None, [])
        except (OSError, UnicodeDecodeError, DatabaseError):
            return False
        return found is not None and not problems and self.address_set.is_file()

    def compile(self) -> BuildReport:
        """Build a new generation from the shipped categories and the last good copies of the lists.

        Raises:
            DatabaseError: it could not be built or written; the generation before it stays.
        """
        fingerprint = self._fingerprint()
        built, shared = datetime.now(UTC), self._shipped.catalogue.shared_hosting()
        report = store.publish(self.folder, lambda path: build_database(self._all(), path, built=built, shared=shared))
        self._write_addresses()
        with _whole_or_not(self.stamp) as file:
            file.write_text(fingerprint, encoding="ascii")
        return report

    def _write_addresses(self) -> None:
        found, problems = store.open_best(self.folder)
        if found is None:
            raise DatabaseError("; ".join(problems))
        networks = blocked_networks(found, ADDRESS_CATEGORY)
        write_address_set(self.address_set, ADDRESS_CATEGORY, networks, built=found.built)

    def _all(self) -> Iterator[RuleList]:
        yield from self._shipped.catalogue.guard_lists()
        yield from self._shipped.catalogue.shipped_lists()
        yield from self._lists.lists(self._subscriptions)

    def _fingerprint(self) -> str:
        """Return what tells inputs apart: the shipped files, and the names of stored lists, which never recur."""
        digest = hashlib.sha256(f"{layout.VERSION}\n".encode())
        for path in sorted(self._shipped.folder.rglob("*")):
            if path.suffix in (".txt", ".toml") and path.is_file():
                digest.update(str(path.relative_to(self._shipped.folder)).encode() + b"\0" + path.read_bytes())
        for list_id in self._subscriptions:
            meta = self._lists.read_meta(list_id)
            parts = [(part.name, part.category, part.file) for part in meta.parts] if meta else []
            digest.update(repr((list_id, parts)).encode())
        return digest.hexdigest()


@contextlib.contextmanager
def _whole_or_not(path: Path) -> Iterator[Path]:
    unfinished = path.with_suffix(".new")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise DatabaseError(
            f"{path}: cannot be written: {error.strerror}; make room and run `filterd compile`"
        ) from error
