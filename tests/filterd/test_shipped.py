# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes with the program is read when it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.policy.model import AgeBand, PageView
from filterd.policy.phrases import PhraseError
from filterd.policy.safesearch import YouTube
from filterd.policy.scorer import ModelError
from filterd.shipped import Shipped, load_phrases, load_scorer


def test_every_part_of_the_shipped_data_can_be_read() -> None:
    shipped = Shipped()

    assert len(shipped.catalogue.categories) == 26
    assert shipped.matcher.find_host("casino-apuestas-online.example")[0].category == "gambling"
    assert shipped.safe_search.safe_host("www.google.com.py", safe_search=True, youtube=YouTube.OFF) is not None


def test_a_part_is_read_once() -> None:
    shipped = Shipped()

    assert shipped.catalogue is shipped.catalogue
    assert "matcher" not in vars(shipped)


def test_phrases_are_read_for_each_category_that_has_some() -> None:
    shipped = Shipped()

    assert set(load_phrases(shipped.folder)) <= set(shipped.catalogue.categories)
    assert (
        0 < shipped.scorer.threshold("gambling", AgeBand.CHILD) <= shipped.scorer.threshold("gambling", AgeBand.ADULT)
    )


def test_what_was_learned_about_phrases_is_read(tmp_path: Path) -> None:
    (tmp_path / "gambling").mkdir()
    (tmp_path / "gambling" / "phrases.tsv").write_text("casino online\tes\t2\n")
    (tmp_path / "phrases.toml").write_text("[categories.gambling]\nbias = -1.0\n")

    (score,) = load_scorer(tmp_path).score(PageView(text="casino online"))

    assert score.category == "gambling"
    assert score.probability > 0.7


def test_wrong_files_of_phrases_are_named(tmp_path: Path) -> None:
    (tmp_path / "gambling").mkdir()
    (tmp_path / "gambling" / "phrases.tsv").write_text("casino\n")
    with pytest.raises(PhraseError, match=r"^categories/gambling/phrases\.tsv: line 1: "):
        load_scorer(tmp_path)

    (tmp_path / "gambling" / "phrases.tsv").write_text("")
    (tmp_path / "phrases.toml").write_text("[model]\ncap = 0\n")
    with pytest.raises(ModelError, match=r"^categories/phrases\.toml: \[model\] cap: "):
        load_scorer(tmp_path)
