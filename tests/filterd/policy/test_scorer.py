# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page is, by its phrases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.model import AgeBand, PageView
from filterd.policy.phrases import Phrase, parse_phrase, parse_phrases
from filterd.policy.scorer import CategoryModel, ModelError, PageModel, PageScorer, read_model

GAMBLING = parse_phrases(
    "casino online\tes\t3\nruleta\tes\t2\nbono sin deposito\tes\t3\nludopatia\tes\t-4\napuest*\tes\t1.5"
)
WINE = parse_phrases("ruleta\tes\t-1\nvino\tes\t3")
WORDS = st.sampled_from(["casino online", "ruleta", "ludopatia", "apuestas", "casa", "perro", "vino", "la", "bono"])
TEXTS = st.lists(WORDS, max_size=30).map(" ".join)


def scorer(**more: tuple[Phrase, ...]) -> PageScorer:
    return PageScorer({"gambling": GAMBLING, **more})


def probability(page: PageView | str, category: str = "gambling", using: PageScorer | None = None) -> float:
    view = PageView(text=page) if isinstance(page, str) else page
    return next((s.probability for s in (using or scorer()).score(view) if s.category == category), 0.0)


def test_phrases_that_speak_for_a_category_make_it_probable() -> None:
    assert probability("casino online con ruleta y bono sin depósito") > 0.9
    assert probability("ruleta") < 0.5
    assert probability("receta de pan") == 0.0


def test_context_argues_against() -> None:
    page = "casino online, ruleta, bono sin depósito"

    assert probability(f"{page}. Ludopatía: pedí ayuda") < probability(page)


def test_the_evidence_names_phrase_count_and_contribution_strongest_first() -> None:
    (score,) = scorer().score(PageView(text="ruleta ruleta ruleta casino online ludopatía apuestas apuesta"))

    assert [(e.phrase, e.times) for e in score.evidence] == [
        ("ludopatia", 1), ("ruleta", 3), ("casino online", 1), ("apuest*", 2),
    ]  # fmt: skip
    assert score.evidence[0].contribution < 0 < score.evidence[1].contribution


def test_titles_and_headings_count_more() -> None:
    plain = PageView(text="ruleta y algo")

    assert probability(PageView(text="ruleta y algo", headings="ruleta")) > probability(plain)
    assert probability(PageView(text="ruleta y algo", title="Ruleta")) > probability(plain)
    assert probability(PageView(text="ruleta y algo", description="ruleta")) > probability(plain)


def test_a_heading_is_counted_once_in_the_evidence() -> None:
    (score,) = scorer().score(PageView(text="Ruleta. La ruleta", headings="Ruleta"))

    assert [(e.phrase, e.times) for e in score.evidence] == [("ruleta", 2)]


def test_a_long_text_needs_more_but_not_without_end() -> None:
    page = "casino online, ruleta, bono sin depósito. "

    assert probability(page + "palabra " * 2000) < probability(page)
    assert probability(page + "palabra " * 200_000) == probability(page + "palabra " * 400_000)


def test_one_phrase_may_speak_for_one_category_and_against_another() -> None:
    scores = {s.category: s.evidence for s in scorer(alcohol=WINE).score(PageView(text="ruleta y vino"))}

    assert {e.phrase: e.contribution > 0 for e in scores["alcohol"]} == {"ruleta": False, "vino": True}
    assert {e.phrase: e.contribution > 0 for e in scores["gambling"]} == {"ruleta": True}


@given(TEXTS, st.floats(0.1, 10))
def test_one_more_harmful_phrase_never_makes_a_page_less_probable(text: str, weight: float) -> None:
    more = PageScorer({"gambling": (*GAMBLING, parse_phrase("perro", weight=weight))})

    assert probability(text, using=more) >= probability(text)


@given(TEXTS, st.floats(-10, -0.1))
def test_one_more_phrase_against_never_makes_a_page_more_probable(text: str, weight: float) -> None:
    more = PageScorer({"gambling": (*GAMBLING, parse_phrase("perro", weight=weight))})

    assert probability(text, using=more) <= probability(text)


@given(TEXTS)
def test_scores_are_probabilities_in_falling_order(text: str) -> None:
    scores = scorer(alcohol=WINE).score(PageView(text=text))

    assert all(0 <= score.probability <= 1 for score in scores)
    assert [s.probability for s in scores] == sorted((s.probability for s in scores), reverse=True)


def test_without_phrases_nothing_is_found() -> None:
    assert list(PageScorer({}).score(PageView(text="casino online"))) == []


def test_counting_gives_what_the_learning_script_needs() -> None:
    counts, words = scorer().count(PageView(text="Ruleta, casino online. Fin", title="Ruleta"))

    assert words == 4
    assert {(c.category, c.phrase.text, c.times, c.weighed) for c in counts} == {
        ("gambling", "ruleta", 2, 4.0), ("gambling", "casino online", 1, 1.0),
    }  # fmt: skip


def test_what_was_learned_is_read_and_the_rest_has_defaults() -> None:
    model = read_model(
        {
            "model": {"cap": 2},
            "categories": {"gambling": {"bias": -2, "temperature": 0.5, "thresholds": {"child": 0.3}, "date": "2026"}},
        }
    )

    assert model.cap == 2.0
    assert model.title == PageModel().title
    assert model.categories["gambling"].bias == -2.0
    assert model.categories["gambling"].thresholds[AgeBand.CHILD] == 0.3
    assert model.categories["gambling"].thresholds[AgeBand.ADULT] == CategoryModel().thresholds[AgeBand.ADULT]
    assert PageScorer({}, model).threshold("gambling", AgeBand.CHILD) == 0.3
    assert PageScorer({}, model).threshold("other", AgeBand.CHILD) == CategoryModel().thresholds[AgeBand.CHILD]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"model": {"hat": 1}}, r"\[model\] hat: unknown"),
        ({"model": {"cap": "x"}}, r"\[model\] cap: 'x' is no number"),
        ({"model": {"length_words": 0}}, r"length_words: 0 is no number above 0"),
        ({"model": 1}, "no table"),
        ({"categories": {"x": 1}}, "no table"),
        ({"categories": {"x": {"thresholds": 1}}}, "no table"),
        ({"categories": {"x": {"bias": True}}}, r"\[categories.x\] bias: True is no number"),
        ({"categories": {"x": {"temperature": 0}}}, "temperature: 0 is no number above 0"),
        ({"categories": {"x": {"thresholds": {"baby": 0.5}}}}, "unknown age band 'baby'"),
        ({"categories": {"x": {"thresholds": {"child": 0}}}}, "thresholds.child: 0 is no number"),
        ({"categories": {"x": {"thresholds": {"child": 1.5}}}}, "thresholds.child: 1.5 is no number"),
        ({"categories": {"x": {"bent": 1.5}}}, "bent: unknown"),
    ],
)
def test_a_wrong_model_is_refused_by_name(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        read_model(values, "phrases.toml")
