# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, dates and spans of time as people in Paraguay write them."""

from __future__ import annotations

from datetime import datetime

from PyQt6.QtCore import QLocale

from filterd_gui.language import _, plural

_LOCALE = QLocale("es_PY")


def number(value: float) -> str:
    """Return *value* as 1.234.567."""
    return _LOCALE.toString(round(value))


def percent(part: float, whole: float) -> str:
    """Return the share of *part* in *whole* as 12,5 %."""
    return f"{_LOCALE.toString(100.0 * part / whole if whole else 0.0, 'f', 1)} %"


def moment(at: str | datetime | None, now: datetime | None = None) -> str:
    """Return the time *at* as a person on this machine says it: the hour for today, else with its date."""
    when = at if isinstance(at, datetime) else parse(at)
    if when is None:
        return "–"
    today = (now or datetime.now().astimezone()).date()
    if when.date() == today:
        return _("today {time}").format(time=f"{when:%H:%M}")
    return f"{when:%d/%m/%Y %H:%M}"


def parse(iso: str | None) -> datetime | None:
    """Return the local time that *iso* names; ``None`` where it names none."""
    try:
        return datetime.fromisoformat(iso).astimezone() if iso else None
    except ValueError:
        return None


def local(seconds: float) -> datetime:
    """Return the local time *seconds* after the epoch."""
    return datetime.fromtimestamp(seconds).astimezone()


def span(seconds: float) -> str:
    """Return *seconds* as "45 s", "12 min", "1 h 05 min", "3 days"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = (whole + 59) // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return plural("{n} day", "{n} days", hours // 24).format(n=hours // 24)
    return f"{hours} h {rest:02} min" if rest else f"{hours} h"


def until(iso: str | None, now: datetime | None = None) -> float:
    """Return how many seconds remain until *iso*; 0 where it is over or names no time."""
    when = parse(iso)
    if when is None:
        return 0.0
    return max(0.0, (when - (now or datetime.now().astimezone())).total_seconds())
