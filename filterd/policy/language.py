# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of our languages a text is in, by its small words."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping

from filterd.policy.page_words import normalise_text

_LOOKED_AT = 20_000  # letters
_FEWEST = 2  # small words that make a guess
# Guaraní is seldom written without Spanish words: so much of it makes a text jopará, which counts as Guaraní.
_JOPARA = 0.3

# Words that the others of the four do not have; normalised, so without accents and puso.
_SMALL_WORDS: Mapping[str, str] = {
    "es": "el los las del y en con por para una un es son que como pero mas sus muy al lo su ya este esta esto porque "
    "cuando donde tambien hay fue sin sobre entre hasta desde todos nos se le ni sea ser segun años dia hoy",
    "gn": "ha umi ko upe rehe gui peve hagua guara ndive avei oi hae kuera mbae nde che ñande ore ichupe upei upeicha "
    "peicha koa koape upepe mbaere araka moo mava heta opa opaite ipora ikatu oiko oime oreko ojapo oho hina voi "
    "ave nio niko jey gueteri anive ani ndaha ndahaei mbaeicha mboy vape pegua pora haeva hape rupi ramo rupive "
    "pype jepe añete aipo pe peteĩ mokoi teta ñepyru omombeu heiha hei jave ambue",
    "pt": "os das dos da do em um uma nao com para por mais mas como foi ele ela seu sua ao aos pela pelo isso isto "
    "voce tambem ja sao tem muito quando onde ate sem sobre entre todos as no na nos nas nem ser esse essa",
    "en": "the and of to in is you that it he was for on are with his they at be this have from or had by not what "
    "all were we when your can said there an which she do how their if will about them these would has more who its",
}


def guess_language(text: str) -> str | None:
    """Return es, gn, pt or en, whichever *text* has most small words of; ``None`` where it has next to none."""
    known = _small_words()
    counts: Counter[str] = Counter()
    for word, times in Counter(normalise_text(text[:_LOOKED_AT]).split()).items():
        languages = known.get(word, ())
        for language in languages:
            counts[language] += times * (2 if len(languages) == 1 else 1)
    if not counts:
        return None
    best, most = counts.most_common(1)[0]
    if counts["gn"] >= _JOPARA * most and counts["gn"] >= _FEWEST:
        return "gn"
    return best if most >= _FEWEST else None


@functools.cache
def _small_words() -> dict[str, list[str]]:
    """Return the languages of each small word."""
    found: dict[str, list[str]] = {}
    for language, words in _SMALL_WORDS.items():
        for word in normalise_text(words).split():
            languages = found.setdefault(word, [])
            if language not in languages:
                languages.append(language)
    return found
