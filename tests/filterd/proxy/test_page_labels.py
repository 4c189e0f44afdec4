# SPDX-License-Identifier: GPL-3.0-or-later
"""The age that a page says it is for."""

from __future__ import annotations

import pytest

from filterd.proxy.page_labels import read_age


@pytest.mark.parametrize(
    ("name", "content", "age"),
    [
        ("rating", "RTA-5042-1996-1400-1577-RTA", 18),
        ("RATING", " rta-5042-1996-1400-1577-rta ", 18),
        ("rating", "adult", 18),
        ("rating", "Restricted", 18),
        ("rating", "mature", 16),
        ("rating", "14 years", 14),
        ("rating", "general", None),
        ("rating", "safe for kids", None),
        ("voluntary content rating", "adult", 18),
        ("age-de-meta-label", "age=18 hash: wiahfxo v=1.0 kind=sl protocol=all", 18),
        ("age-meta-label", "age=12", 12),
        ("age-de-meta-label", "age=0", None),
        ("pics-label", '(pics-1.1 "http://www.icra.org/ratingsv02.html" l gen true r (na 1 sa 1 lz 1))', 18),
        ("pics-label", '(PICS-1.1 "http://www.rsac.org/ratingsv01.html" l r (n 4 s 4 v 0 l 3))', 18),
        ("pics-label", '(pics-1.1 "http://www.icra.org/ratingsv02.html" l gen true r (nz 1 sz 1 vz 1))', None),
        ("pics-label", '(PICS-1.1 "http://www.rsac.org/ratingsv01.html" l r (n 0 s 0 v 0 l 0))', None),
        ("description", "adult", None),
    ],
)
def test_labels_in_meta_tags(name: str, content: str, age: int | None) -> None:
    assert read_age([(name, content)], {}) == age


def test_labels_in_headers() -> None:
    assert read_age([], {"rating": "RTA-5042-1996-1400-1577-RTA"}) == 18
    assert read_age([], {"age-de-meta-label": "age=16"}) == 16
    assert read_age([], {"content-type": "text/html"}) is None


def test_the_highest_age_counts() -> None:
    assert read_age([("rating", "general"), ("age-meta-label", "age=12")], {"rating": "mature"}) == 16
