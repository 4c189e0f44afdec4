# SPDX-License-Identifier: GPL-3.0-or-later
"""How the bytes of a category database lie; ``format.md`` says the same in words."""

from __future__ import annotations

import json
import struct
import sys
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, NamedTuple

MAGIC = b"\x89FDB\r\n\x1a\n"  # as PNG's: a transfer in text mode changes it
VERSION = 2
MACHINE = f"{sys.byteorder}-{struct.calcsize('P') * 8}"  # the trie library writes the machine's own words
ALIGNMENT = 8  # the trie's vectors hold 64-bit words

APEX = 1  # the entry covers its name itself
BELOW = 2  # the entry covers every name under it

ENTRY = struct.Struct("=HBB")  # index of the source, effect, APEX | BELOW
OFFSET = struct.Struct("=I")
INDEX_FORMATS: dict[int, Literal["B", "H", "I"]] = {
    1: "B",
    2: "H",
    4: "I",
}  # bytes per set number -> its format in array and memoryview

_preamble = struct.Struct("=8sIIQII32s")
PREAMBLE_SIZE = _preamble.size
CHECKED_FROM = 16  # the checksum covers everything behind itself


class DatabaseError(ValueError):
    """The category database cannot be read or written; the message names the file, the fault and the way out."""


@dataclass(frozen=True, slots=True)
class Source:
    """A list of one category as it went into the database."""

    list: str
    category: str
    url: str
    licence: str
    date: datetime | None
    rules: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a database says about itself."""

    built: datetime
    names: int  # distinct keys of the trie: domains and URLs
    networks: int  # distinct addresses and networks
    sets: int
    index_width: int
    lengths: tuple[int, ...]  # of the sections in bytes: trie, index, sets, networks
    sources: tuple[Source, ...]
    machine: str = MACHINE


class Preamble(NamedTuple):
    """The first bytes of the file."""

    magic: bytes
    version: int
    checksum: int  # CRC-32 of everything after the preamble, then of the preamble from CHECKED_FROM on
    size: int  # of the whole file
    header_length: int
    reserved: int
    digest: bytes  # SHA-256 of everything after the preamble


def pack_preamble(*, body_checksum: int, size: int, header_length: int, digest: bytes) -> bytes:
    """Return the preamble of a file whose body has *body_checksum* and *digest*."""
    packed = _preamble.pack(MAGIC, VERSION, 0, size, header_length, 0, digest)
    return _preamble.pack(MAGIC, VERSION, close_checksum(packed, body_checksum), size, header_length, 0, digest)


def unpack_preamble(packed: bytes) -> Preamble:
    """Return the fields of *packed*, which is PREAMBLE_SIZE long."""
    return Preamble(*_preamble.unpack(packed))


def close_checksum(preamble: bytes, body_checksum: int) -> int:
    """Return the checksum of a file from that of its body: the preamble holds what is known last, so it comes last."""
    return zlib.crc32(preamble[CHECKED_FROM:], body_checksum)


def pad(length: int) -> int:
    """Return how many bytes stand between a section of *length* and the next."""
    return -length % ALIGNMENT


def pack_header(header: Header) -> bytes:
    """Return *header* as JSON, padded with spaces so that what follows is aligned."""
    packed = json.dumps(asdict(header), default=datetime.isoformat, ensure_ascii=False).encode()
    return packed + b" " * pad(len(packed))


def unpack_header(packed: bytes) -> Header:
    """Return the header that pack_header wrote; ValueError, KeyError or TypeError where it did not."""
    fields = json.loads(packed)
    fields["built"] = datetime.fromisoformat(fields["built"])
    fields["lengths"] = tuple(fields["lengths"])
    fields["sources"] = tuple(_read_source(source) for source in fields["sources"])
    return Header(**fields)


def _read_source(fields: dict[str, str | int | None]) -> Source:
    date = fields.pop("date")
    return Source(**fields, date=datetime.fromisoformat(str(date)) if date else None)  # type: ignore[arg-type]  # JSON
