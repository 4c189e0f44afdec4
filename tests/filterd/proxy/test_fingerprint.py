# SPDX-License-Identifier: GPL-3.0-or-later
"""Which program a ClientHello comes from."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.proxy import sniff
from filterd.proxy.fingerprint import Shape, read_shape

CIPHERS = (0x1301, 0x1302, 0xC02B)
EXTENSIONS = ((0, b"name"), (10, b"\0\2\0\x1d"), (13, b"\0\2\4\3"), (43, b"\2\3\4"))


def shape(
    ciphers: tuple[int, ...] = CIPHERS,
    extensions: tuple[tuple[int, bytes], ...] = EXTENSIONS,
    alpn: tuple[bytes, ...] = (),
) -> Shape:
    return read_shape(ciphers, extensions, alpn)


def test_a_program_is_known_again_whatever_the_host_and_the_order() -> None:
    shuffled = ((43, b"\2\3\4"), (0, b"another"), (13, b"\0\2\4\3"), (10, b"\0\2\0\x1d"))

    assert shape().mark == shape(CIPHERS[::-1], shuffled).mark


@pytest.mark.parametrize(
    "other",
    [shape(ciphers=(0x1301,)), shape(extensions=EXTENSIONS[:3]), shape(alpn=(b"h2",)),
     shape(extensions=(*EXTENSIONS[:2], (13, b"\0\2\5\3"), EXTENSIONS[3]))],
    ids=["ciphers", "extensions", "protocols", "signatures"],
)  # fmt: skip
def test_another_program_has_another_mark(other: Shape) -> None:
    assert other.mark != shape().mark


@pytest.mark.parametrize("grease", [0x0A0A + 0x1010 * i for i in range(16)])
def test_chrome_sends_grease_and_is_known_by_it(grease: int) -> None:
    assert shape(ciphers=(grease, *CIPHERS)).browser
    assert shape(extensions=((grease, b""), *EXTENSIONS)).browser
    assert shape(extensions=(EXTENSIONS[0], (10, b"\0\2" + grease.to_bytes(2)), *EXTENSIONS[2:])).browser


@pytest.mark.parametrize("kind", [34, 17513, 17613, 0xFE0D])
def test_what_only_browsers_send_tells_them(kind: int) -> None:
    assert shape(extensions=(*EXTENSIONS, (kind, b""))).browser


def test_a_plain_program_is_no_browser() -> None:
    assert not shape().browser


def test_an_encrypted_hello_shows() -> None:
    assert shape(extensions=(*EXTENSIONS, (0xFE0D, b"x"))).ech
    assert not shape().ech


def test_a_real_greeting_is_read() -> None:
    marks = set()
    for name in ("a.example", "b.example"):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
        spoken = sniff.recognise(outgoing.read())
        assert isinstance(spoken, sniff.Tls)
        assert spoken.shape.alpn == (b"h2", b"http/1.1")
        assert not spoken.shape.browser
        marks.add(spoken.shape.mark)

    assert len(marks) == 1


@given(
    st.lists(st.integers(0, 0xFFFF)),
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=9))),
    st.lists(st.binary(max_size=5)),
)
def test_any_greeting_has_a_mark(ciphers: list[int], extensions: list[tuple[int, bytes]], alpn: list[bytes]) -> None:
    assert len(read_shape(ciphers, extensions, alpn).mark) == 24
