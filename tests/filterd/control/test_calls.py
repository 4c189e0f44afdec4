# SPDX-License-Identifier: GPL-3.0-or-later
"""A call knows who makes it."""

from __future__ import annotations

import os
import pwd

import pytest

from filterd.control.calls import ApiError, Call, Peer


def test_an_account_is_named() -> None:
    own = Peer(os.getuid())

    assert own.user == pwd.getpwuid(os.getuid()).pw_name
    assert str(own) == f"uid {os.getuid()} ({own.user})"


def test_an_account_without_a_name_has_its_number() -> None:
    assert Peer(4_000_000_000).user is None
    assert str(Peer(4_000_000_000)) == "uid 4000000000"


def test_without_a_session_the_adult_s_calls_end_in_401() -> None:
    Call(Peer(1000), adult=True).need_adult()
    with pytest.raises(ApiError) as error:
        Call(Peer(1000)).need_adult()

    assert error.value.status == 401
