# SPDX-License-Identifier: GPL-3.0-or-later
"""What only closes is told from what opens anything."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import msgspec
import pytest

from filterd.control.tightening import only_tightens
from filterd.policy.profile import Profile, Record
from filterd.policy.safesearch import YouTube
from filterd.policy.schedule import Schedule, Slot, parse_days, parse_time
from filterd.policy.userpatterns import UserPatterns, parse_user_pattern
from filterd.settings import Dns, ProfileSection, Settings

NIGHT = Slot(parse_days("all"), parse_time("21:00"), parse_time("07:00"))
CHILD = Profile(
    "child",
    blocked_categories=frozenset({"gambling", "drugs"}),
    safe_search=True,
    youtube=YouTube.MODERATE,
    inspect=True,
    allow=frozenset({"a.example"}),
    deny=frozenset({"b.example"}),
    own_patterns=UserPatterns([parse_user_pattern("host:*casino*")]),
    schedule=Schedule((NIGHT,)),
)
BEFORE = (Settings(), {"child": CHILD})


def after(**changes: object) -> tuple[Settings, dict[str, Profile]]:
    section = Settings(profiles={"child": ProfileSection()})
    return section, {"child": replace(CHILD, **changes)}  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"blocked_categories": CHILD.blocked_categories | {"games"}},
        {"deny": CHILD.deny | {"c.example"}},
        {"allow": frozenset()},
        {"youtube": YouTube.STRICT},
        {"only_allowed": True},
        {"block_unsafe_search": True},
        {"schedule": Schedule((NIGHT, Slot(parse_days("sun"), parse_time("12:00"), parse_time("14:00"))))},
        {"own_patterns": UserPatterns([*map(parse_user_pattern, ("host:*casino*", "url:*/bet/*"))])},
    ],
)
def test_what_only_closes(change: dict[str, object]) -> None:
    assert only_tightens(BEFORE, after(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"blocked_categories": frozenset({"gambling", "games"})},
        {"deny": frozenset()},
        {"allow": frozenset({"a.example", "c.example"})},
        {"allow": frozenset({"c.example"}), "deny": CHILD.deny | {"c.example"}},
        {"safe_search": False},
        {"youtube": YouTube.OFF},
        {"inspect": False},
        {"record": Record.NONE},
        {"schedule": Schedule()},
        {"schedule": Schedule((NIGHT,), zone=ZoneInfo("America/Asuncion"))},
        {"own_patterns": UserPatterns([])},
    ],
)
def test_what_opens_anything(change: dict[str, object]) -> None:
    assert not only_tightens(BEFORE, after(**change))


def test_anything_beside_profiles_counts_as_opening() -> None:
    settings = msgspec.structs.replace(Settings(), dns=Dns(upstreams=("udp://192.0.2.1",)))

    assert not only_tightens(BEFORE, (settings, {"child": CHILD}))
    assert not only_tightens(BEFORE, (Settings(), {"child": CHILD, "new": CHILD}))
