# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of our languages a text is in."""

from __future__ import annotations

import pytest

from filterd.policy.language import guess_language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "El gobierno anunció que los alumnos de las escuelas vuelven a clase en febrero, según el ministerio."),
        ("pt", "O governo anunciou que os alunos das escolas não voltam às aulas em fevereiro, segundo o ministério."),
        (
            "en",
            "The government said that the pupils of all schools will be back in February, and so will the teachers.",
        ),
        ("gn", "Ko'ág̃a rupi mitãnguéra oho mbo'ehaópe ha oñemoarandu Guaraní ñe'ẽme, upéi ojevy hógape."),
        ("gn", "Che ahecháta la partido ko'ẽrõ los perro ndive, ha upéi jaháta la asado-pe, el jefe oime avei."),
    ],
)
def test_small_words_tell_the_language(language: str, text: str) -> None:
    assert guess_language(text) == language


@pytest.mark.parametrize("text", ["", "123 456", "казино онлайн", "casino poker"])
def test_without_small_words_there_is_no_guess(text: str) -> None:
    assert guess_language(text) is None
