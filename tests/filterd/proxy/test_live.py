# SPDX-License-Identifier: GPL-3.0-or-later
"""When what is open is judged again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from filterd.policy.model import Client
from filterd.proxy.live import Watch

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
CHILD = Client(address="192.168.7.9")


class World:
    """A clock that is set by hand, clients, and a count of reviews."""

    def __init__(self) -> None:
        self.now = NOON
        self.tick = 0.0
        self.clients = {CHILD}
        self.boundary: datetime | None = None
        self.reviews = asyncio.Queue[datetime]()
        self.asked = asyncio.Event()
        self.watch = Watch(
            lambda: self.clients,
            self.next_boundary,
            self.review,
            clock=lambda: self.now,
            monotonic=lambda: self.tick,
            recheck_s=0.01,
        )

    def next_boundary(self, _client: Client, _when: datetime) -> datetime | None:
        self.asked.set()
        return self.boundary

    async def review(self) -> None:
        self.reviews.put_nowait(self.now)

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.tick += seconds

    async def see_a_review(self) -> datetime:
        async with asyncio.timeout(5):
            return await self.reviews.get()

    async def see_another_look(self) -> None:
        for _ in range(3):  # the look that is under way, and two whole ones
            self.asked.clear()
            async with asyncio.timeout(5):
                await self.asked.wait()


def play(scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        task = asyncio.get_running_loop().create_task(world.watch.run())
        try:
            await scene(world)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())


def test_at_a_boundary_everything_is_judged_again() -> None:
    async def scene(world: World) -> None:
        world.boundary = NOON + timedelta(seconds=30)
        await world.see_another_look()
        assert world.reviews.empty(), "not before"
        world.go_on(30)

        assert await world.see_a_review() >= NOON + timedelta(seconds=30)

    play(scene)


def test_a_swap_is_no_matter_of_time() -> None:
    async def scene(world: World) -> None:
        world.clients = set()
        await asyncio.sleep(0)
        world.watch.swapped()

        await world.see_a_review()

    play(scene)


@pytest.mark.parametrize("step", [timedelta(hours=9), timedelta(hours=-9)], ids=["on", "back"])
def test_a_clock_that_was_set_is_noticed(step: timedelta) -> None:
    async def scene(world: World) -> None:
        await world.see_another_look()
        world.now += step  # and the monotonic clock knows nothing of it

        await world.see_a_review()

    play(scene)


def test_time_that_just_goes_by_changes_nothing() -> None:
    async def scene(world: World) -> None:
        await world.see_another_look()
        world.go_on(0.5)
        await world.see_another_look()

        assert world.reviews.empty()

    play(scene)


def test_with_nobody_there_nothing_is_looked_at_until_somebody_comes() -> None:
    async def scene(world: World) -> None:
        await world.see_another_look()
        world.clients = set()
        await asyncio.sleep(0.05)  # several looks' time
        world.asked.clear()
        await asyncio.sleep(0.05)
        assert not world.asked.is_set()
        world.clients = {CHILD}
        world.watch.joined(CHILD)

        async with asyncio.timeout(5):
            await world.asked.wait()

    play(scene)


def test_where_the_policy_cannot_say_all_is_judged_every_few_seconds(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_client: Client, _when: datetime) -> datetime | None:
        raise RuntimeError("a bug in the policy")

    async def scene(world: World) -> None:
        world.watch._next_boundary = broken
        await asyncio.sleep(0.05)
        world.go_on(0.5)

        await world.see_a_review()

    play(scene)
    assert "boundary" in caplog.text
