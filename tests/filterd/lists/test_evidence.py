# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of names before a list speaks."""

from __future__ import annotations

import dataclasses

import pytest

from filterd.lists.evidence import JudgeContext, lay_grounds
from filterd.lists.model import Fault
from filterd.policy.model import GUARD_SITE
from tests.filterd.lists.support import CONTEXT


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("scarleteen.com", Fault.GUARD_SITE),
        ("www.scarleteen.com", Fault.GUARD_SITE),
        ("google.com", Fault.GUARD_PLATFORM),
        ("eklablog.com", Fault.SHARED_HOST),
        ("blogspot.com.py", Fault.SHARED_HOST),
        ("github.io", Fault.SHARED_HOST),
        ("com", Fault.PUBLIC_SUFFIX),
        ("gov.py", Fault.PUBLIC_SUFFIX),
        ("vk.com", Fault.OTHER_CATEGORY),
        ("harmless.example", Fault.BENIGN_LIST),
    ],
)
def test_a_name_that_no_list_may_claim(name: str, fault: Fault) -> None:
    assert lay_grounds(CONTEXT, "pornography", ["harmless.example"]).equal[name] is fault


@pytest.mark.parametrize("category", ["malware", "phishing", "anonymizers"])
def test_danger_does_not_ask_what_a_host_is_for(category: str) -> None:
    grounds = lay_grounds(CONTEXT, category, ["harmless.example"])

    assert "google.com" not in grounds.equal
    assert "harmless.example" not in grounds.equal
    assert grounds.equal["com"] is Fault.PUBLIC_SUFFIX
    assert grounds.equal["eklablog.com"] is Fault.SHARED_HOST
    assert grounds.words is None


def test_a_list_of_networks_may_name_the_network() -> None:
    grounds = lay_grounds(CONTEXT, "social")

    assert "eklablog.com" not in grounds.equal
    assert "google.com" not in grounds.equal


def test_what_is_below_an_institutions_suffix_is_known() -> None:
    grounds = lay_grounds(CONTEXT, "pornography")

    assert grounds.just_below["gov.py"] is Fault.INSTITUTION
    assert grounds.below["gov.py"] is Fault.BELOW_INSTITUTION
    assert "scarleteen.com" not in grounds.below


def test_rooms_of_strangers_do_not_speak_against_pornography() -> None:
    context = dataclasses.replace(CONTEXT, memberships={"rooms.example": frozenset({"chat"})})

    assert "rooms.example" not in lay_grounds(context, "pornography").equal
    assert lay_grounds(context, "hate").equal["rooms.example"] is Fault.OTHER_CATEGORY


def test_a_name_with_a_word_against_it_is_not_known_otherwise() -> None:
    context = dataclasses.replace(CONTEXT, memberships={"sexgames.example": frozenset({"games"})})

    assert "sexgames.example" not in lay_grounds(context, "pornography").equal


def test_a_name_that_we_hold_for_harmful_ourselves_is_not_known_otherwise() -> None:
    context = dataclasses.replace(CONTEXT, memberships={"odd.example": frozenset({"games", "gambling"})})

    assert "odd.example" not in lay_grounds(context, "pornography").equal


def test_no_list_opens_what_we_know_to_be_harmful() -> None:
    grounds = lay_grounds(CONTEXT, GUARD_SITE)

    assert grounds.equal["pornhub.com"] is Fault.OTHER_CATEGORY
    assert grounds.equal["com"] is Fault.PUBLIC_SUFFIX
    assert "vk.com" not in grounds.equal


def test_words_are_asked_where_lists_are_gathered_by_words() -> None:
    assert lay_grounds(CONTEXT, "pornography").words is not None
    assert lay_grounds(CONTEXT, "drugs").words is None


def test_the_digest_tells_contexts_apart() -> None:
    changed = [
        dataclasses.replace(CONTEXT, sites=frozenset()),
        dataclasses.replace(CONTEXT, hosting_parents=frozenset()),
        dataclasses.replace(CONTEXT, memberships={}),
        JudgeContext(),
    ]

    assert len({CONTEXT.digest(), *(context.digest() for context in changed)}) == 5
    assert CONTEXT.digest() == dataclasses.replace(CONTEXT).digest()
