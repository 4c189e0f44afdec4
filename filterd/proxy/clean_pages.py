# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages in which nothing was found are known again by their digest for a while: frames, reloads, polls."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable

_KEPT_S = 60.0
_MAX_KEPT = 4096


class CleanPages:
    """Remembers digests, never pages; all of it is forgotten when it is judged by other rules."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._secret = secrets.token_bytes(16)  # a digest that leaks must not tell which page it was
        self._rules: object = None
        self._until: dict[bytes, float] = {}

    def key(self, rules: object, facts: Iterable[str], body: bytes) -> bytes:
        """Return what stands for *body*, seen under *rules*, and for the *facts* that its judgement hangs on."""
        if rules is not self._rules:
            self._rules, self._until = rules, {}
        digest = hashlib.blake2b(body, digest_size=16, key=self._secret)
        for fact in facts:
            digest.update(b"\0" + fact.encode("utf-8", "surrogateescape"))
        return digest.digest()

    def knows(self, key: bytes) -> bool:
        """Return whether nothing was found there a moment ago."""
        return self._until.get(key, 0.0) > self._monotonic()

    def add(self, key: bytes) -> None:
        """Remember that nothing was found."""
        if len(self._until) >= _MAX_KEPT:
            self._until.clear()
        self._until[key] = self._monotonic() + _KEPT_S
