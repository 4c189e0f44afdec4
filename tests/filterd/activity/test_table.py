# SPDX-License-Identifier: GPL-3.0-or-later
"""A spreadsheet reads the activity, and runs none of it."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from filterd.activity.query import Found
from filterd.activity.table import COLUMNS, to_csv


def test_a_head_line_and_a_line_for_each() -> None:
    event = Found(7, 1_700_000_000, "a.example", "child", "block", "gambling", "category-list", "a.example", "ut1", 3)

    assert to_csv([event]).splitlines() == [
        ",".join(COLUMNS),
        "2023-11-14T22:13:20+00:00,a.example,child,block,gambling,category-list,a.example,ut1,3",
    ]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30))
def test_no_cell_is_a_formula_and_nothing_is_lost(host: str) -> None:
    text = to_csv([Found(1, 0, host, "child", "block", "", "", "", "", 1)])
    cell = list(csv.reader(io.StringIO(text, newline="")))[1][1]

    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == host.removeprefix("'") or cell == host
