# SPDX-License-Identifier: GPL-3.0-or-later
"""For how long a refusal stays the policy's word."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from filterd.dns.pipeline import Boundary
from filterd.policy.model import Block, Decide, Decision

Lasts = Callable[[Decision], float]
"""For how many seconds from now on a decision is what the policy says of the name asked; 0 where that is not known."""


def never_lasts(_decision: Decision) -> float:
    """Return 0: no decision is known to last."""
    return 0.0


def make_lasts(decide: Decide, boundary: Boundary, *, clock: Callable[[], datetime]) -> Lasts:
    """Return how long refusals last under the policy that *decide* and *boundary* speak for, as long as it is in force.

    What refused a name for where it leads (an alias, an address) may find another answer tomorrow: such refusals are
    not the policy's word on the name, and last no longer than their TTL.
    """

    def lasts_s(decision: Decision) -> float:
        if not isinstance(decision.verdict, Block):
            return 0.0
        now = clock()
        asked = replace(decision.request, when=now)
        if decide(asked).verdict != decision.verdict:
            return 0.0
        end = boundary(asked.client, now)
        return math.inf if end is None else (end - now).total_seconds()

    return lasts_s
