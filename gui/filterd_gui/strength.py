# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a password stands against guessing, as advice: what is weak is said, not forbidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zxcvbn import zxcvbn

from filterd_gui.language import N_, _

MIN_LENGTH = 4  # what the daemon refuses
_LONGEST_JUDGED = 32  # the judgement grows with the square of the length, on the thread that paints

_LEVELS = (
    (N_("very weak: a child guesses it"), "bad"),
    (N_("weak: somebody who knows you guesses it"), "bad"),
    (N_("fair: it takes patience"), "warn"),
    (N_("good"), "good"),
    (N_("very good"), "good"),
)


@dataclass(frozen=True, slots=True)
class Strength:
    """From 0 to 4, in words, and what would make it better (empty: nothing)."""

    score: int
    word: str
    tone: str
    advice: str


# What a child of this house would try first; zxcvbn's own lists are English.
_HOUSEHOLD_WORDS = (
    "contraseña", "clave", "hola", "mama", "papa", "mamá", "papá", "familia", "amor", "dios", "jesus", "maria", "jose",
    "juan", "carlos", "ana", "luis", "casa", "perro", "gato", "secreto", "paraguay", "asuncion", "asunción", "guarani",
    "olimpia", "cerro", "cerro porteño", "albirroja", "libertad", "mate", "mate cocido", "terere", "tereré", "chipa",
    "che", "jagua", "mbarete", "internet", "filtro", "filterd", "admin", "usuario", "verano", "futbol",
)  # fmt: skip


def judge(password: str, own_words: Sequence[str] = ()) -> Strength:
    """Return how strong *password* is; *own_words* are names that a child would try."""
    if not password:
        return Strength(0, "", "plain", _("Three or four words that only you would put together are easy to remember."))
    score = int(zxcvbn(password[:_LONGEST_JUDGED], user_inputs=[*own_words, *_HOUSEHOLD_WORDS])["score"])
    if len(password) < MIN_LENGTH:
        score = 0
    word, tone = _LEVELS[score]
    advice = _("Add a word or two. No names, birthdays, or telephone numbers.") if score < 3 else ""
    return Strength(score, _(word), tone, advice)
