# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists in, one category database out, in memory that hardly grows with them.

The trie numbers its keys only when it is whole. So the rules pass once, into the trie, and wait in an unnamed
temporary file to be put to their numbers afterwards.
"""

from __future__ import annotations

import hashlib
import struct
import tempfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO

from filterd.database import layout
from filterd.database.layout import APEX, BELOW, DatabaseError, Header, Source
from filterd.database.networks import pack_networks
from filterd.database.trie import StaticTrie, build_trie
from filterd.policy.domains import is_address
from filterd.policy.model import Effect, Rule, RuleList
from filterd.policy.networks import Network, NetworkSet, is_network, parse_network

Entry = tuple[int, int, int]  # index of the source, effect, APEX | BELOW: the fields of layout.ENTRY

_BATCH = 1 << 14
_NOTHING = NetworkSet()
_EXAMPLES = 20
_batch_head = struct.Struct("=HBBI")  # an entry; the length of the keys that it holds for


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What went into a database."""

    path: Path
    names: int  # distinct domains and URLs
    networks: int  # distinct addresses and networks
    size: int  # bytes
    sources: tuple[Source, ...]  # with the number of rules that each gave
    unusable: int  # rules left out, for they cover nothing that a client could ask for
    shared: int  # addresses and networks left out, for other people's sites live there too
    shared_examples: tuple[str, ...]


def build_database(
    lists: Iterable[RuleList], path: Path, *, built: datetime, shared: NetworkSet = _NOTHING
) -> BuildReport:
    """Compile *lists* into *path*, which appears whole or not at all; no address in *shared* is ever blocked.

    Lists of the same id and category are one list. What *lists* raises while it streams passes through.

    Raises:
        DatabaseError: the file cannot be written.
    """
    with _unnamed_file(path) as waiting:
        sets = _SetTable()
        intake = _Intake(path, waiting, sets, shared)
        trie = build_trie(intake.take(lists))
        index = _fill_index(trie, intake.stored(), sets)
        sources = tuple(intake.sources.values())
        sections = (trie.tobytes(), index.tobytes(), sets.pack(), pack_networks(intake.networks))
        header = Header(
            built=built,
            names=len(trie),
            networks=len(intake.networks),
            sets=len(sets),
            index_width=index.itemsize,
            lengths=tuple(map(len, sections)),
            sources=sources,
        )
        with _writing(path):
            size = _write(path, header, sections)
    return BuildReport(
        path,
        names=len(trie),
        networks=len(intake.networks),
        size=size,
        sources=sources,
        unusable=intake.unusable,
        shared=intake.shared,
        shared_examples=tuple(intake.shared_examples),
    )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        way_out = "make room or choose another folder, then run `filterd compile`"
        raise DatabaseError(f"{path}: cannot be written: {error.strerror}; {way_out}") from error


def _unnamed_file(path: Path) -> IO[bytes]:
    with _writing(path):
        return tempfile.TemporaryFile(dir=path.parent)


@dataclass(slots=True)
class _Intake:
    """The rules as they stream by: counted, keyed, and stored for the second pass."""

    path: Path
    waiting: IO[bytes]
    sets: _SetTable
    crowd: NetworkSet  # where sites of many people share an address
    networks: dict[Network, int] = field(default_factory=dict)  # with the number of the set of each
    shared: int = 0
    shared_examples: list[str] = field(default_factory=list)
    sources: dict[tuple[str, str], Source] = field(default_factory=dict)
    unusable: int = 0

    def take(self, lists: Iterable[RuleList]) -> Iterator[str]:
        """Yield the key of each rule of *lists*."""
        for rule_list in lists:
            name = (rule_list.id, rule_list.category)
            source = self.sources.setdefault(name, _describe(rule_list))
            number = list(self.sources).index(name)
            rules = 0
            batches: dict[Entry, list[str]] = {}
            for rule in rule_list.rules:
                if _speaks_of_addresses(rule):
                    rules += self._take_network(rule, number)
                    continue
                key, cover = _key(rule)
                if not cover:
                    self.unusable += 1
                    continue
                rules += 1
                batch = batches.setdefault((number, rule.effect, cover), [])
                batch.append(key)
                if len(batch) == _BATCH:
                    self._store((number, rule.effect, cover), batch)
                    batch.clear()
                yield key
            for entry, batch in batches.items():
                self._store(entry, batch)
            self.sources[name] = replace(source, rules=source.rules + rules)

    def _take_network(self, rule: Rule, source: int) -> bool:
        """Take in *rule*, which names an address or a network; return whether it counts."""
        network = _network(rule)
        if network is None:
            self.unusable += 1
            return False
        if rule.effect is not Effect.EXCEPT and self.crowd.touches(network):
            self.shared += 1
            if len(self.shared_examples) < _EXAMPLES:
                self.shared_examples.append(rule.domain)
            return False
        self.networks[network] = self.sets.add(self.networks.get(network, 0), (source, rule.effect, APEX))
        return True

    def _store(self, entry: Entry, keys: list[str]) -> None:
        packed = "\n".join(keys).encode()
        with _writing(self.path):
            self.waiting.write(_batch_head.pack(*entry, len(packed)) + packed)

    def stored(self) -> Iterator[tuple[Entry, list[str]]]:
        """Yield what *take* stored: an entry and the keys that it holds for."""
        with _writing(self.path):
            self.waiting.seek(0)
        while head := self.waiting.read(_batch_head.size):
            *entry, length = _batch_head.unpack(head)
            if length:
                yield (entry[0], entry[1], entry[2]), self.waiting.read(length).decode().split("\n")


def _describe(rule_list: RuleList) -> Source:
    return Source(rule_list.id, rule_list.category, rule_list.source, rule_list.licence, rule_list.date, rules=0)


def _speaks_of_addresses(rule: Rule) -> bool:
    # First what tells nearly every name apart at no cost; a URL on an address is found by its host like any other.
    domain = rule[0]
    if domain[-1:] > "9" and ":" not in domain:
        return False
    return is_network(domain) or (rule[1] is None and is_address(domain))


def _network(rule: Rule) -> Network | None:
    """Return what *rule* names, ``None`` where it cannot be blocked."""
    try:
        network = parse_network(rule.domain)
    except ValueError:
        return None
    return None if network.is_too_wide or not rule.apex or rule.path is not None else network


def _key(rule: Rule) -> tuple[str, int]:
    """Return the key of *rule* and which names under it the rule covers; 0 where it covers none.

    Names are written backwards, character by character: what stands above a name is then what its key begins with,
    and turning a key round costs one slice where turning its labels round costs a split and a join.
    """
    domain, path, apex, below, _ = rule
    key = domain[::-1] + "."
    if path is not None:
        key += path
        cover = APEX | BELOW if path[:1] == "/" else 0  # the reader asks for a URL's entry only where it applies
    else:
        cover = (APEX if apex else 0) | (BELOW if below else 0)
    # Control characters, lone surrogates: no request holds them unescaped.
    return (key, cover) if domain and key.isprintable() else (key, 0)


class _SetTable:
    """Numbers the distinct sets of entries that names have: few, however many the names."""

    def __init__(self) -> None:
        self._sets: list[tuple[Entry, ...]] = [()]
        self._numbers: dict[tuple[Entry, ...], int] = {(): 0}

    def __len__(self) -> int:
        return len(self._sets)

    def add(self, number: int, entry: Entry) -> int:
        """Return the number of the set *number* with *entry* in it."""
        source, effect, cover = entry
        covers = {(source, effect): cover for source, effect, cover in self._sets[number]}
        covers[source, effect] = covers.get((source, effect), 0) | cover
        grown = tuple(sorted((source, effect, cover) for (source, effect), cover in covers.items()))
        if grown not in self._numbers:
            self._numbers[grown] = len(self._sets)
            self._sets.append(grown)
        return self._numbers[grown]

    def pack(self) -> bytes:
        """Return the section of sets: where each begins, where the last ends, the entries."""
        packed = [b"".join(layout.ENTRY.pack(*entry) for entry in entries) for entries in self._sets]
        at = layout.OFFSET.size * (len(packed) + 1)
        offsets = [layout.OFFSET.pack(at)]
        for entries in packed:
            at += len(entries)
            offsets.append(layout.OFFSET.pack(at))
        return b"".join(offsets + packed)


def _fill_index(trie: StaticTrie, stored: Iterable[tuple[Entry, list[str]]], sets: _SetTable) -> array[int]:
    """Return the number of each key's set, in the order in which *trie* numbers its keys."""
    index = array("I", bytes(4 * len(trie)))
    for entry, keys in stored:
        grown: dict[int, int] = {}  # set number before -> after this entry
        for at in map(trie.key_id, keys):
            number = index[at]
            if number not in grown:
                grown[number] = sets.add(number, entry)
            index[at] = grown[number]
    width = min(width for width in layout.INDEX_FORMATS if len(sets) <= 1 << 8 * width)
    return array(layout.INDEX_FORMATS[width], index)


def _write(path: Path, header: Header, sections: tuple[bytes, ...]) -> int:
    """Write the database beside *path*, put it in its place and return its size."""
    packed_header = layout.pack_header(header)
    body = [packed_header]
    for section in sections:
        body += [section, bytes(layout.pad(len(section)))]
    checksum, digest = 0, hashlib.sha256()
    for part in body:
        checksum = zlib.crc32(part, checksum)
        digest.update(part)
    size = layout.PREAMBLE_SIZE + sum(map(len, body))
    preamble = layout.pack_preamble(
        body_checksum=checksum, size=size, header_length=len(packed_header), digest=digest.digest()
    )
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            file.writelines([preamble, *body])
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return size
