# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of a page made letters."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.proxy.page_charset import decode, is_binary

TEXT = "<p>El niño pidió información en la página del Ñandutí, según el ministerio</p>"


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        pytest.param(TEXT.encode(), "", id="utf-8 undeclared"),
        pytest.param(TEXT.encode(), "text/html; charset=iso-8859-1", id="utf-8 declared latin-1"),
        pytest.param(codecs.BOM_UTF8 + TEXT.encode(), "text/html; charset=windows-1252", id="utf-8 mark"),
        pytest.param(TEXT.encode("cp1252"), "", id="windows-1252 undeclared"),
        pytest.param(TEXT.encode("cp1252"), "text/html; charset=utf-8", id="windows-1252 declared utf-8"),
        pytest.param(TEXT.encode("cp1252"), 'text/html; charset="ISO-8859-1"', id="latin-1"),
        pytest.param(TEXT.encode("cp1252"), "text/html; charset=no-such", id="unknown declaration"),
        pytest.param(TEXT.encode("cp1252"), "text/html; charset=base64", id="a codec of no text"),
        pytest.param(TEXT.encode("utf-16-le"), "text/html; charset=utf-16le", id="utf-16 declared"),
        pytest.param(TEXT.encode("utf-16-le"), "", id="utf-16-le undeclared"),
        pytest.param(TEXT.encode("utf-16-be"), "", id="utf-16-be undeclared"),
        pytest.param(TEXT.encode("utf-16"), "text/html; charset=utf-8", id="utf-16 mark"),
        pytest.param(TEXT.encode("utf-32"), "", id="utf-32 mark"),
    ],
)
def test_a_page_is_read_whatever_it_says_of_its_encoding(body: bytes, declared: str) -> None:
    assert decode(body, declared) == TEXT


@pytest.mark.parametrize("declaration", ['<meta charset="windows-1251">', '<?xml version="1.0" encoding="cp1251"?>'])
def test_the_page_s_own_declaration_counts_where_it_is_no_utf8(declaration: str) -> None:
    assert decode(f"{declaration}казино".encode("cp1251")).endswith("казино")


def test_utf8_with_some_bytes_gone_wrong_stays_utf8() -> None:
    assert "información" in decode(b"\xff" + (TEXT * 3).encode())


def test_a_page_cut_in_the_middle_of_a_letter_is_utf8() -> None:
    assert decode("página ñ".encode()[:-1]) == "página "


@given(
    st.binary(max_size=200), st.sampled_from(["", "text/html; charset=utf-8", "x; charset=shift_jis", "charset=utf-16"])
)
def test_any_bytes_become_a_text(body: bytes, declared: str) -> None:
    assert isinstance(decode(body, declared), str)


@pytest.mark.parametrize(
    "body", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"PK\x03\x04", b"%PDF-1.7", bytes(range(256))]
)
def test_what_is_no_text_is_seen(body: bytes) -> None:
    assert is_binary(body)


@pytest.mark.parametrize(
    "body", [b"", TEXT.encode(), TEXT.encode("cp1252"), TEXT.encode("utf-16"), TEXT.encode("utf-16-le")]
)
def test_a_text_in_any_encoding_is_no_binary(body: bytes) -> None:
    assert not is_binary(body)


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (b"casino \0 en \0\0 vivo" + b"\0" * 300, "text/html; charset=utf-8"),
        (b"casino en vivo" + b"\0\0" * 200, ""),
    ],
)
def test_strewn_nuls_do_not_hide_the_words(body: bytes, declared: str) -> None:
    assert "vivo" in decode(body, declared).replace("\0", "")
