# SPDX-License-Identifier: GPL-3.0-or-later
"""A download that is not complete yet, and what must hold for its rest to fit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self


@dataclass(frozen=True, slots=True)
class Partial:
    """What has come of one address: the bytes, and beside them which version they are of."""

    path: Path

    @classmethod
    def of(cls, url: str, folder: Path) -> Self:
        """Return the place in *folder* for what comes from *url*."""
        return cls(folder / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.part")

    @property
    def size(self) -> int:
        """The bytes that have come."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def range_headers(self) -> dict[str, str]:
        """Return what asks a server for the rest, if it is still the rest of the same (RFC 9110 §13.1.5)."""
        validator = self._validator()
        if not validator or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": validator}

    def open(self, etag: str, modified: str, *, resume: bool) -> BinaryIO:
        """Return the file to write to: at its end where *resume*, else emptied. The version is noted first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if resume:
            return self.path.open("ab")
        self.path.unlink(missing_ok=True)
        # A weak tag names a version that means the same, not one that has the same bytes.
        validator = etag if etag and not etag.startswith("W/") else modified
        self._note.write_text(json.dumps({"validator": validator}), encoding="utf-8")
        return self.path.open("wb")

    def take(self) -> Path:
        """Return the path of the complete download; nothing can be resumed from it any more."""
        self._note.unlink(missing_ok=True)
        return self.path.replace(self.path.with_suffix(".whole"))

    def discard(self) -> None:
        """Remove it."""
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".json")

    def _validator(self) -> str:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return str(note.get("validator", "")) if isinstance(note, dict) else ""
