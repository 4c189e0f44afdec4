# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemon says reaches the reader in the reader's language."""

from __future__ import annotations

import pytest

from filterd.control.client import DaemonUnreachable, Refused
from filterd.policy.model import Cause
from filterd_gui import words
from filterd_gui.daemon_link import NotUnderstood
from filterd_gui.language import speak


def test_known_lines_are_translated_and_others_shown_as_they_came() -> None:
    speak("es")

    assert words.line("it was open already") == "ya estaba abierto"
    assert words.line("list x: 9 days old; see `filterd lists update`") == "La lista x tiene 9 días."
    assert words.line("something new") == "something new"


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_of_the_policy_has_a_sentence(cause: Cause) -> None:
    told = words.cause({"cause": cause.value, "rule": "r"}, "Gambling")

    assert told != words.cause({}, "")
    assert "{" not in told


def test_a_wait_is_told_with_the_refusal() -> None:
    told = words.failure(Refused(403, "wrong password", wait_s=90))

    assert told == "wrong password You can try again in 2 min."


def test_a_daemon_that_is_gone_or_newer_is_told_apart() -> None:
    assert words.failure(DaemonUnreachable("x")) != words.failure(NotUnderstood("x"))


def test_a_daemon_too_old_for_a_call_is_told_as_that() -> None:
    assert "cannot do that yet" in words.failure(Refused(404, "Not Found"))
    assert words.failure(Refused(404, "no such request; it may have been deleted")).startswith("no such request")


def test_codes_have_words() -> None:
    assert words.action("block") == ("Blocked", "bad")
    assert words.profile_name("child") == "Child (to 13)"
    assert words.profile_name("abuela") == "abuela"
    assert words.event("protection-off") == "Protection was turned off"
    assert words.cause_name("deny-list") == "black list"
    assert words.cause_name("new-cause") == "new-cause"
