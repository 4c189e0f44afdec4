# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules as lines of a file: compressed, written in one go, read back by the million."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import zstandard

from filterd.lists.model import ListError
from filterd.policy.model import Effect, Rule

_LEVEL = 3
_BATCH = 8_192  # rules
_CHUNK = 1 << 18  # characters
# A line is a domain; what is not plain follows after a tab: how far it reaches with its effect, then its path.
_REACH = {(True, True): "-", (True, False): "=", (False, True): "*", (False, False): "0"}
_EFFECT = {Effect.BLOCK: "", Effect.EXCEPT: "@", Effect.IMPORTANT: "!"}
_reach_of = {code: reach for reach, code in _REACH.items()}
_effect_of = {code: effect for effect, code in _EFFECT.items()}
_PLAIN = (None, True, True, Effect.BLOCK)


def format_rule(rule: Rule) -> str:
    """Return *rule* as a line, without its end."""
    if rule[1:] == _PLAIN:
        return rule[0]
    line = f"{rule.domain}\t{_REACH[rule.apex, rule.below]}{_EFFECT[rule.effect]}"
    return line if rule.path is None else f"{line}\t{rule.path}"


def parse_rule(line: str) -> Rule:
    """Return the rule that ``format_rule`` wrote as *line*.

    Raises:
        ValueError: it is no such line.
    """
    domain, tab, rest = line.partition("\t")
    if not tab:
        return Rule(domain)
    codes, tab, path = rest.partition("\t")
    try:
        apex, below = _reach_of[codes[:1]]
        return Rule(domain, path if tab else None, apex, below, _effect_of[codes[1:]])
    except KeyError as error:
        raise ValueError(f"{line!r} is no rule of a stored list") from error


class RuleWriter:
    """Writes rules to a file that becomes whole, and is on the disk, when the ``with`` block ends without an error."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = path

    def __enter__(self) -> Self:
        """Open the file."""
        self._file = self._path.open("wb")
        self._packed = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(self._file, closefd=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file; remove it where an error ends the block."""
        try:
            if error is None:
                self._packed.flush(zstandard.FLUSH_FRAME)
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError:
            error = error or OSError()
            raise
        finally:
            self._file.close()
            if error is not None:
                self._path.unlink(missing_ok=True)

    def write(self, rules: Iterable[Rule]) -> None:
        """Append *rules*, reading them one by one."""
        lines: list[str] = []
        append = lines.append
        for rule in rules:
            append(rule[0] if rule[1:] == _PLAIN else format_rule(rule))
            if len(lines) >= _BATCH:
                self._flush(lines)
        if lines:
            self._flush(lines)

    def _flush(self, lines: list[str]) -> None:
        self._packed.write(("\n".join(lines) + "\n").encode())
        self.count += len(lines)
        lines.clear()


@dataclass(frozen=True, slots=True)
class StoredRules:
    """The rules in *path*, *count* of them where that is known; every iteration reads the file anew."""

    path: Path
    count: int | None = None

    def __iter__(self) -> Iterator[Rule]:
        """Yield the rules.

        Raises:
            ListError: the file is gone or damaged.
        """
        try:
            with self.path.open("rb") as packed, self._open(packed) as text:
                yield from self._read(text)
        except (OSError, ValueError, zstandard.ZstdError) as error:
            raise ListError(
                f"{self.path}: the stored list cannot be read ({error}); `filterd lists update` fetches it anew"
            ) from error

    def domains(self) -> Iterator[str]:
        """Yield the domain of every rule."""
        return (rule.domain for rule in self)

    @staticmethod
    def _open(packed: io.BufferedReader) -> io.TextIOWrapper:
        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True, closefd=False)
        return io.TextIOWrapper(reader, encoding="utf-8", newline="\n")

    def _read(self, text: io.TextIOWrapper) -> Iterator[Rule]:
        rest = ""
        count = 0
        while chunk := text.read(_CHUNK):
            *lines, rest = (rest + chunk).split("\n")
            count += len(lines)
            if "\t" in chunk or "\t" in "".join(lines[:1]):
                yield from map(parse_rule, lines)
            else:
                yield from map(Rule, lines)
        if rest or count != (self.count if self.count is not None else count):
            raise ValueError("it is cut")
