# SPDX-License-Identifier: GPL-3.0-or-later
"""Which form an answer has, and what the forms without words hold."""

from __future__ import annotations

import pytest

from filterd.proxy.answer import WORDLESS, Asked, Form, Section, headers_for, render_all, render_page
from filterd.wording import Explanation

WORDS = Explanation("Título", "Oración.")


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({}, Form.HTML),
        ({"accept": "*/*"}, Form.HTML),
        ({"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, Form.HTML),
        ({"accept": "text/html", "sec-fetch-dest": "document"}, Form.HTML),
        ({"accept": "text/html", "sec-fetch-dest": "iframe"}, Form.FRAME),
        ({"accept": "application/json"}, Form.JSON),
        ({"accept": "application/json, text/plain, */*", "sec-fetch-dest": "empty"}, Form.JSON),
        ({"accept": "application/vnd.api+json"}, Form.JSON),
        ({"accept": "*/*", "sec-fetch-dest": "empty"}, Form.JSON),
        ({"accept": "text/html", "sec-fetch-dest": "empty"}, Form.HTML),
        ({"accept": "image/avif,image/webp,*/*;q=0.8"}, Form.IMAGE),
        ({"accept": "text/css,*/*;q=0.1"}, Form.STYLE),
        ({"accept": "*/*", "sec-fetch-dest": "script"}, Form.SCRIPT),
        ({"accept": "text/html", "sec-fetch-dest": "image"}, Form.IMAGE),
        ({"accept": "*/*", "sec-fetch-dest": "font"}, Form.EMPTY),
        ({"accept": "text/plain"}, Form.TEXT),
    ],
)
def test_the_form_is_what_the_client_can_use(headers: dict[str, str], form: Form) -> None:
    assert Asked.by(headers).form is form


def test_the_language_is_what_the_client_prefers() -> None:
    assert Asked.by({"accept-language": "gn-PY,es;q=0.5"}).language == "gn"


def test_a_picture_is_a_whole_one_and_scripts_and_styles_are_empty() -> None:
    assert WORDLESS[Form.IMAGE].startswith(b"GIF89a")
    assert WORDLESS[Form.SCRIPT] == WORDLESS[Form.STYLE] == b""
    assert dict(headers_for(Form.SCRIPT, "es"))["Content-Type"] == "text/javascript"


def test_no_two_forms_are_one() -> None:
    assert len({*Form}) == 8


def test_the_language_asked_for_comes_last_for_the_others_hide_it() -> None:
    page = render_page([Section(tag, WORDS) for tag in Asked("gn").languages()], "x").decode()

    assert page.index('id="filterd-es"') < page.index('id="filterd-en"') < page.index('id="filterd-gn"')
    assert '<html lang="gn">' in page
    assert page.count('class="card other"') == 2


def test_a_page_in_one_language_has_no_links() -> None:
    assert "<nav>" not in render_page([Section("es", WORDS)], "x").decode()
    assert "<nav>" not in render_all([Section("es", WORDS), Section("gn", WORDS)], "x").decode()


def test_a_form_can_tell_its_origin() -> None:
    """With no-referrer a browser sends "Origin: null", and no form of ours would be taken."""
    assert dict(headers_for(Form.HTML, "es"))["Referrer-Policy"] == "same-origin"
