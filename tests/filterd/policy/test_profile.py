# SPDX-License-Identifier: GPL-3.0-or-later
"""An age band starts from what the categories themselves propose."""

from __future__ import annotations

import pytest

from filterd.policy.model import AgeBand
from filterd.policy.profile import OwnPatterns, Profile, preset
from filterd.policy.safesearch import YouTube
from tests.fakes import category

CATEGORIES = [category("gambling", "2.10"), category("malware", adult=True), category("social", optional=True)]


@pytest.mark.parametrize(
    ("band", "blocked", "safe_search", "youtube"),
    [
        (AgeBand.CHILD, {"gambling", "malware"}, True, YouTube.STRICT),
        (AgeBand.ADOLESCENT, {"gambling", "malware"}, True, YouTube.MODERATE),
        (AgeBand.ADULT, {"malware"}, False, YouTube.OFF),
    ],
)
def test_a_preset_follows_the_defaults_by_age(
    band: AgeBand, blocked: set[str], safe_search: bool, youtube: YouTube
) -> None:
    found = preset(band, CATEGORIES)

    assert found.blocked_categories == blocked
    assert found.safe_search is safe_search
    assert found.youtube is youtube
    assert found.inspect is safe_search


def test_a_profile_without_patterns_of_its_own_refuses_nothing_by_them() -> None:
    assert Profile("x").own_patterns.find("any.example", "http://any.example/") is None
    assert isinstance(Profile("x").own_patterns, OwnPatterns)
