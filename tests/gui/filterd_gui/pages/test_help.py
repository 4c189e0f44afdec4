# SPDX-License-Identifier: GPL-3.0-or-later
"""Help needs neither session nor internet."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from filterd_gui.household import Household
from filterd_gui.language import LANGUAGES, speak
from filterd_gui.pages.help import HelpPage
from tests.gui.hands import reads


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_names_the_help_line_in_every_language(house: Household, qtbot: QtBot, language: str) -> None:
    speak(language)
    page = HelpPage(house)
    qtbot.addWidget(page)
    page.reload()

    assert "147" in reads(page)
    assert not page.is_locked


def test_guarani_says_that_it_awaits_a_native_reader(house: Household, qtbot: QtBot) -> None:
    speak("gn")
    page = HelpPage(house)
    qtbot.addWidget(page)

    assert "oha'arõ" in reads(page)
