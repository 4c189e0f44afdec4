# SPDX-License-Identifier: GPL-3.0-or-later
"""Activity as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

from filterd.activity.query import Found

COLUMNS = ("when", "host", "profile", "action", "category", "cause", "rule", "list", "count")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(events: Iterable[Found]) -> str:
    """Return *events* as CSV (RFC 4180) with a head line; times are ISO 8601 in UTC."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for event in events:
        when = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="seconds")
        writer.writerow([_harmless(cell) for cell in (when, *event[2:])])
    return out.getvalue()


def _harmless(cell: object) -> str:
    """Return *cell* so that no spreadsheet runs it as a formula: a child chooses what names are asked for."""
    text = str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
