# SPDX-License-Identifier: GPL-3.0-or-later
"""Text as phrases are looked for in it: words with one space between, the tricks of spelling undone.

What remains are the letters a–z and ñ, digits, ``~`` for a letter of another script, and ``.`` where a sentence or a
block of the page ends; no phrase reaches across it. Everything that is common takes one pass in C: pages are long.
"""

from __future__ import annotations

import functools
import re
import unicodedata

BREAK = "\x1e"  # put between blocks of a page (paragraphs, cells, buttons), where no sentence goes on
STOP = "."  # what a break or the end of a sentence becomes
FOREIGN = "~"  # a letter that is none of ours: it keeps the word together, and no phrase holds it

_CACHED_RUN = 12  # letters; accents come one or two at a time, words of other scripts are short

# The letter is a letter of its own in Spanish and Guaraní: año is not ano. All other marks go (Guaraní ã, ẽ, g̃ and ỹ
# are written without them as often as with them).
_ENYE = "ñ"

# Letters of other scripts that a reader takes for ours, in the case in which they look like it.
_LOOK_ALIKE = str.maketrans(
    "аеорсухіјѕԁһԛԝѵӏзАВЕЗКМНОРСТУХІЈЅԌԚԜαικνορτυχγΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲϳıȷłŁøØđĐħŧæœðþʟɢɴɪʀʙʜ",
    "aeopcyxijsdhqwvl3abe3kmhopctyxijsgqwaikvoptuxyabezhikmnoptyxcjijllooddhtaodplgnirbh",
)
_PUSO = frozenset("'’‘ʼʻ`´′ʹ‛ˈꞌ＇ʽ")
_HARMLESS_SIGNS = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e\u2061\u2062\u2063\u2064\u200e\u200f")
_END_OF_SENTENCE = frozenset("…。！？¿¡•·|¦■●►»«")

_foreign_run = re.compile(r"[^\x00-\xff]+").sub

# Bytes of the text once it is reduced to one byte a letter. Apostrophes vanish: a puso is written in many ways or not
# at all (mba'e, mba’e, mbae).
_DROPPED = b"'`"
_FOREIGN_BYTE = 0x7F


def _table() -> bytes:
    table = bytearray(b" " * 256)
    for byte in (*b"abcdefghijklmnopqrstuvwxyz0123456789", ord(_ENYE)):
        table[byte] = byte
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        table[byte] = byte + 32
    for byte in b".!?;:|()[]{}\x1e":
        table[byte] = ord(STOP)
    table[_FOREIGN_BYTE] = ord(FOREIGN)
    return bytes(table)


_TABLE = _table()

# Figures and signs between letters that stand for a letter: p0rn, c4s1n0, $exo, tod@s. Only between letters, or an o at
# a word's end: 1ra, mp3 and bet365 are words of their own.
_LEET = {b"0": b"o", b"1": b"i", b"3": b"e", b"4": b"a", b"5": b"s", b"7": b"t", b"@": b"a", b"$": b"s", b"!": b"i"}
_leet = re.compile(
    rb"[013457@$!](?:(?<=[a-zA-Z\xf1].)(?=[013457@$!]?[a-zA-Z\xf1])"
    rb"|(?<=[a-zA-Z\xf1][013457@$!].)(?=[a-zA-Z\xf1]))"
    rb"|0(?<=[a-zA-Z\xf1]0)(?![0-9a-zA-Z])"
    rb"|\$(?<![0-9a-zA-Z$]\$)(?=[a-zA-Z]{3})"
).sub
_NO_LEET = bytes(byte for byte in range(256) if bytes((byte,)) not in _LEET)
# Four letters and more, each on its own: c a s i n o, c.a.s.i.n.o, c-a-s-i-n-o.
_spelled = re.compile(rb" [a-z\xf1](?: (?:\. )?[a-z\xf1](?= )){3,}").sub
_SPACES = bytes(byte == ord(" ") for byte in range(256))
_AND_OR = b"aeouy"  # words of one letter in Spanish and Portuguese, which may stand before a spelled word


def normalise_text(text: str) -> str:
    """Return the words of *text* as phrases are compared with them, a space before the first and after the last."""
    plain = text.encode() if text.isascii() else _plain_letters(text)
    if plain.translate(None, _NO_LEET):
        plain = _leet(_unleet, plain)
    plain = plain.translate(_TABLE, _DROPPED)
    words = b" %s " % b" ".join(plain.replace(b".", b" . ").split())
    if _may_spell(words):
        words = _spelled(_join, words)
    return words.decode("latin-1")


def _may_spell(words: bytes) -> bool:
    """Return whether four words of one letter stand in a row: five spaces with one byte between each two.

    As one long number all places are compared at once, in a tenth of the time that a search takes.
    """
    spaces = int.from_bytes(words.replace(b" .", b"").translate(_SPACES), "little")
    pairs = spaces & (spaces >> 16)
    return bool(pairs & (pairs >> 32) & (spaces >> 64))


def _plain_letters(text: str) -> bytes:
    """Return *text* with every letter beyond ASCII reduced to ours."""
    if "\u0303" in text:  # ñ may come as two characters, and must not lose its tilde with the accents
        text = text.replace("n\u0303", _ENYE).replace("N\u0303", _ENYE)
    try:
        plain = text.encode("latin-1")
    except UnicodeEncodeError:
        plain = _foreign_run(_fold_match, text).encode("latin-1")
    table, dropped, longer = _latin_letters()
    for byte, letters in longer:
        if byte in plain:
            plain = plain.replace(byte, letters)
    return plain.translate(table, dropped)


@functools.cache
def _latin_letters() -> tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...]]:
    """Return what becomes of the letters from U+0080 to U+00FF: of most one of ours, of some none, of a few two."""
    folded = {byte: _fold_letter(chr(byte)).encode("latin-1") for byte in range(128, 256)}
    table = bytearray(range(256))
    for byte, letters in folded.items():
        if len(letters) == 1:
            table[byte] = letters[0]
    dropped = bytes(byte for byte, letters in folded.items() if not letters)
    longer = tuple((bytes((byte,)), letters) for byte, letters in folded.items() if len(letters) > 1)
    return bytes(table), dropped, longer


def _fold_match(match: re.Match[str]) -> str:
    run = match[0]
    return _fold_short(run) if len(run) <= _CACHED_RUN else _fold(run)


def _fold(run: str) -> str:
    return "".join(map(_fold_letter, run))


_fold_short = functools.lru_cache(maxsize=8192)(_fold)


@functools.lru_cache(maxsize=4096)
def _fold_letter(letter: str) -> str:
    if letter in "ñÑ":
        return _ENYE
    if letter in _HARMLESS_SIGNS:
        return ""
    if letter in _PUSO:
        return "'"
    if letter in _END_OF_SENTENCE:
        return BREAK
    if "\U0001f150" <= letter <= "\U0001f189":  # white letters in black circles and squares
        return chr(ord("a") + (ord(letter) - 0x1F150) % 32 % 26)
    letters = unicodedata.normalize("NFKD", letter.translate(_LOOK_ALIKE)).translate(_LOOK_ALIKE).casefold()
    return "".join(map(_ours, letters))


def _ours(letter: str) -> str:
    if letter.isascii():
        return letter
    if unicodedata.combining(letter):
        return ""
    return chr(_FOREIGN_BYTE) if letter.isalpha() else " "


def _unleet(match: re.Match[bytes]) -> bytes:
    return _LEET[match[0]]


def _join(match: re.Match[bytes]) -> bytes:
    word = match[0].replace(b" ", b"").replace(b".", b"")
    if word[0] in _AND_OR:  # "y c a s i n o"
        return b" %s . %s" % (word, word[1:])
    return b" " + word
