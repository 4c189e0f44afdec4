# SPDX-License-Identifier: GPL-3.0-or-later
"""What leads to refused places goes; every other byte stays where it was."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.policy.model import Allow, Block, Cause, Client, Decision, Reason, Request, Stage, Verdict
from filterd.proxy.judge import Judge
from filterd.proxy.links import Links, PageLinks
from filterd.proxy.removal import NOTE, Removal, take_out
from tests.filterd.proxy.support import rulebook

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
GAMBLING = Block(Reason(Cause.CATEGORY_LIST, rule="casino.example", category="gambling"))
REFUSED = ("casino.example", "xn--80ak6aa92e.example")


def decide(request: Request, /) -> Decision:
    refused = request.host in REFUSED or "/bet/" in (request.url or "")
    verdict: Verdict = GAMBLING if refused else Allow()
    return Decision(request, verdict, "child")


def links(host: str = "shop.example") -> PageLinks:
    judge = Judge(rulebook(decide, {}), observe=lambda _: None, clock=lambda: NOW)
    page = Decision(
        Request(Stage.REQUEST, Client("127.0.0.1"), NOW, host, f"https://{host}/a/b.html"), Allow(), "child"
    )
    return Links(judge).on_page(page)


def without(page: str, *, results: bool = False) -> str:
    removal = take_out(page.encode(), links(), results=results)
    return page if removal.body is None else removal.body.decode()


C = "casino.example"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'a <img src="https://{C}/1.jpg" alt="x"> b', f"a {NOTE} b"),
        (f"a <img SRC=//{C}/1.jpg> b", f"a {NOTE} b"),
        (f"a <img src='https:\\\\{C}/1.jpg'> b", f"a {NOTE} b"),
        (f'a <img src="https://u:p@{C}:8443/1.jpg"> b', f"a {NOTE} b"),
        ('<img src="https://casino&#46;example/1.jpg">', NOTE),
        ('<img src="https:&#x2f;&#x2F;casino.example/1.jpg">', NOTE),
        ('<a href="https://аррӏе.example/">x</a>', NOTE),
        (f'<img src="a.jpg" srcset="b.jpg 1x, https://{C}/2.jpg 2x">', '<img src="a.jpg" >'),
        (f'<img src="data:," data-src="https://{C}/1.jpg">', '<img src="data:," >'),
        (f'<picture><source srcset="//{C}/1.webp"><img src="a.jpg"></picture>',
         f'<picture>{NOTE}<img src="a.jpg"></picture>'),
        (f'vea <a class=x href="http://{C}/a?b#c"><b>esto</b></a> ya', f"vea {NOTE} ya"),
        (f'<a href="https://{C}/">sin final <a href="/ok">bien</a>', '<a >sin final <a href="/ok">bien</a>'),
        (f'<iframe src="https://{C}/"><p>no</p></iframe> b', f"{NOTE} b"),
        (f'<iframe src="https://{C}/">', '<iframe src="about:blank">'),
        (f'<frameset><frame src="https://{C}/"></frameset>', '<frameset><frame src="about:blank"></frameset>'),
        (f'<video src="https://{C}/v.mp4" controls><p>x</p></video> b', f"{NOTE} b"),
        (f'<video poster="https://{C}/p.jpg" src="/v.mp4"></video>', '<video  src="/v.mp4"></video>'),
        (f'<video><source src="//{C}/v.mp4"><source src="/w.mp4"></video>',
         f'<video>{NOTE}<source src="/w.mp4"></video>'),
        (f'<div style="a:url(//{C})" style="b:url(//{C})" style=c>', "<div   style=c>"),
        (f'<object data="https://{C}/x.swf">y</object> b', f"{NOTE} b"),
        (f'<embed src="https://{C}/x"> b', f"{NOTE} b"),
        (f'<link rel="preload" href="https://{C}/x"> b', f"{NOTE} b"),
        (f'<link rel="dns-prefetch" href="//{C}"> b', f"{NOTE} b"),
        (f'<meta http-equiv="refresh" content="0; url=https://{C}/"> b', f"{NOTE} b"),
        (f'<form action="https://{C}/" method="post"><input name="a"></form>',
         '<form action="about:blank" method="post"><input name="a"></form>'),
        (f'<button formaction="https://{C}/">x</button>', '<button formaction="about:blank">x</button>'),
        (f'<div style="background: url(https://{C}/b.jpg)">texto</div>', "<div >texto</div>"),
        (f'<svg><use xlink:href="https://{C}/x#y"/></svg>', "<svg><use /></svg>"),
        (f'<a href="/ok" ping="https://x.example https://{C}/p">x</a>', '<a href="/ok" >x</a>'),
        ('<a href="/bet/1">x</a> <a href="/fe/1">y</a>', f'{NOTE} <a href="/fe/1">y</a>'),
        (f'<map><area href="https://{C}/"><area href="/b"></map>', f'<map>{NOTE}<area href="/b"></map>'),
        (f'<a href="https://{C}/"><img src="https://{C}/1.jpg"></a> b', f"{NOTE} b"),
    ],
)  # fmt: skip
def test_what_leads_to_a_refused_place_goes(before: str, after: str) -> None:
    assert without(before) == after


@pytest.mark.parametrize(
    "page",
    [
        '<a href="https://other.example/?r=x">x</a> <img src="a.jpg" srcset="b.jpg 2x">',
        f"<p>Hay que cuidarse de {C}, https://{C}/, dice la nota.</p>",
        f'<script>var u = "https://{C}/x"; fetch(u)</script>',
        f'<script src="https://{C}/x.js"></script>',
        f'<!-- <img src="https://{C}/1.jpg"> -->',
        f'<textarea><img src="https://{C}/1.jpg"></textarea>',
        f'<input name="u" value="https://{C}/">',
        f'<meta property="og:image" content="https://{C}/1.jpg">',
        f'<a href="javascript:go()" title="https://{C}/">x</a>',
        f'<img src="a.jpg" src="https://{C}/1.jpg">',
        "",
    ],
)
def test_everything_else_stays(page: str) -> None:
    assert take_out(page.encode(), links()) == Removal()


def test_the_bytes_around_stay_in_any_encoding() -> None:
    page = f'<meta charset="windows-1252"><p>ma\xf1ana \x80<a href="https://{C}/">\xe9</a>\xff'.encode("latin-1")

    removal = take_out(page, links())

    assert removal.body == f'<meta charset="windows-1252"><p>ma\xf1ana \x80{NOTE}\xff'.encode("latin-1")


def test_a_page_in_two_byte_letters_is_sent_in_utf_8() -> None:
    page = f'<p>mañana <a href="https://{C}/">x</a></p>'

    removal = take_out(page.encode("utf-16"), links())

    assert removal.body == b"\xef\xbb\xbf" + f"<p>mañana {NOTE}</p>".encode()


def test_what_was_taken_out_is_counted_and_told_once_a_host() -> None:
    removal = take_out(f'<img src="//{C}/1"><img src="//{C}/2"><a href="/bet/1">x</a>'.encode(), links())

    assert removal.count == 3
    assert [(d.request.host, d.request.stage) for d in removal.decisions] == [
        (C, Stage.RESPONSE),
        ("shop.example", Stage.RESPONSE),
    ]


# Search results


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'<ol><li class="b_algo"><h2><a href="https://{C}/">A</a></h2><p>gane</p></li><li class="b_algo">B</li></ol>',
         f'<ol>{NOTE}<li class="b_algo">B</li></ol>'),
        (f'<div id="r"><div class="MjjYud"><div class="g"><a href="https://{C}/">A</a><i>s</i></div></div>B</div>',
         f'<div id="r"><div class="MjjYud">{NOTE}</div>B</div>'),
        (f'<ul><li><a href="https://{C}/">A</a> texto<li><a href="/b">B</a></ul>',
         f'<ul>{NOTE}<li><a href="/b">B</a></ul>'),
        (f'<div class="result"><a href="https://{C}/">A</a> y <a href="https://other.example/">B</a></div>',
         f'<div class="result">{NOTE} y <a href="https://other.example/">B</a></div>'),
        (f'<div class="result"><a href="https://{C}/">A</a> <a href="/cache?x">En caché</a></div>', NOTE),
        (f'<div class="results"><a href="https://{C}/">A</a></div>', f'<div class="results">{NOTE}</div>'),
        (f'<article data-testid="result"><a href="https://{C}/">A</a>', '<article data-testid="result">' + NOTE),
    ],
)  # fmt: skip
def test_a_result_goes_with_what_is_said_of_it(before: str, after: str) -> None:
    assert without(before, results=True) == after


def test_on_other_pages_only_the_link_goes() -> None:
    page = f'<article class="result"><p>Una noticia</p><a href="https://{C}/">x</a></article>'

    assert without(page) == f'<article class="result"><p>Una noticia</p>{NOTE}</article>'


# Whatever comes

PIECES = (
    "<a href='https://casino.example/'>", "</a>", "<li class=g>", "</li>", "<ul>", "</ul>", "<div class='result'>",
    "</div>", "<img src=//casino.example/1.png>", "texto ", "<iframe src='https://casino.example/'>", "</iframe>",
    "<!--", "-->", "<b", "<a href=/ok>", "<form action=//casino.example>", "<script>", "</script>", '"', "'", ">",
    "é", "<td>", "</table>",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.booleans())
@settings(max_examples=200)
def test_what_is_left_is_left_for_good(page: str, results: bool) -> None:
    once = without(page, results=results)

    assert take_out(once.encode(), links(), results=results) == Removal()


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    take_out(b"<img src=//casino.example>" + body, links(), results=True)


@pytest.mark.parametrize("piece", ["<div class=g>", "<li>", "<a href=//casino.example>", "</div>", "<td>", "<a href='",
                                   "<div class='", "= ", "<img srcset='//a "])  # fmt: skip
def test_no_page_takes_long(piece: str) -> None:
    page = b"<img src=//casino.example>" + piece.encode() * (400_000 // len(piece))
    began = time.process_time()

    take_out(page, links(), results=True)

    assert time.process_time() - began < 3
