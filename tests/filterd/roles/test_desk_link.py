# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child sends from the block page comes to the adult, and the answer is one that the page can tell."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from pathlib import Path

import msgspec
import pytest

from filterd.policy.model import Client
from filterd.roles.desk_link import DeskLink
from filterd.wording import Outcome
from tests.filterd.control.conftest import control, runtime, serving
from tests.filterd.control.fakes import Control

__all__ = ["control", "runtime", "serving"]

TABLET = Client(address="192.0.2.7")


def run[T](work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return asyncio.run(wait())


@pytest.fixture
def link(serving: Path, control: Control) -> DeskLink:
    control.gate._own_uid = os.getuid()  # the proxy runs under the daemon's account
    return DeskLink(serving)


def ask(link: DeskLink, host: str, *, wrong: bool = False) -> Outcome:
    return run(link.ask(host=host, profile="child", client=TABLET, comment="porfa", wrong=wrong))


def test_a_request_and_a_report_arrive(link: DeskLink, control: Control) -> None:
    assert ask(link, "bad.example") is Outcome.SENT
    assert ask(link, "bad.example", wrong=True) is Outcome.REPORTED
    kept = run(control.requests.everything(control.call()))

    assert [(r.host, r.comment, r.wrong) for r in kept] == [
        ("bad.example", "porfa", True),
        ("bad.example", "porfa", False),
    ]


def test_what_is_open_or_was_answered_for_good_is_said(link: DeskLink, control: Control) -> None:
    assert ask(link, "open.example") is Outcome.NOT_BLOCKED
    ask(link, "bad.example")
    (request,) = run(control.requests.everything(control.call()))
    control.requests._keep([msgspec.structs.replace(request, answer="never")])

    assert ask(link, "bad.example") is Outcome.NEVER


def test_too_many_are_refused(link: DeskLink) -> None:
    outcomes = [ask(link, "bad.example") for _ in range(6)]

    assert outcomes == [Outcome.SENT] * 5 + [Outcome.TOO_MANY]


def test_a_wrong_code_opens_nothing_and_costs_a_wait(link: DeskLink, control: Control) -> None:
    control.set_password()
    control.auth.new_totp()

    def unlock() -> Outcome:
        return run(link.unlock(host="bad.example", profile="child", client=TABLET, code="000000"))

    assert unlock() is Outcome.WRONG_CODE
    assert unlock() is Outcome.TOO_MANY
    assert control.standing.permissions == ()


def test_without_control_the_page_says_so(tmp_path: Path) -> None:
    assert ask(DeskLink(tmp_path), "bad.example") is Outcome.UNAVAILABLE


def test_it_knows_whether_there_are_codes(link: DeskLink, control: Control) -> None:
    control.set_password()
    control.auth.new_totp()
    assert not link.has_codes()

    async def look() -> None:
        following = asyncio.create_task(link.follow())
        while not link.has_codes():  # noqa: ASYNC110 (what is waited for is another thread's answer)
            await asyncio.sleep(0)
        following.cancel()

    asyncio.run(asyncio.wait_for(look(), 10))
    assert link.has_codes()
