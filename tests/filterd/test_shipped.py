# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes with the program is read when it is needed."""

from __future__ import annotations

from filterd.policy.safesearch import YouTube
from filterd.shipped import Shipped


def test_every_part_of_the_shipped_data_can_be_read() -> None:
    shipped = Shipped()

    assert len(shipped.catalogue.categories) == 26
    assert shipped.matcher.find_host("casino-apuestas-online.example")[0].category == "gambling"
    assert shipped.safe_search.safe_host("www.google.com.py", safe_search=True, youtube=YouTube.OFF) is not None


def test_a_part_is_read_once() -> None:
    shipped = Shipped()

    assert shipped.catalogue is shipped.catalogue
    assert "matcher" not in vars(shipped)
