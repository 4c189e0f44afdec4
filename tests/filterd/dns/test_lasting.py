# SPDX-License-Identifier: GPL-3.0-or-later
"""Only what the policy itself says of a name lasts, and no longer than its next boundary."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from filterd.dns.lasting import make_lasts, never_lasts
from filterd.policy.model import Allow, Block, Cause, Decision, Reason, Request, Stage, Verdict
from tests.filterd.dns.fakes import CLIENT, GAMBLING, NOON, blocking

LATER = NOON + dt.timedelta(hours=1)
LASTS = make_lasts(blocking("casino.example"), lambda _client, _when: None, clock=lambda: LATER)


def decided(host: str, verdict: Verdict) -> Decision:
    return Decision(Request(Stage.QUERY, CLIENT, NOON, host), verdict, "child")


def test_the_policy_s_own_refusal_lasts() -> None:
    assert LASTS(decided("casino.example", Block(GAMBLING))) == math.inf


def test_a_refusal_lasts_to_the_boundary() -> None:
    lasts = make_lasts(
        blocking("casino.example"), lambda _client, when: when + dt.timedelta(seconds=70), clock=lambda: LATER
    )

    assert lasts(decided("casino.example", Block(GAMBLING))) == 70


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(decided("alias.example", Block(GAMBLING)), id="refused for where it leads"),
        pytest.param(decided("casino.example", Block(Reason(Cause.FAILURE))), id="refused for another reason"),
        pytest.param(decided("www.example", Allow()), id="let through"),
    ],
)
def test_anything_else_does_not(decision: Decision) -> None:
    assert LASTS(decision) == 0
    assert never_lasts(decision) == 0


def test_the_policy_is_asked_about_now() -> None:
    decide = blocking("casino.example")
    make_lasts(decide, lambda _client, _when: None, clock=lambda: LATER)(decided("casino.example", Block(GAMBLING)))

    assert [request.when for request in decide.asked] == [LATER]
