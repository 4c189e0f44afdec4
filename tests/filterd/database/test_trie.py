# SPDX-License-Identifier: GPL-3.0-or-later
"""A trie finds what its keys begin, in memory or mapped."""

from __future__ import annotations

import gc
import mmap
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from filterd.database.trie import build_trie, map_trie

words = st.text(alphabet="ab./?é", max_size=12)
questions = st.text(alphabet="ab./?é\0", max_size=12)


@given(keys=st.lists(words.filter(bool), max_size=30), query=questions)
def test_every_key_that_begins_the_query_is_found_shortest_first(keys: list[str], query: str) -> None:
    trie = map_trie(memoryview(build_trie(keys).tobytes()))

    found = list(trie.iter_prefixes_with_ids(query))

    assert [key for key, _ in found] == sorted((key for key in set(keys) if query.startswith(key)), key=len)
    assert all(trie.key_id(key) == number for key, number in found)


@given(keys=st.lists(words, max_size=30))
def test_keys_are_numbered_without_gaps(keys: list[str]) -> None:
    trie = build_trie(keys)

    assert sorted(trie.key_id(key) for key in set(keys)) == list(range(len(trie)))


def test_a_mapped_trie_keeps_its_map_alive(tmp_path: Path) -> None:
    path = tmp_path / "trie"
    path.write_bytes(build_trie(f"key-{number}" for number in range(10_000)).tobytes())
    with path.open("rb") as file:
        find = map_trie(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))).iter_prefixes_with_ids
    path.unlink()
    gc.collect()

    assert [key for key, _ in find("key-9999")] == ["key-9", "key-99", "key-999", "key-9999"]


def test_mapping_copies_nothing(tmp_path: Path) -> None:
    trie = build_trie(f"{number * 7919 % 1_000_003}" for number in range(200_000))
    buffer = memoryview(trie.tobytes())
    before = _private_memory()

    mapped = [map_trie(buffer) for _ in range(20)]

    assert len(buffer) > 400_000
    assert all(len(each) == len(trie) for each in mapped)
    assert _private_memory() - before < 2 * len(buffer)


def _private_memory() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * mmap.PAGESIZE
