# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text stands in every language, and says what it has to."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import filterd.wording
from filterd.policy.model import Cause, Reason
from filterd.wording import (
    LANGUAGES,
    Label,
    Notice,
    Outcome,
    best_language,
    describe,
    explain,
    format_slot,
    format_time,
    label,
    name_category,
    report,
)

TEXTS = tomllib.loads(Path(filterd.wording.__file__).with_name("wording.toml").read_text(encoding="utf-8"))
NAMES = {"gambling": {"es": "Juegos de azar", "gn": "Ñembosarái pirapirére", "en": "Gambling", "pt": "Jogos de azar"}}


def texts_of(table: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield place and translations of each text below *table*."""
    if set(table) & set(LANGUAGES):
        yield where, {language: text for language, text in table.items() if language in LANGUAGES}
    for key, below in table.items():
        if isinstance(below, dict):
            yield from texts_of(below, f"{where}.{key}" if where else key)


ALL = dict(texts_of({key: value for key, value in TEXTS.items() if key != "meta"}))


@pytest.mark.parametrize("where", ALL)
def test_a_text_stands_in_all_languages(where: str) -> None:
    assert set(ALL[where]) == set(LANGUAGES)
    assert all(text.strip() for text in ALL[where].values())


@pytest.mark.parametrize("where", ALL)
def test_the_placeholders_of_a_text_agree_between_languages(where: str) -> None:
    used = {tuple(sorted(name for _, name, _, _ in string.Formatter().parse(t) if name)) for t in ALL[where].values()}

    assert len(used) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_explained_in_every_language(cause: Cause, language: str) -> None:
    reason = Reason(cause, rule="casino.example", list="ut1-gambling", category="gambling", decree=("2.10",))

    told = explain(reason, language=language, category_names=NAMES)

    assert told.title
    assert told.sentence
    assert "{" not in told.title + told.sentence + told.rule_line + told.advice
    assert "casino.example" in told.rule_line
    assert "ut1-gambling" in told.rule_line
    assert "2.10" in told.rule_line


@pytest.mark.parametrize("cause", Cause)
def test_a_reason_that_knows_nothing_but_its_cause_is_explained_too(cause: Cause) -> None:
    told = explain(Reason(cause), language="es", category_names={})

    assert told.sentence
    assert told.rule_line == ""


def test_the_causes_of_the_data_are_those_of_the_policy() -> None:
    assert set(TEXTS["causes"]) == set(Cause)


def test_the_notices_and_labels_of_the_data_are_those_of_the_code() -> None:
    assert set(TEXTS["notices"]) == set(Notice)
    assert set(TEXTS["labels"]) == set(Label)


def test_guarani_awaits_its_native_reader() -> None:
    assert TEXTS["meta"]["awaiting_native_review"] == ["gn"]
    assert tuple(TEXTS["meta"]["languages"]) == LANGUAGES


@pytest.mark.parametrize("cause", [Cause.CATEGORY_LIST, Cause.DENY_LIST, Cause.PAGE_TEXT, Cause.CLOSED_HOURS])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_block_names_the_help_line(cause: Cause, language: str) -> None:
    assert "147" in explain(Reason(cause), language=language, category_names={}).advice


@pytest.mark.parametrize(("language", "name"), NAMES["gambling"].items())
def test_a_category_has_its_name_in_the_language(language: str, name: str) -> None:
    reason = Reason(Cause.CATEGORY_LIST, category="gambling")

    assert name in explain(reason, language=language, category_names=NAMES).sentence


def test_a_category_without_that_name_has_its_spanish_one_or_its_id() -> None:
    assert name_category("gambling", language="gn", category_names={"gambling": {"es": "Juegos"}}) == "Juegos"
    assert name_category("gambling", language="gn", category_names={}) == "gambling"


def test_braces_in_a_rule_are_no_placeholders() -> None:
    reason = Reason(Cause.CLOSED_HOURS, rule="{category} {0}", category="{rule}")

    told = explain(reason, language="es", category_names={})

    assert "({category} {0})" in told.sentence


@pytest.mark.parametrize("notice", Notice)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_notice_is_told_in_every_language(notice: Notice, language: str) -> None:
    told = describe(notice, language=language, host="shop.example")

    assert told.title
    assert told.sentence
    assert "{" not in told.sentence


@pytest.mark.parametrize("name", Label)
def test_a_language_that_is_not_ours_is_answered_in_spanish(name: Label) -> None:
    assert label(name, language="de") == label(name, language="es")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "es"),
        ("", "es"),
        ("es-PY", "es"),
        ("es-PY,es;q=0.9,en;q=0.8", "es"),
        ("gn", "gn"),
        ("gug-PY", "gn"),
        ("gn-PY,es;q=0.8", "gn"),
        ("en-US,en;q=0.9", "en"),
        ("pt-BR", "pt"),
        ("EN", "en"),
        ("de,fr;q=0.8", "es"),
        ("de,en;q=0.1", "en"),
        ("en;q=0.3, gn;q=0.7", "gn"),
        ("gn;q=0, en", "en"),
        ("en;q=0", "es"),
        ("*", "es"),
        ("en;q=0.2,*;q=0.5", "es"),
        ("en;q=0.5,*;q=0.2", "en"),
        ("en;q=x, pt", "pt"),
        ("en;q=nan, pt;q=0.1", "pt"),
        ("en;q=7, pt;q=0.1", "pt"),
        (";;,,q=1", "es"),
        ("en" + ",de" * 5000, "en"),
    ],
)
def test_the_language_that_a_client_prefers(header: str | None, language: str) -> None:
    assert best_language(header) == language


def test_the_default_holds_where_no_language_is_ours() -> None:
    assert best_language("de", default="en") == "en"


@given(st.text(alphabet="esgnpt-;q=.,*0123456789 \t", max_size=60))
def test_any_header_gives_a_language_of_ours(header: str) -> None:
    assert best_language(header) in LANGUAGES


@pytest.mark.parametrize(
    ("slot", "language", "words"),
    [
        ("mon-fri 21:00-07:00", "es", "lunes–viernes 21:00–07:00"),
        ("sat,sun 22:00-08:00", "pt", "sábado, domingo 22:00–08:00"),
        ("all 00:00-00:00", "en", "every day 00:00–00:00"),
        ("mon-tue,fri 21:00-07:00", "gn", "arakõi–araapy, arapoteĩ 21:00–07:00"),
        ("", "es", ""),
    ],
)
def test_closed_hours_are_written_for_people(slot: str, language: str, words: str) -> None:
    assert format_slot(slot, language=language) == words


@given(st.text(max_size=40), st.sampled_from(LANGUAGES))
def test_whatever_stands_in_a_slot_can_be_shown(slot: str, language: str) -> None:
    format_slot(slot, language=language)


@pytest.mark.parametrize(("language", "words"), [("es", "14/03/2026 09:05"), ("en", "2026-03-14 09:05")])
def test_a_moment_is_written_as_people_of_the_language_do(language: str, words: str) -> None:
    assert format_time(datetime(2026, 3, 14, 9, 5, tzinfo=UTC), language=language) == words


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_of_a_form_has_words(outcome: Outcome, language: str) -> None:
    told = report(outcome, language=language, host="casino.example")

    assert told.title
    assert told.sentence
    assert "{" not in told.sentence
