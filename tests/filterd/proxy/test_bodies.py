# SPDX-License-Identifier: GPL-3.0-or-later
"""What is packed is unpacked to a bound, or refused."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # it has no types
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from filterd.proxy.bodies import Body, UndecodableBody, may_unpack, unpack

TEXT = b"<p>hola mundo</p>" * 100


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "deflate": zlib.compress,
}
PACKED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "GZIP": gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]),
    "deflate": zlib.compress(TEXT),
    " deflate ": raw_deflate(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.compress(TEXT[:60]) + zstandard.compress(TEXT[60:]),
    "deflate, gzip": gzip.compress(zlib.compress(TEXT)),
    "identity": TEXT,
    "": TEXT,
}


@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_is_unpacked_by_what_it_says(encoding: str) -> None:
    body = unpack(PACKED[encoding], encoding, limit=1 << 20)

    assert (body.content, body.whole) == (TEXT, True)


@pytest.mark.parametrize("encoding", PACKED)
def test_no_more_than_the_limit_is_unpacked(encoding: str) -> None:
    body = unpack(PACKED[encoding], encoding, limit=100)

    assert (body.content, body.whole) == (TEXT[:100], False)


@pytest.mark.parametrize("encoding", PACKED)
def test_what_is_just_as_long_as_the_limit_is_whole(encoding: str) -> None:
    assert unpack(PACKED[encoding], encoding, limit=len(TEXT)).whole


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_a_bomb_does_not_go_off(encoding: str) -> None:
    bomb = PACK[encoding](bytes(50_000_000))

    assert len(unpack(bomb, encoding, limit=10_000).content) == 10_000


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_what_breaks_off_is_shown_as_far_as_it_came(encoding: str) -> None:
    noise = bytes(at * at % 251 for at in range(20_000))
    whole = PACK[encoding](noise)

    body = unpack(whole[: len(whole) - 9], encoding, limit=1 << 20)

    assert noise.startswith(body.content)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "compress", "dcb", "gzip, gzip, gzip, gzip", "x" * 300])
def test_what_is_not_what_it_says_is_refused(encoding: str) -> None:
    with pytest.raises(UndecodableBody):
        unpack(b"<!doctype html><p>not packed at all, in no way that is known", encoding, limit=1000)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_nothing_is_nothing_in_every_encoding(encoding: str) -> None:
    assert unpack(b"", encoding, limit=10) == Body(b"")


@given(st.binary(max_size=200), st.sampled_from(["gzip", "br", "zstd", "deflate", "deflate, gzip"]))
def test_no_bytes_do_more_than_be_refused(raw: bytes, encoding: str) -> None:
    try:
        body = unpack(raw, encoding, limit=500)
    except UndecodableBody:
        return

    assert len(body.content) <= 500


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate, br, zstd"),
        ("gzip, br;q=0.5, dcb, dcz", "gzip, br;q=0.5"),
        ("*", "identity"),
        ("", "identity"),
    ],
)
def test_servers_are_told_what_we_can_unpack(offered: str, kept: str) -> None:
    assert may_unpack(offered) == kept
