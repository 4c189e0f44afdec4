# SPDX-License-Identifier: GPL-3.0-or-later
"""Name by name: taken, dropped or held back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.lists.evidence import lay_grounds
from filterd.lists.model import Fault
from filterd.lists.sieve import Sieve
from filterd.policy.model import Effect, Rule
from filterd.policy.networks import NetworkSet, parse_network
from tests.filterd.lists.support import CONTEXT


def sieve(category: str = "pornography", *benign: str) -> Sieve:
    return Sieve(lay_grounds(CONTEXT, category, benign), CONTEXT)


def sift(one: Sieve, *rules: Rule) -> list[Rule]:
    return list(one.sift(rules))


@pytest.mark.parametrize(
    "name",
    [
        "bad.example.com",
        "bad.blogspot.com",
        "bad.eklablog.com",
        "a.b.c.example.org",
        "1.2.3.4",
        "2606:4700::1",
        "203.0.113.0/24",
        "2001:db8::/32",
    ],
)
def test_a_name_that_nothing_speaks_against_is_taken(name: str) -> None:
    one = sieve()

    assert sift(one, Rule(name)) == [Rule(name)]
    assert (one.passed, one.clear_faults, one.held) == (1, 0, [])


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("com", Fault.PUBLIC_SUFFIX),
        ("localhost", Fault.PUBLIC_SUFFIX),
        ("anything.ck", Fault.PUBLIC_SUFFIX),
        ("blogspot.com", Fault.SHARED_HOST),
        ("eklablog.com", Fault.SHARED_HOST),
        ("google.com", Fault.GUARD_PLATFORM),
        ("www.google.com", Fault.GUARD_PLATFORM),
        ("unicef.org", Fault.GUARD_SITE),
        ("minna.gov.py", Fault.INSTITUTION),
        ("vk.com", Fault.OTHER_CATEGORY),
        ("127.0.0.1", Fault.PRIVATE_ADDRESS),
        ("192.168.1.1", Fault.PRIVATE_ADDRESS),
        ("192.168.0.0/24", Fault.PRIVATE_ADDRESS),
        ("192.0.0.0/8", Fault.PRIVATE_ADDRESS),
        ("fc00::/16", Fault.PRIVATE_ADDRESS),
        ("224.0.0.1", Fault.PRIVATE_ADDRESS),
        ("8.0.0.0/7", Fault.TOO_WIDE),
        ("0.0.0.0/0", Fault.TOO_WIDE),
        ("2000::/15", Fault.TOO_WIDE),
        ("::/0", Fault.TOO_WIDE),
    ],
)
def test_a_name_that_is_wrong_beyond_dispute_is_dropped(name: str, fault: Fault) -> None:
    one = sieve()

    assert sift(one, Rule(name, below="." in name and not name[0].isdigit())) == []
    assert one.dropped[fault].examples == [name]
    assert one.clear_faults == 1


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("pages.unicef.org", Fault.BELOW_GUARD),
        ("a.minna.gov.py", Fault.BELOW_INSTITUTION),
        ("harmless.example.com", Fault.BENIGN_LIST),
        ("universidad.com.py", Fault.WORDS),
    ],
)
def test_what_may_be_right_against_the_evidence_is_held_back(name: str, fault: Fault) -> None:
    one = sieve("pornography", "harmless.example.com")

    assert sift(one, Rule(name)) == []
    assert one.held == [(Rule(name), fault)]
    assert one.clear_faults == 0


def test_what_was_held_back_is_taken_from_a_source_worth_believing() -> None:
    one = sieve()
    sift(one, Rule("a.minna.gov.py"))

    assert one.release() == [Rule("a.minna.gov.py")]
    assert (one.passed, one.held, one.dropped) == (1, [], {})


def test_what_was_held_back_is_dropped_from_a_doubtful_source() -> None:
    one = sieve()
    sift(one, Rule("a.minna.gov.py"))

    one.drop_held()

    assert one.dropped[Fault.BELOW_INSTITUTION].examples == ["a.minna.gov.py"]
    assert (one.clear_faults, one.held) == (0, [])


@pytest.mark.parametrize("name", ["deep.pages.unicef.org", "sexy.unicef.org", "videos.google.com"])
def test_what_strangers_put_on_a_guarded_host_is_not_the_guards(name: str) -> None:
    assert sift(sieve(), Rule(name)) == [Rule(name)]


def test_a_page_of_a_platform_or_shared_host_may_be_named() -> None:
    rules = [Rule("youtube.com", "/watch/1"), Rule("blogspot.com", "/page"), Rule("vk.com", "/page")]

    assert sift(sieve(), *rules) == rules


def test_a_page_of_a_guarded_site_is_held_back() -> None:
    one = sieve()

    assert sift(one, Rule("unicef.org", "/page")) == []
    assert one.held == [(Rule("unicef.org", "/page"), Fault.BELOW_GUARD)]


def test_an_address_that_many_share_is_dropped_and_says_nothing_against_the_list() -> None:
    shared = NetworkSet(map(parse_network, ["203.0.113.0/24"]), apart_from=[parse_network("203.0.113.53")])
    context = replace(CONTEXT, shared=shared)
    one = Sieve(lay_grounds(context, "pornography"), context)
    rules = [Rule(text, below=False) for text in ("203.0.113.7", "203.0.0.0/16", "203.0.113.53", "203.0.114.1")]

    assert [rule.domain for rule in one.sift(rules)] == ["203.0.113.53", "203.0.114.1"]
    assert one.dropped[Fault.SHARED_ADDRESS].examples == ["203.0.113.7", "203.0.0.0/16"]
    assert one.clear_faults == 0


def test_a_page_on_an_address_that_many_share_may_be_named() -> None:
    context = replace(CONTEXT, shared=NetworkSet([parse_network("203.0.113.0/24")]))
    rule = Rule("203.0.113.7", "/page", below=False)

    assert list(Sieve(lay_grounds(context, "pornography"), context).sift([rule])) == [rule]


def test_an_exception_of_the_list_itself_stays() -> None:
    rule = Rule("google.com", effect=Effect.EXCEPT)

    assert sift(sieve(), rule) == [rule]


def test_a_rule_for_what_is_below_a_suffix_is_as_bad_as_one_for_the_suffix() -> None:
    assert sift(sieve(), Rule("com", apex=False)) == []


@pytest.mark.parametrize("category", ["malware", "anonymizers"])
def test_the_guard_does_not_speak_against_danger(category: str) -> None:
    rules = [Rule("google.com"), Rule("minna.gov.py"), Rule("universidad.com.py")]

    assert sift(sieve(category), *rules) == rules


def test_examples_are_few_and_counts_are_whole() -> None:
    one = sieve()
    sift(one, *(Rule(f"n{number}.gov.py") for number in range(100)))

    assert one.dropped[Fault.INSTITUTION].count == 100
    assert len(one.dropped[Fault.INSTITUTION].examples) == 20


label = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


@given(
    st.lists(st.tuples(label, st.sampled_from(["com", "gov.py", "google.com", "blogspot.com", "ck", ""])), max_size=30)
)
def test_every_rule_is_taken_dropped_or_held(parts: list[tuple[str, str]]) -> None:
    rules = [Rule(f"{front}.{end}" if end else front) for front, end in parts]
    one = sieve()

    taken = sift(one, *rules)

    dropped = sum(dropped.count for dropped in one.dropped.values())
    assert len(taken) + dropped + len(one.held) == len(rules)
    assert one.passed == len(taken)
