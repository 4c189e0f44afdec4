# SPDX-License-Identifier: GPL-3.0-or-later
"""A remembered boundary is the one that the policy would name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from filterd.dns.boundaries import Boundaries
from filterd.policy.model import Client
from filterd.policy.schedule import Schedule, Slot, parse_days, parse_time

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHEDULES = {
    "child": Schedule((Slot(parse_days("all"), parse_time("21:00"), parse_time("07:00")),)),
    "adult": Schedule(),
}


def find(client: Client, when: datetime) -> datetime | None:
    return SCHEDULES[str(client.profile)].next_change(when)


def profile_of(client: Client) -> str:
    return str(client.profile)


@given(st.lists(st.tuples(st.sampled_from(sorted(SCHEDULES)), st.integers(-100_000, 200_000)), max_size=20))
def test_it_is_what_the_policy_says_wherever_the_clock_goes(asked: list[tuple[str, int]]) -> None:
    boundaries = Boundaries(find, profile_of)

    for profile, offset in asked:
        client, when = Client(profile=profile), START + timedelta(seconds=offset)
        assert boundaries(client, when) == find(client, when)


def test_it_is_worked_out_once_until_it_is_reached() -> None:
    asked: list[datetime] = []

    def counted(client: Client, when: datetime) -> datetime | None:
        asked.append(when)
        return find(client, when)

    boundaries = Boundaries(counted, profile_of)
    for minutes in range(0, 600, 10):
        boundaries(Client(profile="child"), START + timedelta(minutes=minutes))

    assert asked == [START, START + timedelta(hours=9)]
