# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, dates and spans are written as in Paraguay."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from filterd_gui.formats import local, moment, number, parse, percent, span, until


def test_numbers_have_points_between_thousands_and_a_decimal_comma() -> None:
    assert number(1234567) == "1.234.567"
    assert percent(1, 8) == "12,5 %"
    assert percent(1, 0) == "0,0 %"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (45, "45 s"), (61, "2 min"), (3600, "1 h"), (3900, "1 h 05 min"), (3 * 86400, "3 days")],
)
def test_a_span_is_told_roughly(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_time_of_today_is_told_by_its_hour() -> None:
    now = datetime(2026, 11, 21, 22, 0).astimezone()

    assert moment(now.isoformat(), now) == "today 22:00"
    assert moment((now - timedelta(days=1)).isoformat(), now) == "20/11/2026 22:00"
    assert moment(local(now.timestamp()), now) == "today 22:00"


def test_what_is_no_time_is_a_dash() -> None:
    assert moment(None) == moment("soon") == "–"
    assert parse("soon") is None
    assert until("soon") == 0


def test_what_is_over_has_nothing_left() -> None:
    now = datetime(2026, 11, 21, 22, 0).astimezone()

    assert until((now + timedelta(minutes=1)).isoformat(), now) == 60
    assert until((now - timedelta(minutes=1)).isoformat(), now) == 0
