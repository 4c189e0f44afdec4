# SPDX-License-Identifier: GPL-3.0-or-later
"""Suggestions lose what names a refused place or search, in whatever shape the engine sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.model import Allow, Client, Decision, Request, Stage
from filterd.proxy.judge import Judge
from filterd.proxy.links import Links, PageLinks
from filterd.proxy.removal import Removal
from filterd.proxy.suggestions import may_suggest, without_refused
from tests.filterd.proxy.support import GAMBLING, rulebook

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def decide(request: Request, /) -> Decision:
    refused = request.host == "casino.example" or "ruleta" in (request.url or "")
    return Decision(request, GAMBLING if refused else Allow(), "child")


def links() -> PageLinks:
    judge = Judge(rulebook(decide, {}), observe=lambda _: None, clock=lambda: NOW)
    url = "https://www.search.example/complete/search?q=ru"
    return Links(judge).on_page(
        Decision(Request(Stage.REQUEST, Client(), NOW, "www.search.example", url), Allow(), "child")
    )


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ('["ru",["ruleta gratis","rueda"]]', '["ru",["rueda"]]'),
        ('["ru",["a","ruleta"],["x","y"],{"t":["1","2"],"n":3}]', '["ru",["a"],["x"],{"t":["1"],"n":3}]'),
        (')]}\'\n[[["<b>ruleta</b>",0,[512]],["rueda",0]],{"q":"x"}]', ')]}\'\n[[["rueda",0]],{"q":"x"}]'),
        ('google.ac.h(["ru",[["ruleta",0],["rueda",0]],{"j":"x"}])', 'google.ac.h(["ru",[["rueda",0]],{"j":"x"}])'),
        ('[{"phrase":"ruleta"},{"phrase":"rueda"}]', '[{"phrase":"rueda"}]'),
        ('{"items":[{"q":"casino.example"},{"q":"rueda"}],"n":2}', '{"items":[{"q":"rueda"}],"n":2}'),
        ('["ñandú",["ñandú ruleta","ñandú"]]', '["ñandú",["ñandú"]]'),
    ],
)  # fmt: skip
def test_refused_suggestions_go(said: str, left: str) -> None:
    removal = without_refused(said.encode(), links())

    assert removal.body is not None
    assert removal.body.decode() == left
    assert removal.count == 1


@pytest.mark.parametrize("said", ['["ru",["rueda"]]', "no json", "", '["ru', '"ruleta"', "[" * 5000 + "]" * 5000])
def test_what_names_nothing_refused_or_is_not_understood_stays(said: str) -> None:
    assert without_refused(said.encode(), links()) == Removal()


@pytest.mark.parametrize(
    ("path", "kind", "may"),
    [
        ("/complete/search?q=a", "application/json; charset=UTF-8", True),
        ("/ac/?q=a", "text/javascript", True),
        ("/AS/Suggestions?q=a", "application/json", True),
        ("/api/data?u=/complete/", "application/json", False),
        ("/complete/search", "image/png", False),
    ],
)
def test_suggestions_are_known_by_where_they_come_from(path: str, kind: str, *, may: bool) -> None:
    assert may_suggest(path, kind) is may


json_values = st.recursive(
    st.none() | st.text(max_size=8) | st.integers(),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.sampled_from(["q", "phrase", "x"]), v, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_no_answer_makes_it_fail(said: object) -> None:
    without_refused(json.dumps(said).encode(), links())
