# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader sees of a page."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.page_words import normalise_text
from filterd.proxy.page_text import MAX_TEXT, may_be_page, read_html, read_page, read_text

PAGE = """<!DOCTYPE html><html lang="es"><head><title>Bodega &amp; vinos</title>
<meta name="description" content="Vinos del Paraguay"><meta property="og:title" content="La bodega">
<meta name="Rating" content="adult">
<script type="application/ld+json">{"@type": "Store", "name": "Casa \\u00f1and\\u00fa"}</script></head>
<body><h1>Ofertas</h1><p>Vino tinto&nbsp;y&nbsp;blanco <a href="https://tienda.example/v">acá</a></p></body></html>"""


def words(text: str) -> list[str]:
    return normalise_text(text).replace(".", "").split()


def test_everything_that_a_reader_sees_is_taken() -> None:
    page = read_page(PAGE.encode(), content_type="text/html; charset=utf-8")

    assert page.title == "Bodega & vinos"
    assert words(page.headings) == ["ofertas"]
    assert words(page.text) == ["ofertas", "vino", "tinto", "y", "blanco", "aca"]
    assert words(page.description) == ["vinos", "del", "paraguay", "la", "bodega", "casa", "ñandu"]
    assert page.hosts == ("tienda.example",)
    assert page.age_label == 18


def test_a_header_may_label_a_page() -> None:
    assert (
        read_page(b"<p>x</p>", content_type="text/html", headers={"rating": "RTA-5042-1996-1400-1577-RTA"}).age_label
        == 18
    )
    assert read_page(b"x", content_type="text/plain", headers={"rating": "adult"}).age_label == 18


@pytest.mark.parametrize("content_type", ["", "text/html", "application/xhtml+xml", "text/plain"])
def test_a_page_is_read_as_one_whatever_its_type_says(content_type: str) -> None:
    assert read_page(PAGE.encode("cp1252"), content_type=content_type).title == "Bodega & vinos"


@pytest.mark.parametrize(
    ("content_type", "page"),
    [("text/html; charset=utf-8", True), ("", True), ("TEXT/PLAIN", True), ("application/xhtml+xml", True),
     ("image/png", False), ("application/json", False), ("text/css", False), ("video/mp4", False)],
)  # fmt: skip
def test_what_browsers_show_as_a_page_is_read(content_type: str, *, page: bool) -> None:
    assert may_be_page(content_type) is page


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json"])
def test_a_text_is_taken_as_it_is(content_type: str) -> None:
    page = read_page(b'{"title": "casino online"}', content_type=content_type)

    assert words(page.text) == ["title", "casino", "online"]


def test_a_page_that_hides_nearly_all_is_read_whole() -> None:
    assert "casino" in read_html("<div style='display:none'>casino</div><p>Un momento</p>").text
    assert "casino" not in read_html(f"<div style='display:none'>casino</div><p>{'mucho texto ' * 100}</p>").text


def test_of_a_long_text_the_beginning_and_the_end_are_taken() -> None:
    page = read_text("primera " + "palabra " * 100_000 + "última")

    assert len(page.text) <= MAX_TEXT + 1
    assert words(page.text)[0] == "primera"
    assert words(page.text)[-1] == "ultima"


def test_white_space_does_not_push_text_out() -> None:
    page = read_html("a" + " \n" * MAX_TEXT + "casino" + " \n" * MAX_TEXT + "b")

    assert words(page.text) == ["a", "casino", "b"]


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(body: bytes) -> None:
    read_page(body, content_type="text/html")
    read_page(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<p>" + b"casino online " * 700_000, id="10 MB in one line"),
        pytest.param(b"<div>" * 1_000_000, id="deep"),
        pytest.param(b"<a " + b" ".join(b"x%d=1" % at for at in range(500_000)) + b">", id="attributes"),
        pytest.param(b"&amp;" * 1_000_000, id="entities"),
        pytest.param(b"&" + b"a" * 5_000_000, id="a long entity"),
        pytest.param("я".encode() * 3_000_000, id="another script"),
        pytest.param(b"\xff\xfe" + b"<\x00" * 2_000_000, id="utf-16"),
        pytest.param(b"\xe1" * 5_000_000, id="no utf-8"),
        pytest.param(b'<script type="application/ld+json">{"name":"' + b"\\" * 5_000_000, id="linked data"),
        pytest.param(b"<meta name=description content='" + b"x" * 5_000_000, id="meta"),
    ],
)
def test_no_page_takes_more_than_time_in_proportion(body: bytes) -> None:
    began = time.process_time()

    normalise_text(read_page(body, content_type="text/html").text)

    assert time.process_time() - began < 4
