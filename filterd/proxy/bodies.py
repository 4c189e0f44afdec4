# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies unpacked, and never to more than was asked for: some kilobytes can unpack to gigabytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotli  # type: ignore[import-untyped]  # it has no types
import zstandard

# What we can unpack; servers are told so, for what nobody can look into is not passed on.
ACCEPTED = ("gzip", "deflate", "br", "zstd")
_MAX_LAYERS = 3
_MAX_WINDOW = 8 << 20  # RFC 8878 §3.1.1.1.2: what every decoder should support, and browsers do


class UndecodableBody(ValueError):
    """The body is not what its Content-Encoding says, or nobody knows that encoding."""


@dataclass(frozen=True, slots=True, repr=False)
class Body:
    """What was packed, or the beginning of it: *whole* says which."""

    content: bytes
    whole: bool = True


def unpack(raw: bytes, encodings: str, *, limit: int) -> Body:
    """Return *raw* without its *encodings* (a Content-Encoding), at most *limit* bytes of it.

    A body that breaks off is no error: browsers show what came.

    Raises:
        UndecodableBody: it is packed otherwise than it says, or in a way that we do not know.
    """
    names = [name for part in encodings.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(names) > _MAX_LAYERS:
        raise UndecodableBody(f"{len(names)} encodings, one upon the other")
    body = Body(raw)
    for name in reversed(names):  # RFC 9110 §8.4: in the order in which they were applied
        body = _unpack_one(body, name, limit)
    if len(body.content) > limit:
        return Body(body.content[:limit], whole=False)
    return body


def may_unpack(offered: str) -> str:
    """Return what of *offered*, an Accept-Encoding, we can unpack, as the client wrote it."""
    kept = [part.strip() for part in offered.split(",") if part.partition(";")[0].strip().lower() in _NAMES]
    return ", ".join(kept) or "identity"


def _unpack_one(body: Body, name: str, limit: int) -> Body:
    reader = _READERS.get(name)
    if reader is None:
        raise UndecodableBody(f"unknown encoding {name[:40]!r}")
    if not body.content:
        return body  # many servers name an encoding where there is nothing
    try:
        content = reader(body.content, limit + 1)
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise UndecodableBody(f"not {name}: {error}") from error
    return Body(content[:limit], whole=body.whole and len(content) <= limit)


def _read_gzip(raw: bytes, limit: int) -> bytes:
    found = b""
    while raw and len(found) < limit:
        member = zlib.decompressobj(31)
        try:
            found += member.decompress(raw, limit - len(found))
        except zlib.error:
            if found:
                break  # what stands behind the last member counts for nothing
            raise
        raw = member.unused_data if member.eof else b""
    return found


def _read_deflate(raw: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(raw, limit)
    except zlib.error:  # RFC 9110 §8.4.1.2: some send it without its wrapper
        return zlib.decompressobj(-15).decompress(raw, limit)


def _read_brotli(raw: bytes, limit: int) -> bytes:
    reader = brotli.Decompressor()
    found = bytearray(reader.process(raw, output_buffer_limit=limit))
    while len(found) < limit and not reader.is_finished():
        more = reader.process(b"", output_buffer_limit=limit - len(found))
        if not more:
            break
        found += more
    return bytes(found[:limit])


def _read_zstd(raw: bytes, limit: int) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    with unpacker.stream_reader(io.BytesIO(raw), read_across_frames=True) as reader:
        found = bytearray()
        while len(found) < limit and (more := reader.read(min(limit - len(found), 1 << 16))):
            found += more
        return bytes(found)


_READERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _read_gzip,
    "x-gzip": _read_gzip,  # RFC 9110 §8.4.1.3
    "deflate": _read_deflate,
    "br": _read_brotli,
    "zstd": _read_zstd,
}
_NAMES = frozenset((*ACCEPTED, "x-gzip", "identity"))
