# SPDX-License-Identifier: GPL-3.0-or-later
"""The phrases by which pages are known: their notation, how weights are learned, and the files that are shipped."""

from __future__ import annotations

import json
import tomllib
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from categories.learning.phrase_data import OVERLAPS, overlap, read_pages, read_public
from categories.learning.phrase_notation import expand, parse_candidates, read_candidates
from filterd.policy.model import AgeBand, PageView
from filterd.policy.phrases import PhraseError, parse_phrases
from filterd.policy.scorer import PageScorer
from filterd.shipped import load_scorer

ROOT = Path(__file__).resolve().parents[2]
CATEGORIES = ROOT / "categories"
LEARNING = CATEGORIES / "learning"
DATA = ROOT.parent / "shared" / "data" / "text"
CANDIDATES = sorted(path.stem for path in (LEARNING / "candidates").glob("*.txt") if path.stem != "shared")
PAGES = sorted((LEARNING / "pages").glob("*.jsonl"))
WORDS = st.text(alphabet="abcdefgñ", min_size=2, max_size=6)


@given(st.lists(WORDS, min_size=1, max_size=4, unique=True), st.lists(WORDS, min_size=1, max_size=4, unique=True))
def test_braces_stand_for_all_combinations(first: list[str], second: list[str]) -> None:
    text = f"{{{','.join(first)}}} {{{','.join(second)}}}"

    assert list(expand(text)) == [f"{one} {other}" for one, other in product(first, second)]


def test_a_line_gives_language_hand_weight_and_phrases() -> None:
    phrases = parse_candidates("# a comment\n\nes +2: {comprá,pedí} vino; barra libre\nen -0.9: get help\n")

    assert [(p.text, p.language, p.weight) for p in phrases] == [
        ("comprá vino", "es", 2.0),
        ("pedí vino", "es", 2.0),
        ("barra libre", "es", 2.0),
        ("get help", "en", -0.9),
    ]


def test_an_empty_text_in_braces_leaves_no_space() -> None:
    assert list(expand("casino{,s} {online,}")) == ["casino online", "casino", "casinos online", "casinos"]


def test_a_star_after_a_very_short_word_means_nothing() -> None:
    assert list(expand("{artículo 1,allanamiento}*")) == ["artículo 1", "allanamiento*"]


def test_the_same_words_in_two_languages_are_one_phrase_of_all() -> None:
    (phrase,) = parse_candidates("es +1: casino online\npt +2: casino online")

    assert (phrase.language, phrase.weight) == ("*", 2.0)


def test_a_word_that_a_stem_covers_is_not_counted_twice() -> None:
    phrases = parse_candidates("es +1: apuesta; apuestas; apuest*; nueva apuesta")

    assert [p.text for p in phrases] == ["apuest*", "nueva apuesta"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("es 2: vino", "language, sign and weight"),
        ("fr +2: vin rouge", "unknown language 'fr'"),
        ("es +1: {vino,ron", "a brace is not closed"),
        ("es +1: {a {b},c}", "a brace is not closed"),
        ("es +1: barra. libre", "no stops"),
        ("es +1: hola\nes -1: hola", "speaks against"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, reason: str) -> None:
    with pytest.raises(PhraseError, match=rf"^wine\.txt: line \d: .*{reason}"):
        parse_candidates(line, "wine.txt")


@pytest.mark.parametrize("category", CANDIDATES)
def test_candidates_are_of_a_category_and_speak_for_and_against_it(category: str) -> None:
    phrases = read_candidates(LEARNING / "candidates" / f"{category}.txt")

    assert (CATEGORIES / category / "category.toml").is_file()
    assert {"es", "gn", "pt", "en"} <= {phrase.language for phrase in phrases if phrase.weight > 0}
    assert any(phrase.weight < 0 for phrase in phrases)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_training_pages_are_whole_and_their_ids_their_own(path: Path) -> None:
    pages = read_pages(path)

    assert len({page.id for page in pages}) == len(pages)
    assert all(page.view.title and len(page.view.text.split()) >= 20 for page in pages)
    assert {page.language for page in pages} == {"es", "gn", "pt", "en"}


def test_a_page_without_a_known_label_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wine.jsonl"
    path.write_text(json.dumps({"id": "1", "lang": "es", "label": "bad", "title": "t", "text": "x"}), encoding="utf-8")

    with pytest.raises(ValueError, match=r"^wine\.jsonl: line 1: unknown label 'bad'"):
        read_pages(path)


def test_overlapping_categories_do_not_teach_against_each_other() -> None:
    assert overlap("adult", "pornography")
    assert not overlap("gambling", "alcohol")
    assert {category for group in OVERLAPS for category in group} <= {
        p.parent.name for p in CATEGORIES.glob("*/*.toml")
    }


def test_hateful_public_rows_are_harmful_and_offensive_ones_left_out() -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is absent")

    pages = read_public(DATA)

    assert {page.category for page in pages if page.harmful} == {"hate"}
    assert {page.language for page in pages} == {"es", "gn", "pt", "en"}


@pytest.mark.parametrize("category", CANDIDATES)
def test_shipped_phrases_are_readable_and_have_thresholds(category: str) -> None:
    path = CATEGORIES / category / "phrases.tsv"
    if not path.is_file():
        pytest.fail(f"{path} is missing: run categories/learning/learn_phrases.py")

    phrases = parse_phrases(path.read_text(encoding="utf-8"), path.name)
    entry = tomllib.loads((CATEGORIES / "phrases.toml").read_text(encoding="utf-8"))["categories"][category]

    assert all(abs(phrase.weight) >= 0.05 for phrase in phrases)
    assert 0 < entry["thresholds"]["child"] < entry["thresholds"]["adolescent"] < entry["thresholds"]["adult"] < 1


@pytest.fixture(scope="module")
def scorer() -> PageScorer:
    return load_scorer(CATEGORIES)


def _blocked(scorer: PageScorer, view: PageView) -> set[str]:
    scores = scorer.score(view)
    return {one.category for one in scores if one.probability >= scorer.threshold(one.category, AgeBand.CHILD)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_harmful_pages_that_taught_are_found_and_traps_let_through(path: Path, scorer: PageScorer) -> None:
    pages = read_pages(path)
    found = [path.stem in _blocked(scorer, page.view) for page in pages if page.harmful]
    wrong = [page.id for page in pages if not page.harmful and path.stem in _blocked(scorer, page.view)]

    assert not wrong
    assert sum(found) >= 0.85 * len(found), "the threshold is high on purpose: see phrase_train"


def test_harmless_public_texts_are_let_through(scorer: PageScorer) -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is absent")
    harmless = [page for page in read_public(DATA) if not page.harmful]

    wrong = [page.id for page in harmless if _blocked(scorer, page.view)]

    assert len(wrong) <= 0.005 * len(harmless), wrong


class TestLearning:
    """On a few pages made here."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        pytest.importorskip("numpy", reason="the extra 'learn' is not installed")
        for name in ("candidates", "pages"):
            (tmp_path / name).mkdir()
        candidates = "es +2: comprá vino; barra libre; nunca visto\nes +1: vino\nes -1: receta"
        (tmp_path / "candidates" / "alcohol.txt").write_text(candidates, encoding="utf-8")
        (tmp_path / "candidates" / "shared.txt").write_text("es -1: pedí ayuda\nes +0.3: oferta", encoding="utf-8")
        rows = [("harmful", "comprá vino. barra libre. oferta"), ("trap", "una receta con vino y vino")] * 6
        lines = [
            json.dumps({"id": f"{at}", "lang": "es", "label": label, "title": "un título", "text": text})
            for at, (label, text) in enumerate(rows)
        ]
        (tmp_path / "pages" / "alcohol.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path

    def test_weights_keep_their_sign_and_the_unseen_their_hand_weight(self, folder: Path) -> None:
        from categories.learning.learn_phrases import read_corpus
        from categories.learning.phrase_train import learn

        learned = learn(read_corpus(folder, folder / "absent"), "alcohol")
        weights = {phrase.text: phrase.weight for phrase in learned.phrases}

        assert weights["nunca visto"] == 2.0
        assert weights["pedí ayuda"] == -1.0
        assert weights["comprá vino"] > 2.0
        assert weights["receta"] < -1.0
        assert weights.get("vino", 0.0) >= 0

    def test_the_same_data_give_the_same_files(self, folder: Path) -> None:
        from categories.learning.learn_phrases import format_model, format_phrases, read_corpus
        from categories.learning.phrase_train import learn

        first, second = (learn(read_corpus(folder, folder / "absent"), "alcohol") for _ in range(2))

        assert format_phrases(first) == format_phrases(second)
        assert format_model([first]) == format_model([second])
        assert parse_phrases(format_phrases(first))

    def test_pages_left_out_are_told_by_language(self, folder: Path) -> None:
        from categories.learning.learn_phrases import read_corpus, table
        from categories.learning.phrase_train import learn

        learned = learn(read_corpus(folder, folder / "absent"), "alcohol")

        assert "| alcohol | 6/6, 0/6 | 0/0, 0/0 |" in table([learned])
