# SPDX-License-Identifier: GPL-3.0-or-later
"""Light and dark can be read by everybody."""

from __future__ import annotations

import pytest
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QApplication

from filterd_gui.theme import DARK, LIGHT, Colours, colours_of, system_is_dark, wear

PAIRS = [
    ("text", "ground"), ("text", "surface"), ("text", "accent_soft"), ("text", "sunken"), ("muted", "surface"),
    ("muted", "ground"), ("muted", "sunken"), ("on_accent", "accent"), ("accent", "surface"), ("good", "good_soft"),
    ("warn", "warn_soft"), ("bad", "bad_soft"), ("bad", "surface"),
]  # fmt: skip


def luminance(name: str) -> float:
    def linear(share: float) -> float:
        return share / 12.92 if share <= 0.03928 else float(((share + 0.055) / 1.055) ** 2.4)

    colour = QColor(name)
    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_text_has_the_contrast_that_wcag_asks_for(colours: Colours, front: str, back: str) -> None:
    bright, dim = sorted((luminance(getattr(colours, front)), luminance(getattr(colours, back))), reverse=True)

    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def test_what_is_worn_can_be_asked(qapp: QApplication) -> None:
    wear(qapp, dark=True)

    assert colours_of(qapp) is DARK
    assert not system_is_dark(qapp)  # the offscreen desktop says nothing


def test_letters_grow_in_the_stylesheet_too(qapp: QApplication) -> None:
    wear(qapp, dark=False, scale=200)

    assert "font-size: 40pt" in qapp.styleSheet()
    assert qapp.font().pointSizeF() == 21.0
