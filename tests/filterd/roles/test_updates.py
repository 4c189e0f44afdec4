# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists are updated when they are due, by a process of their own."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from filterd.assembly import Assembly
from filterd.lists.model import Meta, State
from filterd.roles.updates import Updates, update_by_command
from filterd.settings_read import Source, parse_settings
from filterd.shipped import Shipped

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def assembly(tmp_path: Path, extra: str = "") -> Assembly:
    text = (
        f'[paths]\nstate = "{tmp_path}"\n[lists.mine]\ncategory = "gambling"\nurl = "file:///mine"\n'
        f'[lists.fresh]\ncategory = "gambling"\nurl = "file:///fresh"\n{extra}'
    )
    found = Assembly(parse_settings(text, name="t"), Shipped(), Source("t", text))
    fresh = Meta("fresh", "file:///fresh", "gambling", state=State.OK)
    found.lists.write_meta(dataclasses.replace(fresh, checked=NOW, fetched=NOW))
    return found


class Watch:
    """A clock that moves on by itself, and what was started."""

    def __init__(self) -> None:
        self.now = NOW
        self.started: list[tuple[str, ...]] = []
        self.first = asyncio.Event()

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=3)
        return self.now

    async def start(self, ids: Sequence[str]) -> None:
        self.started.append(tuple(ids))
        self.first.set()


async def run_until_started(updates: Updates, watch: Watch, found: Assembly) -> None:
    running = asyncio.create_task(updates.run(lambda: found))
    try:
        await asyncio.wait_for(watch.first.wait(), 5)
    finally:
        running.cancel()


def test_a_list_that_never_came_is_due_soon_after_the_start_and_a_fresh_one_is_not(tmp_path: Path) -> None:
    async def go() -> list[tuple[str, ...]]:
        watch = Watch()
        await run_until_started(
            Updates(watch.start, clock=watch, metered=lambda: False, jitter=0.0), watch, assembly(tmp_path)
        )
        return watch.started

    assert asyncio.run(go()) == [("mine",)]


@pytest.mark.parametrize(
    ("extra", "metered", "waits"),
    [("", True, True), ("[updates]\nautomatic = false\n", False, False)],
    ids=["metered", "switched-off"],
)
def test_nothing_is_fetched_over_a_metered_link_or_against_the_adult_s_will(
    tmp_path: Path, extra: str, *, metered: bool, waits: bool
) -> None:
    async def go() -> tuple[list[tuple[str, ...]], bool]:
        watch = Watch()
        updates = Updates(watch.start, clock=watch, metered=lambda: metered, jitter=0.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await updates.run(lambda: assembly(tmp_path, extra))
        return watch.started, updates.waits_for_unmetered

    assert asyncio.run(go()) == ([], waits)


def test_the_adult_may_allow_updates_over_a_metered_link(tmp_path: Path) -> None:
    async def go() -> list[tuple[str, ...]]:
        watch = Watch()
        found = assembly(tmp_path, "[updates]\non_metered = true\n")
        await run_until_started(Updates(watch.start, clock=watch, metered=lambda: True, jitter=0.0), watch, found)
        return watch.started

    assert asyncio.run(go()) == [("mine",)]


def test_the_adult_s_wish_updates_all_whatever_is_due(tmp_path: Path) -> None:
    async def go() -> list[tuple[str, ...]]:
        watch = Watch()
        updates = Updates(watch.start, clock=watch, metered=lambda: True, jitter=0.0)
        updates.update_all()
        await run_until_started(updates, watch, assembly(tmp_path, "[updates]\nautomatic = false\n"))
        return watch.started

    assert asyncio.run(go()) == [("mine", "fresh")]


def test_the_update_is_our_own_command_with_the_ids(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(' '.join(sys.argv[1:]))"

    async def go() -> None:
        await update_by_command([sys.executable, "-c", script], tmp_path / "f.toml")(["a", "b"])

    asyncio.run(go())

    assert told.read_text() == f"lists update --quiet --config {tmp_path / 'f.toml'} a b"
