# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of a page made letters, whatever it says of its encoding."""

from __future__ import annotations

import codecs
import re

_LOOKED_AT = 4096  # HTML asks for the declaration in the first 1024 bytes; pages are late
_declared_in = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,500}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE
).search
_declared_by = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE).search
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# WHATWG Encoding §4: these names mean windows-1252 to browsers; Python knows them as what they say.
_AS_WINDOWS_1252 = frozenset({"ascii", "iso8859-1", "latin_1", "cp1252"})
_FALLBACK = "cp1252"

_BINARY = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"RIFF")
_NO_CONTROLS = bytes(byte for byte in range(256) if byte >= 32 or byte in b"\t\n\v\f\r\x1b\x1e")


def is_binary(body: bytes) -> bool:
    """Return whether *body* is a picture, archive or the like, and no text in any encoding."""
    start = body[:4096]
    if start.startswith(_BINARY):
        return True
    if _wide(start) or any(start.startswith(mark) for mark, _ in _MARKS):
        return False
    return len(start.translate(None, _NO_CONTROLS)) * 20 > len(start)


def decode(body: bytes, declared: str = "") -> str:
    """Return the text of *body*; *declared* is its ``Content-Type``.

    A byte order mark counts first, then whether it *is* UTF-8 (no other text passes for it by chance, and wrong
    declarations are common), then the declarations, then the look of it. Never raises.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    by_header = _known(_declared_by(declared))
    if by_header.startswith(("utf-16", "utf-32")):
        return body.decode(by_header, "replace")
    wide = _wide(body)
    if wide and not by_header:  # a browser believes the header, and leaves NULs out
        return body.decode(wide, "replace")
    try:
        # Not final: a page that was cut in the middle of a letter is UTF-8 all the same.
        return codecs.getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        pass
    encoding = by_header or _known(_declared_in(body[:_LOOKED_AT]))
    if encoding in ("", "utf-8") or encoding.startswith(("utf-16", "utf-32")):
        encoding = "utf-8" if _mostly_utf8(body) else _FALLBACK
    return body.decode(encoding, "replace")


def _known(found: re.Match[bytes] | re.Match[str] | None) -> str:
    """Return Python's name of a declared text encoding, empty for none that is known."""
    if found is None:
        return ""
    name = found[1].decode("ascii", "replace") if isinstance(found[1], bytes) else found[1]
    try:
        codec = codecs.lookup(name)
        "a".encode(codec.name).decode(codec.name)  # base64 and its like are codecs, but not of text
    except (LookupError, ValueError, TypeError):
        return ""
    return _FALLBACK if codec.name in _AS_WINDOWS_1252 else codec.name


def _wide(body: bytes) -> str:
    """Return the encoding of two-byte letters that *body* is in without saying so, empty for none."""
    start = body[:512]
    pairs = len(start) // 2
    if pairs < 4 or start.count(0) < pairs // 2:
        return ""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if min(even, odd) * 8 > max(even, odd):
        return ""  # on both sides: NULs strewn in, not letters of two bytes
    return "utf-16-le" if odd > even else "utf-16-be"


def _mostly_utf8(body: bytes) -> bool:
    """Return whether *body* is UTF-8 with some bytes gone wrong, rather than something else."""
    text = body[:65536].decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    right = sum(map(str.isalpha, re.sub(r"[\x00-\x7f\ufffd]+", "", text)))
    return right > 2 * wrong
