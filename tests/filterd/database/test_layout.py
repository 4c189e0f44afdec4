# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is what is read."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from filterd.database import layout
from filterd.database.layout import Header, Source

dates = st.datetimes(timezones=st.just(UTC))
sources = st.builds(
    Source,
    list=st.text(),
    category=st.text(),
    url=st.text(),
    licence=st.text(),
    date=st.none() | dates,
    rules=st.integers(0, 10**9),
)
headers = st.builds(
    Header,
    built=dates,
    names=st.integers(0, 10**9),
    sets=st.integers(1, 10**6),
    index_width=st.sampled_from([1, 2, 4]),
    networks=st.integers(0, 10**6),
    lengths=st.tuples(*[st.integers(0, 10**9)] * 4),
    sources=st.lists(sources, max_size=3).map(tuple),
)


@given(header=headers)
def test_a_header_comes_back_as_it_was_and_is_aligned(header: Header) -> None:
    packed = layout.pack_header(header)

    assert layout.unpack_header(packed) == header
    assert len(packed) % layout.ALIGNMENT == 0


@given(size=st.integers(0, 2**63), checksum=st.integers(0, 2**32 - 1), digest=st.binary(min_size=32, max_size=32))
def test_a_preamble_comes_back_and_its_checksum_closes(size: int, checksum: int, digest: bytes) -> None:
    packed = layout.pack_preamble(body_checksum=checksum, size=size, header_length=7, digest=digest)

    preamble = layout.unpack_preamble(packed)

    assert len(packed) == layout.PREAMBLE_SIZE
    assert preamble[:2] == (layout.MAGIC, layout.VERSION)
    assert preamble[3:] == (size, 7, 0, digest)
    assert preamble.checksum == layout.close_checksum(packed, checksum)


@given(length=st.integers(0, 10**6))
def test_padding_reaches_the_next_boundary(length: int) -> None:
    assert (length + layout.pad(length)) % layout.ALIGNMENT == 0
    assert layout.pad(length) < layout.ALIGNMENT


def test_the_body_begins_aligned() -> None:
    assert layout.PREAMBLE_SIZE % layout.ALIGNMENT == 0


def test_a_date_keeps_its_zone() -> None:
    header = Header(
        built=datetime(2026, 11, 21, 18, 30, tzinfo=UTC),
        names=0,
        networks=0,
        sets=1,
        index_width=1,
        lengths=(0, 0, 0, 0),
        sources=(),
    )

    assert layout.unpack_header(layout.pack_header(header)).built.utcoffset() is not None
