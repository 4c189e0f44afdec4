# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes are checked against the family's own settings and policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.assembly import Assembly
from filterd.policy.model import Allow, Block, Cause
from filterd.roles.household import Household
from filterd.settings_read import SettingsError, Source, parse_settings
from filterd.shipped import Shipped

SHIPPED = Shipped()
TEXT = '[paths]\nstate = "{state}"\n[profiles.child]\ndeny = ["malo.example"]\n'


@pytest.fixture
def house(tmp_path: Path) -> Household:
    text = TEXT.format(state=tmp_path)
    assembly = Assembly(parse_settings(text, name="f.toml"), SHIPPED, Source("f.toml", text))
    assembly.compilation.compile()
    return Household(assembly, name="f.toml")


def test_it_judges_as_the_daemon_does(house: Household) -> None:
    verdict = house.judge("www.malo.example", "child")

    assert isinstance(verdict, Block)
    assert verdict.reason.cause is Cause.DENY_LIST
    assert isinstance(house.judge("www.malo.example", "adult"), Allow)
    assert house.show("malo.example", "child")["action"] == "block"
    assert house.show("a b", "child")["error"]


def test_it_says_why_a_host_is_blocked_and_nothing_of_others(house: Household) -> None:
    reason = house.explain("gambling.prueba.home.arpa", "child")

    assert reason is not None
    assert reason.category == "gambling"
    assert house.explain("permitido.prueba.home.arpa", "child") is None


def test_a_text_comes_to_profiles_or_is_refused_with_its_line(house: Household) -> None:
    assert set(house.check("[profiles.ana]\n")) == {"child", "adolescent", "adult", "ana"}
    with pytest.raises(SettingsError, match=r"f.toml: line 2: unknown category 'gamblin'; did you mean 'gambling'"):
        house.check('[profiles.ana]\nblocked_categories = ["gamblin"]\n')


def test_it_knows_settings_profiles_and_zone(house: Household) -> None:
    assert house.settings.profiles["child"].deny == ("malo.example",)
    assert "adult" in house.profiles
    assert house.zone is not None
