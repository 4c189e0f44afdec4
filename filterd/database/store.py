# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations of the database in a folder: a new one is checked before it counts, the last good one stays.

A generation is a file of its own, ``categories.<number>.fdb``, and the highest number is the current one. No file is
ever changed or replaced: whoever has one mapped goes on with it.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filterd.database.layout import DatabaseError
from filterd.database.reader import Database

_generation = re.compile(r"categories\.(\d+)\.fdb").fullmatch
_UNFINISHED = ".compiling.fdb"
_LOCK = ".compiling.lock"


def publish[Report](folder: Path, build: Callable[[Path], Report]) -> Report:
    """Have *build* write a database, make that the current one in *folder* and return what *build* returned.

    The new file is checked in full and safe on the disk before it gets its name. The generation before it stays as
    the last good one; what is older or damaged goes. What *build* raises passes through.

    Raises:
        DatabaseError: it could not be written or checked, or another process is at it. What was current stays so.
    """
    unfinished = folder / _UNFINISHED
    with _only_publisher(folder):
        try:
            _remove_unfinished(folder)  # of a compile that was killed
            report = build(unfinished)
            Database.open(unfinished).verify()
            with _writing(folder):
                _make_current(unfinished)
        finally:
            _remove_unfinished(folder)
        _remove_outdated(folder)
    return report


def open_best(folder: Path) -> tuple[Database | None, list[str]]:
    """Return the newest good database in *folder*, ``None`` if there is none, and what is wrong with newer ones."""
    while True:
        paths = generations(folder)
        problems: list[str] = []
        for path in paths:
            try:
                return Database.open(path), problems
            except DatabaseError as error:
                problems.append(str(error))
        if all(path.exists() for path in paths):  # else a compile has ended since they were listed, and removed them
            return None, problems or [f"{folder}: holds no category database; build it with `filterd compile`"]


def generations(folder: Path) -> list[Path]:
    """Return the databases in *folder*, the current one first; none of them is checked."""
    try:
        found = [(int(match[1]), path) for path in folder.iterdir() if (match := _generation(path.name))]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DatabaseError(f"{folder}: cannot be read: {error.strerror}; check the folder's permissions") from error
    return [path for _, path in sorted(found, reverse=True)]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        way_out = "make room or choose another folder, then run `filterd compile`"
        raise DatabaseError(f"{folder}: cannot be written: {error.strerror}; {way_out}") from error


@contextmanager
def _only_publisher(folder: Path) -> Iterator[None]:
    """Keep other processes from publishing in *folder*; the lock goes when its holder does, however that ends."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatabaseError(f"{folder}: another compile is running here; try again when it has ended") from error
        yield
    finally:
        os.close(lock)


def _make_current(unfinished: Path) -> None:
    folder = unfinished.parent
    newest = generations(folder)[:1]
    number = int(newest[0].name.split(".")[1]) + 1 if newest else 1
    _sync(unfinished)
    unfinished.rename(folder / f"categories.{number}.fdb")
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_unfinished(folder: Path) -> None:
    for path in folder.glob(_UNFINISHED + "*"):
        with suppress(OSError):  # in the way of nothing: the next compile tries again
            path.unlink()


def _remove_outdated(folder: Path) -> None:
    """Remove all generations but the current one and the last good one before it."""
    kept = 0
    for path in generations(folder):
        if kept < 2 and _is_good(path):
            kept += 1
            continue
        with suppress(OSError):  # likewise
            path.unlink()


def _is_good(path: Path) -> bool:
    try:
        Database.open(path)
    except DatabaseError:
        return False
    return True
