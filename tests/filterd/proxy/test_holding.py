# SPDX-License-Identifier: GPL-3.0-or-later
"""What is held back has a bound, for one answer and for all together (the stream itself: test_responses.py)."""

from __future__ import annotations

import gc

from mitmproxy.test import tflow

from filterd.proxy.holding import Held, Purse, held_of, hold


def test_an_answer_is_held_up_to_its_limit() -> None:
    held = Held(Purse(), limit=100)

    assert [held.grow(40), held.grow(40), held.grow(40)] == [False, False, True]


def test_where_memory_is_spent_each_may_have_a_little() -> None:
    purse = Purse(total=1000, least=50)
    first, second = Held(purse, limit=2000), Held(purse, limit=2000)

    assert not first.grow(900)
    assert not second.grow(40)
    assert second.grow(100)
    assert not Held(purse, limit=2000).grow(49)


def test_memory_comes_back_when_an_answer_was_let_go() -> None:
    purse = Purse()
    held = Held(purse, limit=100)
    held.grow(60)
    held.let_go()
    held.let_go()

    assert purse.spent == 0


def test_memory_comes_back_when_a_connection_ends_without_a_word() -> None:
    purse = Purse()
    flow = tflow.tflow(resp=True)
    hold(flow, Held(purse, limit=100))
    held = held_of(flow)
    assert held is not None
    held.grow(60)
    del flow, held
    gc.collect()

    assert purse.spent == 0


def test_an_answer_that_was_judged_is_held_no_longer() -> None:
    flow = tflow.tflow(resp=True)
    hold(flow, Held(Purse(), limit=100))
    assert flow.response
    assert not flow.response.stream
    held = held_of(flow)
    assert held is not None
    held.judged = True

    assert held_of(flow) is None
