# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a change only closes: what an adult may choose to leave open to everybody."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from filterd.policy.profile import Profile
from filterd.policy.safesearch import YouTube
from filterd.settings import Settings

_STRICTER = {YouTube.OFF: 0, YouTube.MODERATE: 1, YouTube.STRICT: 2}


def only_tightens(
    before: tuple[Settings, Mapping[str, Profile]], after: tuple[Settings, Mapping[str, Profile]]
) -> bool:
    """Return whether the change from *before* to *after* opens nothing; each is settings with what they come to.

    Anything beside a profile's own restrictions counts as opening: a listener, an upstream, who gets which profile.
    """
    old, new = (msgspec.structs.replace(settings, profiles={}) for settings, _ in (before, after))
    if old != new or set(before[1]) != set(after[1]):
        return False
    return all(_tightens(profile, after[1][name]) for name, profile in before[1].items())


def _tightens(old: Profile, new: Profile) -> bool:
    return (
        old.blocked_categories <= new.blocked_categories
        and old.deny <= new.deny
        and new.allow <= old.allow
        and old.safe_search <= new.safe_search
        and _STRICTER[old.youtube] <= _STRICTER[new.youtube]
        and old.only_allowed <= new.only_allowed
        and old.block_unsafe_search <= new.block_unsafe_search
        and old.inspect == new.inspect
        and old.record == new.record
        and set(old.schedule.slots) <= set(new.schedule.slots)
        and old.schedule.zone == new.schedule.zone
        and set(old.own_patterns.texts) <= set(new.own_patterns.texts)
    )
