# SPDX-License-Identifier: GPL-3.0-or-later
"""Which texts of a page a reader sees."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.page_words import normalise_text
from filterd.proxy.page_markup import cut
from filterd.proxy.page_shown import Shown, read_shown


def shown(markup: str, *, hiding: bool = True) -> Shown:
    return read_shown(*cut(markup), hiding=hiding)


def words(markup: str) -> str:
    """Return the words shown, stops between blocks reduced to one."""
    kept: list[str] = []
    for word in normalise_text(shown(markup).text).split():
        if word != "." or (kept and kept[-1] != "."):
            kept.append(word)
    return " ".join(kept).strip(" .")


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>uno</p><p>dos</p>", "uno . dos"),
        ("<li>uno<li>dos", "uno . dos"),
        ("uno<br>dos", "uno . dos"),
        ("los <b>casinos</b> online", "los casinos online"),
        ("cas<b>ino</b> y ca<span>sino</span> y cas<!-- x -->ino", "casino y casino y casino"),
        ("<span>uno</span><span>dos</span>", "uno dos"),
        ("<a>uno</a><a>dos</a>", "uno dos"),
        ("".join(f"<span>{letter}</span>" for letter in "casino"), "casino"),
        ('<img alt="una ruleta">', "una ruleta"),
        ("<a title='ver casino'>aquí</a>", "ver casino . aqui"),
        ("<input type=submit value='Apostar'><input type=hidden value='no'>", "apostar"),
        ("<input placeholder=Nombre>", "nombre"),
        ("<button>Jugar</button><option>uno<option>dos", "jugar . uno . dos"),
        ("<textarea>escrito</textarea>", "escrito"),
        ("<noscript>sin programas</noscript>", "sin programas"),
        ("a<script>no</script><style>no</style><template>no</template><iframe>no</iframe>b", "a . b"),
        ("<svg><title>dibujo</title></svg>", ""),
        ("<table><tr><td>uno<td>dos</table>", "uno . dos"),
    ],
)
def test_words_as_a_reader_sees_them(markup: str, expected: str) -> None:
    assert words(markup) == expected


@pytest.mark.parametrize(
    "tag",
    [
        "<div hidden>", "<DIV HIDDEN=''>", "<div style='display:none'>", '<div style="color:red; DISPLAY : none">',
        "<section style='visibility: hidden'>", "<div style='position:absolute; left:-9999px'>", "<span hidden>",
        "<a href=x style='text-indent:-5000px'>", "<template>",
    ],
)  # fmt: skip
def test_what_the_markup_hides_is_not_seen(tag: str) -> None:
    name = tag[1:].split()[0].strip(">")

    assert words(f"uno {tag}oculto <b>más</b></{name}> dos") == "uno . dos"


@pytest.mark.parametrize(
    "markup",
    [
        pytest.param("<div hidden>no</div>sí", id="plain"),
        pytest.param("<div hidden><div>no</div>no</div>sí", id="nested"),
        pytest.param("<section><div hidden>no</section>sí</div>", id="closed by what is around"),
        pytest.param("<p><span hidden>no<div>sí</div></span>", id="a block closes the paragraph"),
        pytest.param("<ul><li><div hidden>no<li>sí</div></ul>", id="the next item"),
        pytest.param("<table><tr><td><div hidden>no<td>sí</div></table>", id="the next cell"),
        pytest.param("<a hidden>no<a>sí</a>", id="the next link"),
        pytest.param("<p hidden>sí</p>", id="an element that ends unsaid is shown"),
        pytest.param("<div hidden>sí", id="an element that never ends is shown"),
        pytest.param("<div hidden=until-found>sí</div>", id="found by a search"),
        pytest.param("<div aria-hidden=true>sí</div>", id="hidden from screen readers only"),
        pytest.param("<div data-hidden=1 class=hidden title=''>sí</div>", id="other names"),
        pytest.param("<div style='color:red'>sí</div>", id="another style"),
    ],
)
def test_nothing_that_a_browser_shows_is_taken_for_hidden(markup: str) -> None:
    assert words(markup).split(" ")[-1] == "si"
    assert "no" not in words(markup).split()


def test_without_hiding_all_is_read() -> None:
    found = shown("uno <div hidden>dos</div><template>tres</template>", hiding=False)

    assert normalise_text(found.text).replace(".", "").split() == ["uno", "dos", "tres"]
    assert not found.hides


def test_title_headings_metas_and_linked_data_are_told_apart() -> None:
    found = shown(
        "<head><title>Mi página</title><meta name=rating content=adult>"
        '<script type="application/ld+json">{"name": "x"}</script></head>'
        "<h1>Uno <b>grande</b></h1><p>texto</p><h2>Dos</h2><h4>no</h4><svg><title>otro</title></svg>"
    )

    assert found.title == "Mi página"
    assert normalise_text(found.headings) == " . uno grande . . dos . " or "uno grande" in normalise_text(
        found.headings
    )
    assert "texto" not in found.headings
    assert "texto" in found.text
    assert "Uno" in found.text
    assert "otro" in found.text
    assert found.metas == ["<meta name=rating content=adult>"]
    assert found.linked_data == ['{"name": "x"}']


def test_hosts_of_links_and_pictures_that_are_shown() -> None:
    found = shown(
        '<a href="https://Casino.example/x">a</a><img src=//img.example:8080/x><a href="/local">b</a>'
        '<iframe src="http://u:p@frame.example/"></iframe><script src="https://script.example/x"></script>'
        '<link href="https://style.example/"><div hidden><a href="https://hidden.example/">c</a></div>'
    )

    assert found.hosts == ("casino.example", "frame.example", "img.example")


@given(st.text(alphabet="<>/=\"' abdivspn", max_size=80), st.booleans())
def test_any_markup_can_be_read(markup: str, hiding: bool) -> None:
    assert isinstance(shown(markup, hiding=hiding).text, str)


PIECES = (
    "<div hidden>", "<a hidden>", "<span hidden><div>", "<h1>", "<div hidden></div>", "<div style='", "<a alt=",
    '<a title="', "<li><div hidden>", "<template>", "</div>", "<a href=//", "<input value=", "<p style=-none style=",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("start", ["", "<div hidden>", "<div "])
def test_no_page_takes_more_than_time_in_proportion(start: str, piece: str) -> None:
    began = time.process_time()

    shown(start + piece * (500_000 // len(piece)))

    assert time.process_time() - began < 3
