# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML cut into text and tags, as a browser's tokeniser cuts it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.proxy.page_markup import attributes, cut, held, tag_name


@pytest.mark.parametrize(
    ("markup", "texts"),
    [
        ("a<b>c</b>d", ["a", "c", "d"]),
        ("a<!-- <p> -->b", ["a", "b"]),
        ("a<!-->b", ["a", "b"]),
        ("a<!--->b", ["a", "b"]),
        ("a<!-- x --!>b", ["a", "b"]),
        ("a<!-- x - -- > --->b", ["a", "b"]),
        ("a<!-- never ends", ["a", ""]),
        ("<!doctype html>a<?php x ?>b", ["", "a", "b"]),
        ('a<p title=">">b', ["a", "b"]),
        ("a<p title='>\"'>b", ["a", "b"]),
        ('a<p title = "x>y"z>b', ["a", "b"]),
        ('a<p x">b">c', ["a", 'b">c']),
        ('a<p ="x>b">c', ["a", 'b">c']),
        ('a<p x==">b">c', ["a", 'b">c']),
        ("a<p x=>b", ["a", "b"]),
        ("a < b <3 c", ["a < b <3 c"]),
        ("a</>b</ x>c", ["a", "b", "c"]),
        ("a<script>if (a<b) '<p>'</script>b", ["a", "", "b"]),
        ("a<SCRIPT src=x>1</scripty></Script >b", ["a", "", "b"]),
        ("a<script/>b", ["a", "b"]),
        ("a<script>never ends", ["a", ""]),
        ("a<style>p>b{}</style>b", ["a", "", "b"]),
        ("a<style><p>b", ["a", "", "b"]),
        ("<title>a<b>c</title>d", ["", "", "d"]),
        ("<scripts>a", ["", "a"]),
        ("a<p", ["a", ""]),
        ("a<p title='x", ["a", ""]),
    ],
)
def test_texts_between_tags(markup: str, texts: list[str]) -> None:
    assert cut(markup)[0] == texts


@given(st.text(alphabet="<>!-/=\"' abpsctrixyle", max_size=60))
def test_nothing_is_lost(markup: str) -> None:
    texts, tags = cut(markup)

    assert len(texts) == len(tags) + 1
    assert "".join(text + tag for text, tag in zip(texts, [*tags, ""], strict=True)) == markup


def test_attributes_are_read_as_a_browser_does() -> None:
    tag = "<A HREF=x/y  Title='a > b' href=z disabled data-x = \"1\" empty= >"

    assert tag_name(tag) == "a"
    assert attributes(tag) == {"href": "x/y", "title": "a > b", "disabled": "", "data-x": "1", "empty": ""}
    assert attributes("<!-- x=1 -->") == {}
    assert attributes("</a x=1>") == {}


def test_names() -> None:
    assert [tag_name(tag) for tag in ("</Div >", "<br/>", "<!-- p -->", "<my-card x>", "</>")] == [
        "div", "br", "", "my-card", "",
    ]  # fmt: skip


def test_what_a_raw_element_holds() -> None:
    assert held('<title lang="es>">Hola <b>') == "Hola <b>"


PIECES = (
    "<div>", "<", "<a ", "</", "<!--", "-", "<script>", "<style>", "<title>", '<a x="', "<a x='\"", "= ", "<a x=1 ",
    "&amp;", "<![", "/>", "<textarea></", "<a/", "x=y ", "<svg><style>",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("start", ["", "<a ", "<!--", "<script>"])
def test_no_page_takes_more_than_time_in_proportion(start: str, piece: str) -> None:
    began = time.process_time()

    cut(start + piece * (1_000_000 // len(piece)))

    assert time.process_time() - began < 3
