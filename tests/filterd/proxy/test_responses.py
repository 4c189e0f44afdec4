# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers end to end: pages are judged by their text and lose parts; nothing else is touched or held back."""

from __future__ import annotations

import gzip
import http.client
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # it has no types
import httpx
import pytest
import zstandard

from filterd.policy.model import Allow, Block, Cause, Decision, Reason, Request, Stage
from filterd.proxy.inspection import Inspection
from filterd.proxy.responses import MAX_PAGE
from tests.filterd.proxy.pages import BY_LIST, BY_TEXT, Site, Words, looking, serving_site
from tests.filterd.proxy.support import RunningProxy

GOOD = "<!doctype html><title>Escuela</title><p>La clase de guaraní empieza a las ocho.</p>"
BAD = "<!doctype html><title>Gane</title><p>Juegue a las tragamonedas.</p>"
LINKS = '<p>Ver <a href="http://casino.example/x">aquí</a> o <a href="http://good.example/">allá</a>.</p>'


@pytest.fixture
def site() -> Iterator[Site]:
    with serving_site() as site:
        yield site


@pytest.fixture
def words() -> Words:
    return Words()


@pytest.fixture
def proxy(inspection: Inspection, words: Words) -> Iterator[RunningProxy]:
    with looking(inspection, words) as proxy:
        yield proxy


def test_a_harmless_page_comes_through_byte_for_byte(proxy: RunningProxy, site: Site) -> None:
    packed = gzip.compress(GOOD.encode())
    site.put("/", packed, Content_Encoding="gzip", ETag='"v1"')

    answer = proxy.ask(f"http://shop.example:{site.port}/")

    assert (answer.status, answer.body) == (200, packed)
    assert (answer.headers["Content-Encoding"], answer.headers["ETag"]) == ("gzip", '"v1"')
    assert [type(d.verdict) for d in proxy.decisions] == [Allow]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", BAD.encode()),
        ("gzip", gzip.compress(BAD.encode())),
        ("br", brotli.compress(BAD.encode())),
        ("zstd", zstandard.compress(BAD.encode())),
    ],
    ids=["plain", "gzip", "br", "zstd"],
)
def test_a_harmful_page_is_refused_however_it_is_packed(
    encoding: str, body: bytes, proxy: RunningProxy, site: Site
) -> None:
    site.put("/", body, **({"Content_Encoding": encoding} if encoding else {}))

    answer = proxy.ask(f"http://shop.example:{site.port}/", Accept="text/html", Accept_Language="es")

    assert answer.status == 403
    assert "Juegos de azar" in answer.text
    assert "tragamonedas" in answer.text  # the rule
    assert "Juegue" not in answer.text
    assert "Content-Encoding" not in answer.headers


def test_a_refusal_is_told_once_and_without_the_text(proxy: RunningProxy, site: Site) -> None:
    site.put("/", BAD)

    proxy.ask(f"http://shop.example:{site.port}/")

    assert [d.request.stage for d in proxy.decisions] == [Stage.REQUEST, Stage.RESPONSE]
    assert proxy.decisions[1].verdict == BY_TEXT
    assert all(d.request.page is None for d in proxy.decisions)


@pytest.mark.parametrize(
    ("destination", "kind"),
    [
        ("document", "text/html; charset=utf-8"),
        ("iframe", "text/html;charset=utf-8"),
        ("empty", "application/json"),
        ("image", "image/gif"),
    ],
)
def test_a_refusal_has_the_form_that_its_place_takes(
    destination: str, kind: str, proxy: RunningProxy, site: Site
) -> None:
    site.put("/", BAD)

    answer = proxy.ask(f"http://shop.example:{site.port}/", Sec_Fetch_Dest=destination)

    assert (answer.status, answer.headers["Content-Type"]) == (403, kind)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xhtml+xml", "TEXT/HTML"])
def test_all_that_a_browser_may_show_is_read(kind: str, proxy: RunningProxy, site: Site) -> None:
    site.put("/", BAD, kind)

    assert proxy.ask(f"http://shop.example:{site.port}/").status == 403


@pytest.mark.parametrize(
    "kind", ["image/png", "application/octet-stream", "text/css", "video/mp4", "text/event-stream"]
)
def test_what_is_no_page_streams(kind: str, proxy: RunningProxy, site: Site) -> None:
    site.put_in_pieces("/", [b"tragamonedas " * 10, b"the rest"], kind)
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    client.request("GET", f"http://shop.example:{site.port}/")
    answer = client.getresponse()

    first = answer.read(12)
    site.go_on.set()
    rest = answer.read()
    client.close()

    assert (first, rest[-8:]) == (b"tragamonedas", b"the rest")


def test_what_cannot_be_unpacked_is_shown_to_nobody(proxy: RunningProxy, site: Site) -> None:
    site.put("/", BAD, Content_Encoding="br")

    answer = proxy.ask(f"http://shop.example:{site.port}/", Accept="text/html")

    assert answer.status == 502
    assert "tragamonedas" not in answer.text


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_answers_without_a_body_pass(method: str, status: int, proxy: RunningProxy, site: Site) -> None:
    site.status = status
    site.pages["/"] = ("text/html", {"ETag": '"v1"'} if status != 200 else {"Content-Length": "999"}, [b""])

    answer = proxy.ask(f"http://shop.example:{site.port}/", method=method)

    assert (answer.status, answer.body) == (status, b"")


def test_a_page_is_asked_for_whole_and_new(proxy: RunningProxy, site: Site) -> None:
    site.put("/", GOOD)

    proxy.ask(
        f"http://shop.example:{site.port}/",
        Sec_Fetch_Dest="document", Range="bytes=5-", If_None_Match='"v1"', Accept_Encoding="gzip, dcb, br",
    )  # fmt: skip
    proxy.ask(f"http://shop.example:{site.port}/", Sec_Fetch_Dest="video", Range="bytes=5-", If_None_Match='"v1"')

    page, video = (headers for _, _, headers in site.asked)
    assert page.keys().isdisjoint({"range", "if-none-match"})
    assert page["accept-encoding"] == "gzip, br"
    assert (video["range"], video["if-none-match"]) == ("bytes=5-", '"v1"')


def test_a_part_of_a_page_is_judged_by_what_comes(proxy: RunningProxy, site: Site) -> None:
    site.status = 206
    site.put("/bad", BAD[20:], Content_Range="bytes 20-99/100")
    site.put("/links", LINKS, Content_Range="bytes 20-99/200")

    assert proxy.ask(f"http://shop.example:{site.port}/bad").status == 403
    assert proxy.ask(f"http://shop.example:{site.port}/links").text == LINKS


def test_of_a_page_without_end_the_head_is_judged_and_the_rest_streams(proxy: RunningProxy, site: Site) -> None:
    filler = b"<p>" + b"una frase cualquiera. " * 50_000
    site.put_in_pieces("/", [GOOD.encode(), filler, filler, b"tragamonedas"])
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    client.request("GET", f"http://shop.example:{site.port}/")
    answer = client.getresponse()

    first = answer.read(MAX_PAGE)  # the last piece has not been sent yet
    site.go_on.set()
    rest = answer.read()
    client.close()

    assert answer.status == 200
    assert first + rest == GOOD.encode() + filler + filler + b"tragamonedas"


def test_a_harmful_head_ends_a_page_without_end(proxy: RunningProxy, site: Site) -> None:
    filler = b"<p>" + b"una frase cualquiera. " * 50_000
    site.put_in_pieces("/", [BAD.encode(), filler, filler, *[filler] * 20, b"x"])
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    client.request("GET", f"http://shop.example:{site.port}/", headers={"Accept": "text/html"})
    refused = client.getresponse()
    body = refused.read()
    site.go_on.set()
    site.put("/good", GOOD)
    client.request("GET", f"http://shop.example:{site.port}/good")
    again = client.getresponse().status
    client.close()

    assert (refused.status, again) == (403, 200)
    assert b"Juegos de azar" in body
    assert site.broke_off.wait(10)


def test_a_bomb_is_judged_by_its_head(proxy: RunningProxy, site: Site) -> None:
    bomb = gzip.compress(BAD.encode() + b" " * (100 << 20))
    site.put("/", bomb, Content_Encoding="gzip")

    assert proxy.ask(f"http://shop.example:{site.port}/").status == 403


def test_an_allowed_page_loses_what_leads_to_harm(proxy: RunningProxy, site: Site) -> None:
    site.put("/", gzip.compress(LINKS.encode()), Content_Encoding="gzip", ETag='"v1"')

    answer = proxy.ask(f"http://shop.example:{site.port}/")

    assert answer.text == '<p>Ver <!-- quitado por el filtro --> o <a href="http://good.example/">allá</a>.</p>'
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert "Content-Encoding" not in answer.headers
    assert "ETag" not in answer.headers


def test_what_was_taken_out_is_told_once_for_each_host(proxy: RunningProxy, site: Site) -> None:
    site.put("/", LINKS * 3)

    proxy.ask(f"http://shop.example:{site.port}/")

    assert [(d.request.host, d.request.stage) for d in proxy.decisions] == [
        ("shop.example", Stage.REQUEST),
        ("casino.example", Stage.RESPONSE),
    ]
    assert proxy.decisions[1].verdict == BY_LIST


@pytest.mark.parametrize("cause", [Cause.ALLOW_LIST, Cause.PERMISSION, Cause.PROTECTION_OFF])
def test_what_an_adult_opened_is_not_looked_at(cause: Cause, inspection: Inspection, words: Words, site: Site) -> None:
    words.verdicts["shop.example"] = Allow(Reason(cause, rule="shop.example"))
    site.put("/", BAD + LINKS)
    with looking(inspection, words) as proxy:
        answer = proxy.ask(f"http://shop.example:{site.port}/")

    assert answer.text == BAD + LINKS
    assert all(request.stage is not Stage.RESPONSE for request in words.asked)


def test_a_site_under_guard_keeps_its_parts(inspection: Inspection, words: Words, site: Site) -> None:
    words.verdicts["clinic.example"] = Allow(Reason(Cause.GUARD_SITE, rule="clinic.example"))
    site.put("/", LINKS)
    with looking(inspection, words) as proxy:
        assert proxy.ask(f"http://clinic.example:{site.port}/").text == LINKS


def test_who_is_not_inspected_gets_every_byte_as_it_comes(inspection: Inspection, words: Words, site: Site) -> None:
    site.put("/", BAD + LINKS)
    with looking(inspection, words, change=lambda book: replace(book, inspects=lambda _: False)) as proxy:
        answer = proxy.ask(f"http://shop.example:{site.port}/", Accept_Encoding="compress", Range="bytes=0-")

    assert answer.text == BAD + LINKS
    assert site.asked[0][2]["accept-encoding"] == "compress"


def test_a_bug_in_the_judgement_shows_nothing(inspection: Inspection, words: Words, site: Site) -> None:
    def judge(request: Request, /) -> Decision:
        if request.stage is Stage.RESPONSE:
            raise RuntimeError("a bug in the policy")
        return words(request)

    site.put("/", GOOD)
    with looking(inspection, words, change=lambda book: replace(book, decide=judge)) as proxy:
        said = proxy.say(f"GET http://shop.example:{site.port}/ HTTP/1.1\r\nHost: shop.example:{site.port}\r\n\r\n")

    assert b"Escuela" not in said


def test_a_long_page_is_judged_too(proxy: RunningProxy, site: Site) -> None:
    """Over the size from which it is done in a thread."""
    site.put("/", GOOD + "<p>una frase cualquiera</p>" * 20_000 + BAD)

    answer = proxy.ask(f"http://shop.example:{site.port}/")

    assert answer.status == 403
    assert isinstance(proxy.decisions[-1].verdict, Block)


def test_suggestions_lose_what_leads_to_harm(inspection: Inspection, words: Words, site: Site) -> None:
    words.verdicts[f"http://www.search.example:{site.port}/search?q=casino%20gratis"] = BY_LIST
    site.put("/complete/search", '["cas", ["casa", "casino gratis", "casino.example"]]', "application/json")
    with looking(inspection, words) as proxy:
        answer = proxy.ask(f"http://www.search.example:{site.port}/complete/search?q=cas")

    assert answer.text == '["cas",["casa"]]'


@pytest.mark.parametrize("http2", [False, True], ids=["http/1.1", "http/2"])
def test_decrypted_pages_are_judged_the_same(
    http2: bool, inspection: Inspection, words: Words, good_certificate: Path, family: ssl.SSLContext
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(good_certificate)
    long = "<p>" + "una frase cualquiera. " * 60_000
    with serving_site(context) as site, looking(inspection, words) as proxy:
        site.put("/good", GOOD)
        site.put("/bad", BAD)
        site.put("/links", LINKS)
        site.put_in_pieces("/long", [long.encode(), long.encode()])
        site.put_in_pieces("/longbad", [BAD.encode(), *[long.encode()] * 9])
        site.go_on.set()
        url = f"https://shop.example:{site.port}"
        with httpx.Client(
            proxy=f"http://127.0.0.1:{proxy.port}", verify=family, http2=http2, trust_env=False, timeout=20
        ) as client:
            got = {path: client.get(url + path) for path in ("/good", "/bad", "/links", "/long", "/longbad", "/good")}

    assert {path: answer.status_code for path, answer in got.items()} == {
        "/good": 200, "/bad": 403, "/links": 200, "/long": 200, "/longbad": 403,
    }  # fmt: skip
    assert got["/good"].text == GOOD
    assert "casino.example" not in got["/links"].text
    assert got["/long"].text == long * 2
