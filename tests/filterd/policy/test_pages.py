# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pages a profile does not get."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from filterd.policy.model import AgeBand, Client, PageView, Request, Stage
from filterd.policy.pages import LABELLED, find_refused, first_reached, is_for_older, page_of, strongest_phrase
from filterd.policy.phrases import parse_phrases
from filterd.policy.profile import Profile
from filterd.policy.scorer import CategoryModel, PageModel, PageScorer

THRESHOLDS = {AgeBand.CHILD: 0.3, AgeBand.ADOLESCENT: 0.6, AgeBand.ADULT: 0.9}
SCORER = PageScorer(
    {"gambling": parse_phrases("ruleta\tes\t1\nayuda\tes\t-3"), "alcohol": parse_phrases("vino\tes\t0.5")},
    PageModel(categories={"gambling": CategoryModel(bias=-1, thresholds=THRESHOLDS)}),
)
PAGE = PageView(text="una ruleta")  # gambling: about one half


def profile(*blocked: str, band: AgeBand = AgeBand.CHILD, **thresholds: float) -> Profile:
    return Profile("p", blocked_categories=frozenset(blocked), band=band, thresholds=thresholds)


def request(page: PageView | None = None, *, text: str | None = None, url: str | None = None) -> Request:
    host = url.split("/")[2] if url else "a.example"
    return Request(Stage.RESPONSE, Client(), datetime(2026, 11, 20, tzinfo=UTC), host, url, text=text, page=page)


@pytest.mark.parametrize(
    ("band", "refused"), [(AgeBand.CHILD, True), (AgeBand.ADOLESCENT, False), (AgeBand.ADULT, False)]
)
def test_the_younger_the_stricter(band: AgeBand, refused: bool) -> None:
    assert (find_refused(PAGE, profile("gambling", band=band), SCORER) is not None) == refused


def test_a_profile_s_own_threshold_comes_before_its_band_s() -> None:
    assert find_refused(PAGE, profile("gambling", gambling=0.99), SCORER) is None
    assert find_refused(PAGE, profile("gambling", band=AgeBand.ADULT, gambling=0.1), SCORER) is not None


def test_only_what_the_profile_blocks_is_refused_and_what_is_spared_is_not() -> None:
    assert find_refused(PAGE, profile("alcohol"), SCORER) is None
    assert find_refused(PAGE, profile("gambling"), SCORER, spared=frozenset({"gambling"})) is None
    assert find_refused(PAGE, profile("gambling"), None) is None


def test_a_category_is_reached_though_it_is_open() -> None:
    found = first_reached(SCORER.score(PAGE), profile(), SCORER)

    assert found is not None
    assert found.category == "gambling"


@pytest.mark.parametrize(
    ("band", "age", "closed"),
    [
        (AgeBand.CHILD, 12, False), (AgeBand.CHILD, 14, True), (AgeBand.CHILD, 16, True), (AgeBand.CHILD, 18, True),
        (AgeBand.ADOLESCENT, 16, False), (AgeBand.ADOLESCENT, 18, True),
        (AgeBand.ADULT, 18, True), (AgeBand.CHILD, None, False),
    ],
)  # fmt: skip
def test_a_page_that_says_its_age_is_believed_where_it_closes(band: AgeBand, age: int | None, closed: bool) -> None:
    page = PageView(age_label=age)

    assert is_for_older(page, profile(LABELLED, band=band)) == closed
    assert not is_for_older(page, profile("gambling", band=band))
    assert not is_for_older(page, profile(LABELLED, band=band), spared=frozenset({LABELLED}))


def test_a_request_may_carry_a_page_or_a_plain_text() -> None:
    assert page_of(request()) is None
    assert page_of(request(PAGE)) is PAGE
    assert page_of(request(text="hola")) == PageView(text="hola")


def test_what_a_translator_shows_is_judged_as_the_page_s_own_host() -> None:
    assert page_of(request(PAGE, url="https://translate.google.com/translate?u=https://a.example/")) is None


def test_the_strongest_phrase_speaks_for_the_category() -> None:
    (score,) = SCORER.score(PageView(text="ruleta ayuda"))

    assert score.evidence[0].phrase == "ayuda"
    assert strongest_phrase(score) == "ruleta"
