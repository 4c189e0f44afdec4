# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be kept is what both profile and ceiling allow."""

from __future__ import annotations

import pytest

from filterd.activity.levels import level_of, may_keep
from filterd.policy.profile import Record


@pytest.mark.parametrize("profile", list(Record))
@pytest.mark.parametrize("ceiling", list(Record))
@pytest.mark.parametrize("blocked", [False, True])
def test_nothing_is_kept_that_one_of_the_two_forbids(profile: Record, ceiling: Record, *, blocked: bool) -> None:
    both = may_keep(profile, blocked=blocked) and may_keep(ceiling, blocked=blocked)

    assert may_keep(level_of(profile, ceiling), blocked=blocked) == both


def test_a_level_of_blocked_keeps_refusals_alone() -> None:
    assert may_keep(Record.BLOCKED, blocked=True)
    assert not may_keep(Record.BLOCKED, blocked=False)
