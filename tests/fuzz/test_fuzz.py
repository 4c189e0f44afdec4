# SPDX-License-Identifier: GPL-3.0-or-later
"""A short fuzzing of all that reads bytes of strangers; the long one is `make fuzz`."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import mutate, seeds
from tests.fuzz.targets import TARGETS

each_target = pytest.mark.parametrize("target", TARGETS)


@each_target
def test_honest_messages_do_no_harm(target: str) -> None:
    for raw in seeds(target):
        TARGETS[target](raw)


@each_target
@settings(deadline=None, max_examples=150)
@given(raw=st.binary(max_size=400))
def test_rubbish_does_no_harm(target: str, raw: bytes) -> None:
    TARGETS[target](raw)


@each_target
@settings(deadline=None, max_examples=300)
@given(chance=st.randoms(use_true_random=False), times=st.integers(1, 4))
def test_changed_messages_do_no_harm(target: str, chance: random.Random, times: int) -> None:
    raw = chance.choice(seeds(target))
    for _ in range(times):
        raw = mutate(raw, chance)

    TARGETS[target](raw)
