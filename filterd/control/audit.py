# SPDX-License-Identifier: GPL-3.0-or-later
"""What was changed, by whom and when: an append-only log in which each line vouches for those before it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

_GENESIS = "0" * 64
_MAX_LINE = 64 << 10
_MAX_DETAIL = 2000  # characters of one value: what a client sends must not fill the disk


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One event. *hash* is the SHA-256 of all the rest, the entry before it (*previous*) included."""

    number: int  # from 1
    when: str  # ISO 8601, UTC
    what: str  # "password-failed", "protection-off" …
    who: str  # "uid 1000 (ana)", "daemon"
    detail: dict[str, str] = {}
    previous: str = _GENESIS
    hash: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log had come: kept apart from it, so that a tail that was cut off is missed."""

    count: int = 0
    hash: str = _GENESIS


class AuditError(OSError):
    """The log cannot be written; what was to be recorded must not be done either."""


class AuditLog:
    """The log at *path*, its head at *head_path*. One process writes it."""

    def __init__(
        self, path: Path, head_path: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._path = path
        self._head_path = head_path
        self._clock = clock
        self._last: Head | None = None

    def append(self, what: str, *, who: str, detail: Mapping[str, str] | None = None) -> Entry:
        """Record an event, on the disk before this returns.

        Raises:
            AuditError: it cannot be written.
        """
        try:
            before = self._last or self._find_end()
            entry = _seal(
                Entry(
                    number=before.count + 1,
                    when=self._clock().isoformat(timespec="seconds"),
                    what=what,
                    who=who,
                    detail={key: value[:_MAX_DETAIL] for key, value in (detail or {}).items()},
                    previous=before.hash,
                )
            )
            self._write(entry)
        except OSError as error:
            self._last = None  # what reached the disk is read anew
            raise AuditError(error.errno, f"{self._path}: cannot be written: {error.strerror}") from error
        self._last = Head(count=entry.number, hash=entry.hash)
        return entry

    def entries(self) -> Iterator[Entry]:
        """Yield what was recorded, oldest first; ends at the first line that cannot be read."""
        try:
            with self._path.open("rb") as file:
                while line := file.readline(_MAX_LINE):
                    yield msgspec.json.decode(line, type=Entry)
        except (FileNotFoundError, msgspec.DecodeError):
            return

    def verify(self) -> list[str]:
        """Return what is wrong with the log, in plain lines; nothing where it is whole."""
        try:
            return self._verify()
        except OSError as error:
            return [f"{self._path}: cannot be read: {error.strerror}"]

    def _verify(self) -> list[str]:
        at, problems = Head(), self._head_problems()
        head = self._read_head()
        matched = head.count == 0
        for entry in self.entries():
            if entry.number != at.count + 1 or entry.previous != at.hash or _seal(entry).hash != entry.hash:
                problems.append(f"{self._path}: entry {at.count + 1} was changed, taken out or put in")
                return problems
            at = Head(count=entry.number, hash=entry.hash)
            matched = matched or at == head
        if self._has_more_lines_than(at.count):
            problems.append(f"{self._path}: line {at.count + 1} cannot be read")
        if (
            head.count == 0 and at.count > 1 and not problems
        ):  # a crash may leave the first entry without a head, and no other
            problems.append(f"{self._head_path}: is missing, so that nobody can say whether the end was cut off")
        if not matched:
            problems.append(
                f"{self._path}: {at.count} entries where {self._head_path} knows of {head.count}: the end was cut off"
                if at.count < head.count
                else f"{self._path}: entry {head.count} is not the one that {self._head_path} knows of"
            )
        return problems

    def _write(self, entry: Entry) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            start = os.fstat(handle).st_size
            line = msgspec.json.encode(entry) + b"\n"
            if os.write(handle, line) != len(line):
                os.ftruncate(handle, start)  # half a line would hide all that follows
                raise OSError(28, "no space left on the disk")
            os.fsync(handle)
        finally:
            os.close(handle)
        self._write_head(Head(count=entry.number, hash=entry.hash))

    def _write_head(self, head: Head) -> None:
        self._head_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._head_is_damaged():
            self._head_path.replace(self._broken_head_path)
        temporary = self._head_path.with_name(f".{self._head_path.name}.new")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(head))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._head_path)

    @property
    def _broken_head_path(self) -> Path:
        return self._head_path.with_name(f"{self._head_path.name}.broken")

    def _head_problems(self) -> list[str]:
        """Return what is wrong with the head; that it once was stays told for as long as the damaged one lies there."""
        told = "so that nobody can say whether the end of the log was cut off"
        if self._head_is_damaged():
            return [f"{self._head_path}: damaged, {told}"]
        if self._broken_head_path.exists():
            return [f"{self._head_path}: was damaged, {told} then; it is kept as {self._broken_head_path.name}"]
        return []

    def _head_is_damaged(self) -> bool:
        try:
            msgspec.json.decode(self._head_path.read_bytes(), type=Head)
        except FileNotFoundError:
            return False
        except (msgspec.DecodeError, UnicodeDecodeError):
            return True
        return False

    def _read_head(self) -> Head:
        try:
            return msgspec.json.decode(self._head_path.read_bytes(), type=Head)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):  # `_head_problems` tells of the damage
            return Head()

    def _find_end(self) -> Head:
        """Return what the next entry follows. A log that was cut is not mended: the gap stays visible."""
        last = Head()
        for entry in self.entries():
            last = Head(count=entry.number, hash=entry.hash)
        head = self._read_head()
        return last if last.count >= head.count else head

    def _has_more_lines_than(self, count: int) -> bool:
        try:
            with self._path.open("rb") as file:
                return sum(1 for _ in file) > count
        except FileNotFoundError:
            return False


def _seal(entry: Entry) -> Entry:
    content = msgspec.json.encode(msgspec.structs.replace(entry, hash=""), order="sorted")
    return msgspec.structs.replace(entry, hash=hashlib.sha256(content).hexdigest())
