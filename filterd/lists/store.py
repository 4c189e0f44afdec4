# SPDX-License-Identifier: GPL-3.0-or-later
"""The last good copies on disk: replaced whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from filterd.lists.codec import RuleWriter, StoredRules
from filterd.lists.model import ListError, Meta, Part
from filterd.policy.model import GUARD_SITE, RuleList

META = "meta.json"
_LOCK = ".lock"
_PARTIALS = ".downloads"
_READABLE = 0o644  # the lists are public: `filterd check` and `lists status` work from any account
_valid_id = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}").fullmatch


@dataclasses.dataclass(frozen=True, slots=True)
class Store:
    """A folder per subscription: ``meta.json`` and the files that it names.

    ``meta.json`` is the point of no return: new files are written beside the old ones, then it is replaced, then
    files go that neither it nor its forerunner names (a reader may still be at those).
    """

    folder: Path

    @property
    def downloads(self) -> Path:
        """Where downloads wait to be complete."""
        return self.folder / _PARTIALS

    def ids(self) -> list[str]:
        """Return the ids of the subscriptions that are known here."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{META}"))

    def read_meta(self, list_id: str) -> Meta | None:
        """Return what is known of *list_id*; ``None``: nothing, or nothing that can be read."""
        path = self._home(list_id) / META
        try:
            return msgspec.json.decode(path.read_bytes(), type=Meta)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError):
            return None

    def _read_meta_or_fail(self, list_id: str) -> Meta | None:
        """Return what is known of *list_id*; ``None`` only where it never came: a list must not vanish in silence.

        Raises:
            ListError: its record is there and cannot be read.
        """
        meta = self.read_meta(list_id)
        path = self._home(list_id) / META
        if meta is None and path.exists():
            raise ListError(f"{path}: cannot be read; `filterd lists update {list_id}` fetches the list anew")
        return meta

    def write_meta(self, meta: Meta) -> None:
        """Replace what is known of ``meta.id``; files that are no longer named go.

        Raises:
            ListError: the disk is full or cannot be written.
        """
        home = self._home(meta.id)
        before = self.read_meta(meta.id)
        with _one_clear_error(home):
            home.mkdir(parents=True, exist_ok=True)
            _replace(home / META, msgspec.json.format(msgspec.json.encode(meta), indent=1))
        named = {part.file for known in (before, meta) if known for part in known.parts}
        for path in home.iterdir():
            if path.name != META and path.name not in named:
                with contextlib.suppress(OSError):
                    path.unlink()

    @contextlib.contextmanager
    def new_file(self, list_id: str, part: str) -> Iterator[tuple[str, RuleWriter]]:
        """Give a name and a writer for the rules of *part*; the file counts when a meta names it.

        Raises:
            ListError: the disk is full or cannot be written.
        """
        home = self._home(list_id)
        with _one_clear_error(home):
            home.mkdir(parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(prefix=f"{part or 'list'}.", suffix=".zst", dir=home)
            os.fchmod(handle, _READABLE)
            os.close(handle)
            with RuleWriter(Path(path)) as writer:
                yield Path(path).name, writer

    def discard(self, list_id: str, files: Iterable[str]) -> None:
        """Remove *files* that no meta will name."""
        for name in files:
            (self._home(list_id) / name).unlink(missing_ok=True)

    def rules(self, list_id: str, part: Part) -> StoredRules:
        """Return the rules of *part*."""
        return StoredRules(self._home(list_id) / part.file, part.count)

    def lists(self, ids: Iterable[str] | None = None) -> list[RuleList]:
        """Return the lists in use, a tree as one per part; of *ids*, or all. Their rules stream from disk."""
        found: list[RuleList] = []
        for list_id in self.ids() if ids is None else ids:
            meta = self._read_meta_or_fail(list_id)
            if meta:
                found += (_rule_list(meta, part, self.rules(list_id, part)) for part in meta.parts)
        return found

    def benign_names(self, *, without: Sequence[str] = ()) -> Iterator[str]:
        """Yield the names that lists of harmless sites hold, except those of the subscriptions *without*."""
        readable = [list_id for list_id in self.ids() if list_id not in without and self.read_meta(list_id)]
        for rule_list in self.lists(readable):
            if rule_list.category == GUARD_SITE:
                yield from (rule.domain for rule in rule_list.rules if rule.path is None)

    def remove(self, list_id: str) -> bool:
        """Forget *list_id*; return whether there was anything to forget."""
        home = self._home(list_id)
        if not home.is_dir():
            return False
        (home / META).unlink(missing_ok=True)  # first: without it the rest is nothing
        for path in home.iterdir():
            path.unlink(missing_ok=True)
        home.rmdir()
        return True

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from updating at the same time.

        Raises:
            ListError: another process holds the lock, or the folder cannot be written.
        """
        with _one_clear_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / _LOCK).open("ab")
        with file:
            if not _try_lock(file.fileno()):
                raise ListError(f"{self.folder}: another update is running; try again when it is done")
            yield

    def _home(self, list_id: str) -> Path:
        if not _valid_id(list_id):
            raise ListError(f"{list_id!r} is no name for a list: use lower-case letters, digits, '-', '_' and '.'")
        return self.folder / list_id


def _rule_list(meta: Meta, part: Part, rules: StoredRules) -> RuleList:
    name = f"{meta.id}-{part.name}" if part.name else meta.id
    return RuleList(name, part.category, rules, source=meta.url, licence=meta.licence, date=part.updated)


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), _READABLE)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return  # a folder cannot be opened there
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _one_clear_error(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ListError(f"{where}: no space left; the copy from before stays in use, free some space") from error
        raise ListError(
            f"{where}: cannot be written ({error.strerror or error}); the copy from before stays"
        ) from error
