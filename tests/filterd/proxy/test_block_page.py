# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that stands in for another: what it says, to whom, and what it cannot be made to do."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.model import Block, Cause, Client, Decision, Reason, Request, Stage
from filterd.proxy.answer import Asked, Form, Page
from filterd.proxy.block_page import Actions, block_page, failure_page, notice_page, outcome_page
from filterd.wording import LANGUAGES, Notice, Outcome

NAMES = {"gambling": {"es": "Juegos de azar", "gn": "Ñembosarái", "en": "Gambling", "pt": "Jogos de azar"}}
REASON = Reason(
    Cause.CATEGORY_LIST,
    rule="casino.example",
    list="ut1-gambling",
    category="gambling",
    categories=("gambling",),
    decree=("2.10",),
)
WHEN = datetime(2026, 3, 14, 15, 4, tzinfo=UTC)


def decision_on(host: str, reason: Reason = REASON) -> Decision:
    return Decision(Request(Stage.REQUEST, Client(), WHEN, host), Block(reason), "child")


SPANISH = Asked()
ASUNCION = timezone(timedelta(hours=-3))


def page(
    asked: Asked = SPANISH,
    *,
    host: str = "casino.example",
    reason: Reason = REASON,
    zone: tzinfo | None = ASUNCION,
    actions: Actions | None = None,
) -> Page:
    return block_page(decision_on(host, reason), reason, asked, category_names=NAMES, zone=zone, actions=actions)


def headers_of(answer: Page) -> dict[str, str]:
    return dict(answer.headers)


class Tags(html.parser.HTMLParser):
    """The tags of a page, with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", ["Página bloqueada", "Juegos de azar", "adulto responsable", "Regla"]),
        ("gn", ["Kuatiarogue ojejokóva", "Ñembosarái", "kakuaáva oñangarekóva"]),
        ("en", ["Page blocked", "Gambling", "responsible adult", "Rule"]),
        ("pt", ["Página bloqueada", "Jogos de azar", "adulto responsável", "Regra"]),
    ],
)
def test_the_page_says_what_which_category_which_rule_and_whom_to_ask(language: str, words: list[str]) -> None:
    answer = page(Asked(language))

    text = Tags(answer.body.decode()).text
    for word in [
        *words,
        "casino.example",
        "ut1-gambling",
        "2.10",
        "147",
        "2026-03-14 12:04" if language == "en" else "14/03/2026 12:04",
    ]:
        assert word in text
    assert headers_of(answer)["Content-Language"] == language
    assert answer.status == 403


def test_the_first_lines_can_be_read_in_a_terminal() -> None:
    head = page().body.decode().splitlines()[:6]

    assert "<title>Página bloqueada: casino.example – Juegos de azar</title>" in head
    assert any("Este sitio está en una lista de la categoría «Juegos de azar»." in line for line in head)


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    tags = Tags(page().body.decode()).tags

    assert not {tag for tag, _ in tags} & {"script", "img", "link", "iframe", "object", "form", "input"}
    assert not [name for _, attributes in tags for name in attributes if name in ("src", "style", "onclick")]
    assert {attributes["href"] for tag, attributes in tags if tag == "a"} == {
        "#filterd-es",
        "#filterd-gn",
        "#filterd-en",
    }


def test_the_policy_of_the_page_allows_its_own_style_only() -> None:
    answer = page()

    policy = headers_of(answer)["Content-Security-Policy"]
    style = re.search(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "unsafe" not in policy


def test_the_page_is_made_for_phones_for_the_dark_and_for_screen_readers() -> None:
    answer = page(Asked("en")).body.decode()

    tags = dict(Tags(answer).tags)
    assert tags["html"] == {"lang": "en"}
    assert {"main", "h1", "dl", "title"} <= set(tags)
    assert "width=device-width" in answer
    assert "prefers-color-scheme: dark" in answer


def test_nothing_of_it_is_stored() -> None:
    assert headers_of(page())["Cache-Control"] == "no-store"


@given(st.text(max_size=40), st.sampled_from(LANGUAGES))
def test_whatever_stands_in_rule_list_category_or_host_is_text(evil: str, language: str) -> None:
    hostile = f'"><script>alert(1)</script>{evil}'
    reason = Reason(Cause.CATEGORY_LIST, rule=hostile, list=hostile, category=hostile, decree=(hostile,))

    answer = page(Asked(language), host=hostile, reason=reason)

    assert "script" not in {tag for tag, _ in Tags(answer.body.decode()).tags}
    assert all("\r" not in value and "\n" not in value for _, value in answer.headers)


def test_dollars_in_a_rule_are_no_placeholders() -> None:
    assert "${title}" in page(reason=Reason(Cause.OWN_PATTERN, rule="${title}")).body.decode()


def test_programs_read_the_cause_in_proxy_status() -> None:
    status = headers_of(page())["Proxy-Status"]

    details = "category-list gambling casino.example ut1-gambling"
    assert status == f'filterd; error=http_request_denied; details="{details}"'


def test_proxy_status_is_printable_ascii_with_its_quotes_escaped() -> None:
    reason = Reason(Cause.OWN_PATTERN, rule='ñ"\\\r\nX: y')

    status = headers_of(page(reason=reason))["Proxy-Status"]

    assert status.endswith('details="own-pattern ?\\"\\\\??X: y"')


def test_a_failure_of_ours_is_no_refusal() -> None:
    answer = page(reason=Reason(Cause.FAILURE))

    assert answer.status == 502
    assert "proxy_internal_error" in headers_of(answer)["Proxy-Status"]


def test_json_says_the_same_for_programs() -> None:
    answer = page(Asked("en", Form.JSON))

    told = json.loads(answer.body)
    assert headers_of(answer)["Content-Type"] == "application/json"
    assert told | {"title": "", "sentence": "", "advice": "", "time": ""} == {
        "action": "block",
        "host": "casino.example",
        "category": "gambling",
        "categories": ["gambling"],
        "rule": "casino.example",
        "list": "ut1-gambling",
        "cause": "category-list",
        "decree": ["2.10"],
        "profile": "child",
        "title": "",
        "sentence": "",
        "advice": "",
        "time": "",
    }
    assert told["title"] == "Page blocked"


def test_plain_text_has_no_markup() -> None:
    lines = page(Asked("es", Form.TEXT)).body.decode().splitlines()

    assert lines[0] == "Página bloqueada: casino.example – Juegos de azar"
    assert not any("<" in line for line in lines)


def test_a_part_of_a_page_gets_an_empty_body() -> None:
    answer = page(Asked("es", Form.EMPTY))

    assert answer.body == b""
    assert answer.status == 403
    assert "Content-Type" not in headers_of(answer)


@pytest.mark.parametrize("notice", [n for n in Notice if n is not Notice.WORKS])
def test_a_trouble_is_an_error_and_says_that_it_is_no_block(notice: Notice) -> None:
    answer = notice_page(notice, Asked("en"), host="shop.example")

    assert answer.status >= 400
    assert "Page blocked" not in answer.body.decode()
    assert headers_of(answer)["Proxy-Status"].startswith("filterd; error=")


@pytest.mark.parametrize(
    ("notice", "status"),
    [
        (Notice.NAME_NOT_FOUND, 502),
        (Notice.NAME_TROUBLE, 504),
        (Notice.UNREACHABLE, 502),
        (Notice.CONNECT_TIMEOUT, 504),
        (Notice.BROKEN_ANSWER, 502),
        (Notice.PRIVATE_TARGET, 403),
        (Notice.BAD_REQUEST, 400),
        (Notice.WORKS, 200),
    ],
)
def test_a_trouble_has_the_status_that_programs_expect(notice: Notice, status: int) -> None:
    assert notice_page(notice, Asked(), host="shop.example").status == status


def test_the_greeting_is_friendly() -> None:
    answer = notice_page(Notice.WORKS, Asked(), host="permitido.prueba.home.arpa")

    assert "El filtro funciona: esta página está permitida." in answer.body.decode()
    assert "Proxy-Status" not in headers_of(answer)


def test_a_failure_is_told_in_three_languages() -> None:
    answer = failure_page()

    text = Tags(answer.body.decode()).text
    assert answer.status == 502
    assert headers_of(answer)["Content-Language"] == "es, gn, en"
    for words in ("El filtro tuvo un problema", "Oĩ apañuãi filtro-pe", "The filter had a problem"):
        assert words in text


def test_with_something_to_do_there_are_forms_for_it_in_each_language() -> None:
    tags = Tags(page(actions=Actions("1.token")).body.decode()).tags

    targets = [attributes["action"] for tag, attributes in tags if tag == "form"]
    assert targets == ["/.filterd/ask", "/.filterd/unlock"] * 3
    assert all(attributes["method"] == "post" for tag, attributes in tags if tag == "form")
    hidden = [a["value"] for tag, a in tags if tag == "input" and a.get("name") == "token"]
    assert hidden == ["1.token"] * 6


@pytest.mark.parametrize(
    ("actions", "targets"),
    [
        (Actions("t", asks=False), {"/.filterd/unlock"}),
        (Actions("t", unlocks=False), {"/.filterd/ask"}),
        (None, set()),
    ],
)
def test_only_what_can_be_done_is_offered(actions: Actions | None, targets: set[str]) -> None:
    tags = Tags(page(actions=actions).body.decode()).tags

    assert {attributes["action"] for tag, attributes in tags if tag == "form"} == targets


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_password_is_asked_for_and_the_page_says_so(language: str) -> None:
    answer = page(Asked(language), actions=Actions("t")).body.decode()

    assert 'type="password"' not in answer
    words = {"es": "nunca pide la contraseña", "gn": "ndojeruréi contraseña"}
    words |= {"en": "never asks for the password", "pt": "nunca pede a senha"}
    assert words[language] in answer


def test_a_form_knows_the_way_back_and_its_language() -> None:
    tags = Tags(page(Asked("gn", path='/a?b="c"'), actions=Actions("t")).body.decode()).tags

    assert {a["value"] for tag, a in tags if tag == "input" and a.get("name") == "back"} == {'/a?b="c"'}
    assert {a["value"] for tag, a in tags if tag == "input" and a.get("name") == "lang"} == {"es", "gn", "en"}


def test_closed_hours_are_said_in_the_language_of_the_page() -> None:
    answer = page(reason=Reason(Cause.CLOSED_HOURS, rule="mon-fri 21:00-07:00", list="schedule")).body.decode()

    assert "lunes–viernes 21:00–07:00" in answer
    assert "Monday–Friday 21:00–07:00" in answer
    assert "arakõi–arapoteĩ" in answer
    assert "mon-fri" not in answer


@pytest.mark.parametrize("outcome", Outcome)
def test_what_became_of_a_form_is_told_with_the_way_back(outcome: Outcome) -> None:
    answer = outcome_page(outcome, Asked("en", path="/x?y=1"), host="casino.example")

    assert ("a", {"href": "/x?y=1"}) in Tags(answer.body.decode()).tags
    assert (answer.status == 200) is (outcome in ("sent", "reported", "opened", "not-blocked"))


def test_inside_another_page_there_is_nothing_to_press() -> None:
    answer = page(Asked("es", Form.FRAME), actions=Actions("t"))

    assert not {tag for tag, _ in Tags(answer.body.decode()).tags} & {"form", "input", "button"}
    assert "frame-ancestors *" in headers_of(answer)["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers_of(page(actions=Actions("t")))["Content-Security-Policy"]
