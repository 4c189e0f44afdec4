# SPDX-License-Identifier: GPL-3.0-or-later
"""What anybody may register under."""

from __future__ import annotations

import pytest

from filterd.lists.suffixes import load_public_suffixes, parse_public_suffixes

LIST = """
// ===BEGIN ICANN DOMAINS===
com
ck
*.ck
!www.ck
py
com.py
公司.cn
// ===END ICANN DOMAINS===
// ===BEGIN PRIVATE DOMAINS===
blogspot.com
// ===END PRIVATE DOMAINS===
""".splitlines()
SUFFIXES = parse_public_suffixes(LIST)


@pytest.mark.parametrize("name", ["com", "com.py", "blogspot.com", "any.ck", "unknown", "xn--55qx5d.cn"])
def test_a_suffix_is_nobodys_own(name: str) -> None:
    assert SUFFIXES.is_suffix(name)


@pytest.mark.parametrize("name", ["example.com", "www.ck", "a.blogspot.com", "a.any.ck", "example.py"])
def test_a_registered_name_is_no_suffix(name: str) -> None:
    assert not SUFFIXES.is_suffix(name)


@pytest.mark.parametrize(
    ("name", "registered", "suffix"),
    [
        ("www.example.com.py", "example.com.py", "com.py"),
        ("a.b.blogspot.com", "b.blogspot.com", "blogspot.com"),
        ("a.www.ck", "www.ck", "ck"),
        ("com", "", "com"),
        ("localhost", "", "localhost"),
    ],
)
def test_what_was_registered_is_told_from_what_is_below_it(name: str, registered: str, suffix: str) -> None:
    assert SUFFIXES.registrable(name) == (registered, suffix)


def test_a_firms_suffix_is_told_from_a_registrys() -> None:
    assert SUFFIXES.is_private("blogspot.com")
    assert not SUFFIXES.is_private("com.py")


def test_the_librarys_list_is_read() -> None:
    suffixes = load_public_suffixes()

    assert {"com", "py", "gov.py", "edu.py", "gob.mx"} <= suffixes.registries
    assert {"blogspot.com", "github.io"} <= suffixes.private
    assert "com" not in suffixes.private
