# SPDX-License-Identifier: GPL-3.0-or-later
"""Which program a ClientHello comes from, as far as its shape tells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SERVER_NAME, _GROUPS, _SIGNATURES, _ALPN, _VERSIONS = 0, 10, 13, 16, 43
_ECH = 0xFE0D  # encrypted_client_hello
# What only browsers send: delegated credentials (Firefox), application settings (Chrome), ECH or a decoy of it (both).
_BROWSERS_ONLY = frozenset({34, 17513, 17613, _ECH})


@dataclass(frozen=True, slots=True)
class Shape:
    """What is told by a ClientHello beside the server's name.

    *mark* is the same for all connections of one program: JA4 without its order and counts of what varies.
    *browser* is true where there is doubt: a browser is never excused from showing its pages.
    """

    mark: str
    browser: bool
    ech: bool
    alpn: tuple[bytes, ...]


def read_shape(ciphers: Iterable[int], extensions: Sequence[tuple[int, bytes]], alpn: Sequence[bytes]) -> Shape:
    """Return the shape of a ClientHello that offers *ciphers*, *extensions* and protocols."""
    offered = list(ciphers)
    kinds = [kind for kind, _ in extensions]
    bodies = dict(extensions)
    groups, versions = _words(bodies.get(_GROUPS, b"")[2:]), _words(bodies.get(_VERSIONS, b"")[1:])
    greased = any(_is_grease(value) for value in (*offered, *kinds, *groups, *versions))
    parts = (
        sorted(value for value in offered if not _is_grease(value)),
        sorted(kind for kind in kinds if not _is_grease(kind) and kind not in (_SERVER_NAME, _ALPN)),
        _words(bodies.get(_SIGNATURES, b"")[2:]),
        sorted(value for value in versions if not _is_grease(value)),
        [name.hex() for name in alpn],
    )
    return Shape(
        mark=hashlib.sha256(repr(parts).encode()).hexdigest()[:24],
        browser=greased or not _BROWSERS_ONLY.isdisjoint(kinds),
        ech=_ECH in kinds,
        alpn=tuple(alpn),
    )


def _words(body: bytes) -> list[int]:
    return [int.from_bytes(body[at : at + 2]) for at in range(0, len(body) - 1, 2)]


def _is_grease(value: int) -> bool:
    """Return whether *value* is one of those that clients send so that servers learn to skip them (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF
