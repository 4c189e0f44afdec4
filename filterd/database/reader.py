# SPDX-License-Identifier: GPL-3.0-or-later
"""The category database as it is read: mapped, never loaded, one traversal a look-up.

Every role imports this module, so it imports little; what only *verify* needs is imported there.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import NamedTuple, Self

from filterd.database import layout
from filterd.database.layout import APEX, BELOW, DatabaseError, Header, Preamble, Source
from filterd.database.networks import NetworkTable
from filterd.database.trie import map_trie
from filterd.policy.model import Effect, Match
from filterd.policy.networks import BITS, Network, address_number, packed_number

_BUILD_ANEW = "build it anew with `filterd compile`"
_CHUNK = 1 << 18
_new = tuple.__new__  # what Match() comes to, without its 0.1 µs of Python in between
_EXCEPT = Effect.EXCEPT  # once, not at each of a look-up's entries


class _Record(NamedTuple):
    """What one list says of one name."""

    cover: int  # APEX | BELOW
    category: str
    list: str
    effect: Effect


class Database:
    """A mapped category database; a `model.Names`. Lives on, unchanged, when its file is replaced or removed."""

    __slots__ = (
        "_index",
        "_mapped",
        "_networks",
        "_prefixes",
        "_sets",
        "_sets_section",
        "_trie",
        "digest",
        "has_addresses",
        "header",
        "path",
    )

    def __init__(self, path: Path, mapped: memoryview, header: Header, preamble: Preamble) -> None:
        """Take *mapped*, a whole file that has been checked; use `open`."""
        self.path = path
        self.header = header
        self.digest = preamble.digest.hex()
        self._mapped = mapped
        start = layout.PREAMBLE_SIZE + preamble.header_length
        trie, index, self._sets_section, networks = _sections(mapped, start, header.lengths)
        self._trie = map_trie(trie)
        self._prefixes = self._trie.iter_prefixes_with_ids
        self._index = index.cast(layout.INDEX_FORMATS[header.index_width])
        self._networks = NetworkTable(networks, header.networks)
        self.has_addresses = header.networks > 0  # else no address needs to be asked for
        self._sets: dict[int, tuple[_Record, ...]] = {}  # those that have been met, decoded

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the database in *path*, checked against its checksum.

        The check reads the file instead of touching the map: pages that only it needs then cost the process nothing.

        Raises:
            DatabaseError: it is missing, cut, damaged, no database or of another format.
        """
        try:
            with path.open("rb", buffering=0) as file:
                preamble, header = _check(file, path)
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise DatabaseError(f"{path}: no such file; build it with `filterd compile`") from error
        except OSError as error:
            raise DatabaseError(f"{path}: cannot be read: {error.strerror}; {_BUILD_ANEW}") from error
        return cls(path, memoryview(mapped), header, preamble)

    @property
    def built(self) -> datetime:
        """When it was compiled."""
        return self.header.built

    @property
    def sources(self) -> tuple[Source, ...]:
        """The lists it was compiled from, in the order they were given."""
        return self.header.sources

    @property
    def names(self) -> int:
        """How many domains, addresses, networks and URLs it holds."""
        return self.header.names + self.header.networks

    def networks(self) -> Iterator[tuple[Network, Match]]:
        """Yield every entry for an address or a network, exceptions too, by address."""
        for network, number in self._networks:
            for record in reversed(self._decode(number)):
                match = Match(str(network), network.prefix_length, record.category, record.list, record.effect)
                yield network, match

    def find(self, host: str, path: str | None = None, /) -> Sequence[Match]:
        """Return every entry that covers *host* (and *path*, with its query), most specific first.

        A list's exceptions are applied and not returned. Where two entries are as specific, the list given first
        to the compiler stands first. *host* is normalised. What covers an address (it, its networks, URLs on it) is as
        deep as its prefix is long.
        """
        key = host[::-1] + "."
        matches: list[Match] = []  # least specific first, as the trie meets them
        excepted: list[tuple[str, str]] | None = None
        for entry, at in self._prefixes(key) if path is None else self._url_prefixes(key, path):
            needed = APEX if len(entry) == len(key) else BELOW
            number = self._index[at]
            for cover, category, list_id, effect in self._sets.get(number) or self._decode(number):
                if not cover & needed:
                    continue
                if effect is _EXCEPT:
                    excepted = excepted or []
                    excepted.append((list_id, category))
                    continue
                if "/" in entry:
                    rule, depth = _read_url(entry)
                else:
                    rule, depth = entry[-2::-1], entry.count(".")
                shown = rule if cover & APEX else "*." + rule
                matches.append(_new(Match, (shown, depth, category, list_id, effect)))
        # Only now, so that a name that is found pays nothing for addresses: the trie knows those by their URLs only.
        if not matches or path is not None:
            if (key[0] < ":" or ":" in host) and (path is not None or self.has_addresses):
                with suppress(ValueError):  # a name that ends in a digit
                    return self._find_address(address_number(host), key, path)
            if not matches:
                return matches
        if len(matches) > 1:
            matches.reverse()
        return _without(matches, excepted) if excepted else matches

    def may_know_address(self, packed: bytes) -> bool:
        """Return whether `find` may have something for the address *packed*; cheap enough for every answer."""
        return self.has_addresses and self._networks.holds(packed_number(packed))

    def _find_address(self, address: int, key: str, path: str | None) -> list[Match]:
        """Return what covers *address*, which is the host of *key*, and *path* on it, most specific first."""
        found: list[tuple[str, int, int]] = []  # rule, depth, number of the set
        if path is not None:
            entries = list(self._url_prefixes(key, path))[::-1]
            depth = Network(address, BITS).prefix_length + 1
            found += ((_read_url(entry)[0], depth, self._index[at]) for entry, at in entries)
        found += ((str(network), network.prefix_length, number) for network, number in self._networks.covering(address))
        matches: list[Match] = []
        excepted: list[tuple[str, str]] = []
        for rule, depth, number in found:
            for record in reversed(self._sets.get(number) or self._decode(number)):
                if record.effect is _EXCEPT:
                    excepted.append((record.list, record.category))
                else:
                    matches.append(Match(rule, depth, record.category, record.list, record.effect))
        return _without(matches, excepted)

    def _url_prefixes(self, key: str, path: str) -> Iterator[tuple[str, int]]:
        """Yield the entries that cover the host of *key* and those that cover *path* on it, least specific first."""
        if not path.isascii():  # a lone surrogate has no UTF-8 and so is in no key
            path = path.encode("utf-8", "replace").decode()
        found = list(self._prefixes(key + path))
        yield from (pair for pair in found if len(pair[0]) <= len(key))
        if key.endswith(".www."):  # a URL entry of the bare domain is less specific than one of the host
            bare = key.removesuffix("www.")
            yield from _only_urls(self._prefixes(bare + path), bare, path)
        yield from _only_urls(found, key, path)

    def _decode(self, number: int) -> tuple[_Record, ...]:
        section = self._sets_section
        first, last = struct.unpack_from("=II", section, number * layout.OFFSET.size)
        packed = section[first:last]
        # Backwards, as find turns its matches round in the end.
        records = tuple(self._record(*fields) for fields in layout.ENTRY.iter_unpack(packed))[::-1]
        self._sets[number] = records
        return records

    def _record(self, source: int, effect: int, cover: int) -> _Record:
        origin = self.header.sources[source]
        return _Record(cover, origin.category, origin.list, Effect(effect))

    def verify(self) -> None:
        """Check everything that `open` has no time for: the digest, and that the sections agree with each other.

        Raises:
            DatabaseError: they do not.
        """
        import hashlib  # loads OpenSSL, which look-ups do not need

        if hashlib.sha256(self._mapped[layout.PREAMBLE_SIZE :]).hexdigest() != self.digest:
            raise DatabaseError(f"{self.path}: damaged: its digest differs; {_BUILD_ANEW}")
        consistent = (
            len(self._trie) == len(self._index) == self.header.names
            and max(self._index, default=0) < self.header.sets
            and self._networks.is_sound(self.header.sets)
        )
        if not consistent:
            raise DatabaseError(f"{self.path}: damaged: its sections disagree; {_BUILD_ANEW}")
        try:
            for number in range(self.header.sets):
                self._decode(number)
        except (IndexError, ValueError, struct.error) as error:
            raise DatabaseError(f"{self.path}: damaged: unknown source or effect; {_BUILD_ANEW}") from error


def _without(matches: list[Match], excepted: Collection[tuple[str, str]]) -> list[Match]:
    """Return *matches* without those of the lists and categories that except the name."""
    return [m for m in matches if m.effect is Effect.IMPORTANT or (m.list, m.category) not in excepted]


def _sections(mapped: memoryview, start: int, lengths: Iterable[int]) -> Iterator[memoryview]:
    """Yield the sections of these *lengths*, the first of which begins at *start*."""
    for length in lengths:
        yield mapped[start : start + length]
        start += length + layout.pad(length)


def _only_urls(entries: Iterable[tuple[str, int]], key: str, path: str) -> Iterator[tuple[str, int]]:
    """Yield those of *entries*, which *key* and *path* begin with, that end where a segment does: /a/b is not /a/bc."""
    for entry, at in entries:
        covered = len(entry) - len(key)
        after = path[covered : covered + 1]
        if covered > 0 and (after in "/?" or entry[-1] == "/" or (after == "&" and "?" in entry)):
            yield entry, at


def _read_url(entry: str) -> tuple[str, int]:
    """Return the rule and the depth of *entry*, "moc.elpmaxe./path"."""
    name, _, path = entry.partition("/")
    return f"{name[-2::-1]}/{path}", name.count(".") + 1


def _check(file: FileIO, path: Path) -> tuple[Preamble, Header]:
    """Return the preamble and header of *file* if all of it is as it was written."""
    start = file.read(layout.PREAMBLE_SIZE)
    if not layout.MAGIC.startswith(start[: len(layout.MAGIC)]):
        raise DatabaseError(f"{path}: is no category database; {_BUILD_ANEW}")
    size = file.seek(0, 2)
    if len(start) < layout.PREAMBLE_SIZE:
        raise DatabaseError(f"{path}: cut off after {size} bytes; {_BUILD_ANEW}")
    preamble = layout.unpack_preamble(start)
    if preamble.version != layout.VERSION:
        known = f"format {preamble.version}, and this filterd reads format {layout.VERSION}"
        raise DatabaseError(f"{path}: written in {known}; update filterd, or {_BUILD_ANEW}")
    if size < preamble.size:
        raise DatabaseError(f"{path}: cut off after {size} of {preamble.size} bytes; {_BUILD_ANEW}")
    checksum = layout.close_checksum(start, _checksum_body(file))
    if size != preamble.size or checksum != preamble.checksum:
        raise DatabaseError(f"{path}: damaged: its checksum differs; {_BUILD_ANEW}")
    file.seek(layout.PREAMBLE_SIZE)
    try:
        header = layout.unpack_header(file.read(preamble.header_length))
    except (KeyError, TypeError, ValueError) as error:
        raise DatabaseError(f"{path}: damaged: its header cannot be read; {_BUILD_ANEW}") from error
    if header.machine != layout.MACHINE:
        raise DatabaseError(
            f"{path}: built on a {header.machine} machine, and this one is {layout.MACHINE}; {_BUILD_ANEW}"
        )
    return preamble, header


def _checksum_body(file: FileIO) -> int:
    file.seek(layout.PREAMBLE_SIZE)
    chunk = memoryview(bytearray(_CHUNK))
    checksum = 0
    while length := file.readinto(chunk):
        checksum = zlib.crc32(chunk[:length], checksum)
    return checksum
