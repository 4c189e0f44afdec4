# SPDX-License-Identifier: GPL-3.0-or-later
"""Weak passwords are advised against, not forbidden."""

from __future__ import annotations

import pytest

from filterd_gui.strength import judge


@pytest.mark.parametrize("password", ["1234", "Olimpia", "mate cocido", "Paraguay", "abc"])
def test_what_a_child_would_try_is_weak(password: str) -> None:
    strength = judge(password)

    assert strength.score <= 1
    assert strength.tone == "bad"
    assert strength.advice


def test_several_words_together_are_good() -> None:
    strength = judge("cuatro palabras juntas al azar")

    assert strength.score == 4
    assert not strength.advice


def test_the_own_name_helps_nobody() -> None:
    assert judge("lucia.benitez", ["lucia.benitez"]).score == 0


def test_nothing_typed_is_told_how_to_begin() -> None:
    assert judge("").advice


def test_a_very_long_one_is_judged_by_its_beginning() -> None:
    assert judge("x9#k" * 5000).score >= 0
