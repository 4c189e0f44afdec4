# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of precedence of contract.md, clause by clause, and what must hold whatever the lists say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.clients import ClientRule
from filterd.policy.model import (
    GUARD_PLATFORM,
    GUARD_SITE,
    Allow,
    Block,
    Cause,
    Client,
    PageView,
    Request,
    Rewrite,
    Stage,
    Verdict,
)
from filterd.policy.phrases import Phrase, parse_phrases
from filterd.policy.policy import Permission, Policy, Protection
from filterd.policy.profile import Profile
from filterd.policy.safesearch import SafeSearch, YouTube
from filterd.policy.schedule import Schedule, Slot, parse_days
from filterd.policy.scorer import PageScorer
from tests.fakes import FakeNames, FakeOwnPatterns, FakePatterns, category

ANYBODY = Client()
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NIGHT = NOON.replace(hour=23)
CATEGORIES = {
    c.id: c
    for c in (
        category("gambling", "2.10"),
        category("pornography", "2.11"),
        category("anonymizers"),
        category("malware", adult=True),
        category("social", optional=True),
    )
}
MINORS = frozenset({"gambling", "pornography", "anonymizers", "malware"})
LISTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "casino.example": [("gambling", "l")],
    "gov.example": [(GUARD_SITE, "guard")],
    "bad.gov.example": [("pornography", "l")],
    "same.example": [("pornography", "l"), (GUARD_SITE, "guard")],
    "vpn.gov.example": [("anonymizers", "l"), (GUARD_SITE, "guard")],
    "big.example": [(GUARD_PLATFORM, "guard"), ("gambling", "l"), ("social", "l")],
    "paths.example/casino": [("gambling", "l")],
    "both.example": [("gambling", "l"), ("pornography", "m")],
}
BEDTIME = Schedule((Slot(parse_days("all"), time(22), time(6)),), UTC)
NO_ENGINES = SafeSearch()
ENGINES = SafeSearch.from_mapping(
    {
        "engines": {"search": {"safe_host": "safe.search.example", "hosts": ["www.search.example"]}},
        "youtube": {
            "hosts": ["www.videos.example"],
            "moderate": {"safe_host": "moderate.videos.example"},
            "strict": {"safe_host": "strict.videos.example"},
        },
        "unsafe": {"hosts": ["wild.example"]},
    }
)


def policy(profile: Mapping[str, Any] | None = None, **others: Any) -> Policy:
    chosen = {"blocked_categories": MINORS, **(profile or {})}
    defaults: dict[str, Any] = {
        "names": FakeNames(LISTS),
        "patterns": FakePatterns({"poker": "gambling", "tunnel": "anonymizers"}),
        "categories": CATEGORIES,
        "profiles": {"child": Profile("child", **chosen), "adult": Profile("adult")},
        "default_profile": "child",
        "safe_search": NO_ENGINES,
    }
    return Policy(**(defaults | others))


def verdict(
    judged: Policy, host: str, *, url: str | None = None, when: datetime = NOON, client: Client = ANYBODY
) -> Verdict:
    stage = Stage.REQUEST if url else Stage.QUERY
    return judged.decide(Request(stage, client, when, host, url)).verdict


def cause(found: Verdict) -> Cause | None:
    return found.reason.cause if found.reason else None


def test_a_listed_name_is_blocked_with_category_rule_list_and_decree_item() -> None:
    found = verdict(policy(), "www.casino.example")

    assert isinstance(found, Block)
    assert (found.reason.category, found.reason.rule, found.reason.list) == ("gambling", "casino.example", "l")
    assert found.reason.decree == ("2.10",)


def test_a_name_that_nothing_knows_is_allowed_without_a_reason() -> None:
    assert verdict(policy(), "example.org") == Allow()


def test_a_category_that_the_profile_leaves_open_is_told_but_allowed() -> None:
    found = verdict(policy(), "casino.example", client=Client(profile="adult"))

    assert isinstance(found, Allow)
    assert cause(found) is Cause.CATEGORY_OPEN
    assert found.reason
    assert found.reason.category == "gambling"


def test_all_matching_categories_are_told() -> None:
    found = verdict(policy(), "both.example")

    assert found.reason
    assert found.reason.categories == ("gambling", "pornography")


# Clause 1
@pytest.mark.parametrize("off", [Protection(on=False), Protection(off_until=NOON + timedelta(minutes=5))])
def test_protection_off_or_paused_opens_everything(off: Protection) -> None:
    assert cause(verdict(policy(protection=off), "casino.example")) is Cause.PROTECTION_OFF


def test_a_pause_ends_by_itself() -> None:
    paused = policy(protection=Protection(off_until=NOON))

    assert isinstance(verdict(paused, "casino.example", when=NOON), Block)


# Clause 2
def test_survival_names_are_open_in_closed_hours_but_not_what_is_below_them() -> None:
    judged = policy({"schedule": BEDTIME}, survival=frozenset({"captive.example"}))

    assert cause(verdict(judged, "captive.example", when=NIGHT)) is Cause.SURVIVAL
    assert cause(verdict(judged, "x.captive.example", when=NIGHT)) is Cause.CLOSED_HOURS


# Clauses 3 and 4
def test_closed_hours_close_even_what_is_allowed() -> None:
    judged = policy({"schedule": BEDTIME, "allow": frozenset({"school.example"})})
    found = verdict(judged, "school.example", when=NIGHT)

    assert isinstance(found, Block)
    assert found.reason.cause is Cause.CLOSED_HOURS
    assert found.reason.rule == "all 22:00-06:00"


@pytest.mark.parametrize(("for_closed_hours", "opens"), [(True, True), (False, False)])
def test_in_closed_hours_only_a_permission_for_them_opens(*, for_closed_hours: bool, opens: bool) -> None:
    given_until = Permission("child", "school.example", NIGHT + timedelta(hours=1), for_closed_hours=for_closed_hours)
    judged = policy({"schedule": BEDTIME}, permissions=[given_until])

    assert isinstance(verdict(judged, "www.school.example", when=NIGHT), Allow) is opens


def test_a_permission_beats_the_deny_list_until_it_ends() -> None:
    until = NOON + timedelta(minutes=15)
    judged = policy({"deny": frozenset({"casino.example"})}, permissions=[Permission("child", "casino.example", until)])

    assert cause(verdict(judged, "www.casino.example")) is Cause.PERMISSION
    assert cause(verdict(judged, "www.casino.example", when=until)) is Cause.DENY_LIST
    assert cause(verdict(judged, "notcasino.example")) is None


def test_a_permission_is_for_one_profile() -> None:
    judged = policy(permissions=[Permission("adult", "casino.example", NOON + timedelta(hours=1))])

    assert isinstance(verdict(judged, "casino.example"), Block)


def test_a_permission_for_one_client_opens_for_no_other() -> None:
    until = NOON + timedelta(hours=1)
    judged = policy(permissions=[Permission("child", "casino.example", until, address="192.0.2.7")])

    def asked_from(address: str) -> Verdict:
        return judged.decide(Request(Stage.QUERY, Client(address=address), NOON, "casino.example")).verdict

    assert isinstance(asked_from("192.0.2.7"), Allow)
    assert isinstance(asked_from("192.0.2.8"), Block)


# Clause 5
@pytest.mark.parametrize(
    ("allow", "deny", "host", "expected"),
    [
        ({"casino.example"}, set(), "www.casino.example", Cause.ALLOW_LIST),
        (set(), {"gov.example"}, "www.gov.example", Cause.DENY_LIST),
        ({"a.example"}, {"a.example"}, "a.example", Cause.DENY_LIST),
        ({"www.a.example"}, {"a.example"}, "www.a.example", Cause.ALLOW_LIST),
        ({"a.example"}, {"www.a.example"}, "www.a.example", Cause.DENY_LIST),
        ({"a.example"}, {"www.a.example"}, "a.example", Cause.ALLOW_LIST),
    ],
)
def test_the_more_specific_own_entry_wins_and_deny_where_equal(
    allow: set[str], deny: set[str], host: str, expected: Cause
) -> None:
    judged = policy({"allow": frozenset(allow), "deny": frozenset(deny)})

    assert cause(verdict(judged, host)) is expected


def test_only_allowed_closes_all_but_the_white_list() -> None:
    judged = policy({"only_allowed": True, "allow": frozenset({"school.example"})})

    assert cause(verdict(judged, "www.school.example")) is Cause.ALLOW_LIST
    assert cause(verdict(judged, "gov.example")) is Cause.ONLY_ALLOWED
    assert cause(verdict(judged, "example.org")) is Cause.ONLY_ALLOWED


def test_own_patterns_close_what_the_guard_would_keep_open() -> None:
    judged = policy({"own_patterns": FakeOwnPatterns("gov")})
    found = verdict(judged, "www.gov.example")

    assert isinstance(found, Block)
    assert (found.reason.cause, found.reason.rule) == (Cause.OWN_PATTERN, "host:*gov*")


# Clauses 6 and 7
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("www.gov.example", Cause.GUARD_SITE),
        ("bad.gov.example", Cause.CATEGORY_LIST),  # the more specific entry wins
        ("same.example", Cause.GUARD_SITE),  # the guard where equal
        ("big.example", Cause.GUARD_PLATFORM),
        ("vpn.gov.example", Cause.CATEGORY_LIST),  # never opened by the guard
    ],
)
def test_the_guard_against_category_lists(host: str, expected: Cause) -> None:
    assert cause(verdict(policy(), host)) is expected


def test_the_guard_does_not_open_an_optional_category_that_the_adult_chose() -> None:
    judged = policy({"blocked_categories": MINORS | {"social"}})
    found = verdict(judged, "big.example")

    assert isinstance(found, Block)
    assert found.reason.category == "social"


def test_an_address_of_a_page_is_blocked_and_its_site_stays_open() -> None:
    assert isinstance(verdict(policy(), "paths.example", url="https://paths.example/casino"), Block)
    assert verdict(policy(), "paths.example", url="https://paths.example/") == Allow()


# Clause 8
def test_patterns_judge_hosts_and_urls_that_no_list_knows() -> None:
    host = verdict(policy(), "poker-night.example")
    url = verdict(policy(), "example.org", url="https://example.org/poker")

    assert cause(host) is Cause.CATEGORY_PATTERN
    assert cause(url) is Cause.CATEGORY_PATTERN
    assert host.reason
    assert (host.reason.rule, host.reason.category) == ("poker", "gambling")


def test_a_guarded_site_is_kept_from_patterns_a_platform_s_urls_are_not() -> None:
    assert cause(verdict(policy(), "poker.gov.example", url="http://poker.gov.example/poker")) is Cause.GUARD_SITE
    assert cause(verdict(policy(), "poker.big.example")) is Cause.GUARD_PLATFORM
    assert cause(verdict(policy(), "big.example", url="https://big.example/poker")) is Cause.CATEGORY_PATTERN


def test_the_guard_does_not_keep_from_patterns_of_what_it_never_opens() -> None:
    assert cause(verdict(policy(), "tunnel.gov.example")) is Cause.CATEGORY_PATTERN


# Inner addresses
def test_a_translated_page_is_judged_as_its_own_host() -> None:
    found = verdict(policy(), "www-casino-example.translate.goog")

    assert isinstance(found, Block)
    assert found.reason.rule == "casino.example"


def test_an_allow_of_the_translator_does_not_cover_what_it_shows() -> None:
    judged = policy({"allow": frozenset({"translate.goog", "web.archive.org"})})
    archived = "https://web.archive.org/web/2020/https://casino.example/"

    assert isinstance(verdict(judged, "casino-example.translate.goog"), Block)
    assert isinstance(verdict(judged, "web.archive.org", url=archived), Block)
    assert isinstance(verdict(judged, "web.archive.org", url="https://web.archive.org/"), Allow)


def test_addresses_nested_without_end_are_refused() -> None:
    nested = "https://web.archive.org/web/1/" * 9 + "https://example.org/"

    assert isinstance(verdict(policy(), "web.archive.org", url=nested), Block)


# Safe search
def test_what_is_let_through_is_rewritten_for_safe_search() -> None:
    judged = policy({"safe_search": True, "youtube": YouTube.MODERATE}, safe_search=ENGINES)
    search = verdict(judged, "www.search.example")
    videos = verdict(judged, "www.videos.example")

    assert isinstance(search, Rewrite)
    assert search.host == "safe.search.example"
    assert isinstance(videos, Rewrite)
    assert videos.host == "moderate.videos.example"


def test_only_an_allow_of_exactly_the_engine_s_host_skips_it() -> None:
    exact = policy({"safe_search": True, "allow": frozenset({"www.search.example"})}, safe_search=ENGINES)
    above = policy({"safe_search": True, "allow": frozenset({"search.example"})}, safe_search=ENGINES)
    off = policy({"safe_search": True}, safe_search=ENGINES, protection=Protection(on=False))

    assert isinstance(verdict(exact, "www.search.example"), Allow)
    assert isinstance(verdict(above, "www.search.example"), Rewrite)
    assert isinstance(verdict(off, "www.search.example"), Allow)


def test_a_blocked_engine_is_not_rewritten() -> None:
    judged = policy({"safe_search": True, "deny": frozenset({"search.example"})}, safe_search=ENGINES)

    assert isinstance(verdict(judged, "www.search.example"), Block)


def test_an_engine_that_cannot_be_forced_is_refused_where_the_adult_chose_so() -> None:
    strict = policy({"safe_search": True, "block_unsafe_search": True}, safe_search=ENGINES)
    lax = policy({"safe_search": True}, safe_search=ENGINES)

    assert cause(verdict(strict, "wild.example")) is Cause.NO_SAFE_MODE
    assert verdict(lax, "wild.example") == Allow()


# Boundaries, profiles
def test_the_next_boundary_is_the_first_of_schedule_permission_and_pause() -> None:
    until = NOON + timedelta(minutes=15)
    judged = policy({"schedule": BEDTIME}, permissions=[Permission("child", "a.example", until)])
    paused = policy({"schedule": BEDTIME}, protection=Protection(off_until=NOON + timedelta(minutes=1)))

    assert judged.next_boundary(Client(), NOON) == until
    assert judged.next_boundary(Client(), until) == NOON.replace(hour=22)
    assert paused.next_boundary(Client(), NOON) == NOON + timedelta(minutes=1)
    assert policy().next_boundary(Client(), NOON) is None


def test_an_unknown_profile_cannot_be_the_default_nor_a_client_s() -> None:
    with pytest.raises(ValueError, match="unknown profile 'kid'"):
        policy(default_profile="kid")
    with pytest.raises(ValueError, match="unknown profile 'kid'"):
        policy(clients=[ClientRule("kid", user="x")])


hosts = st.sampled_from([*(name.partition("/")[0] for name in LISTS), "example.org", "poker.example"])
prefixes = st.sampled_from(["", "www.", "a.b."])
domain_sets = st.frozensets(hosts)


@given(hosts, prefixes, domain_sets, domain_sets, hosts)
def test_one_more_deny_rule_never_opens_anything(
    host: str, prefix: str, allow: frozenset[str], deny: frozenset[str], more: str
) -> None:
    before = verdict(policy({"allow": allow, "deny": deny}), prefix + host)
    after = verdict(policy({"allow": allow, "deny": deny | {more}}), prefix + host)

    assert not (isinstance(before, Block) and not isinstance(after, Block))


@given(hosts, prefixes, domain_sets, domain_sets, hosts)
def test_one_more_allow_rule_never_closes_anything(
    host: str, prefix: str, allow: frozenset[str], deny: frozenset[str], more: str
) -> None:
    before = verdict(policy({"allow": allow, "deny": deny}), prefix + host)
    after = verdict(policy({"allow": allow | {more}, "deny": deny}), prefix + host)

    assert not (isinstance(after, Block) and not isinstance(before, Block))


@given(hosts, prefixes, st.frozensets(st.sampled_from(sorted(CATEGORIES))), st.sampled_from(sorted(CATEGORIES)))
def test_one_more_blocked_category_never_opens_anything(
    host: str, prefix: str, blocked: frozenset[str], more: str
) -> None:
    before = verdict(policy({"blocked_categories": blocked}), prefix + host)
    after = verdict(policy({"blocked_categories": blocked | {more}}), prefix + host)

    assert not (isinstance(before, Block) and not isinstance(after, Block))


# Clause 9
PHRASES: Mapping[str, Sequence[Phrase]] = {
    "gambling": parse_phrases("casino online\tes\t9\nayuda\tes\t-9"),
    "adult": parse_phrases("solo adultos\tes\t9"),
    "anonymizers": parse_phrases("proxy gratis\tes\t9"),
}
BAD = PageView(text="El mejor casino online")
LABELLED = PageView(age_label=18)


def of_page(judged: Policy, host: str, page: PageView, *, url: str | None = None) -> Verdict:
    asked = Request(Stage.RESPONSE, ANYBODY, NOON, host, url or f"https://{host}/", page=page)
    return judged.decide(asked).verdict


def reader(profile: Mapping[str, Any] | None = None, **others: Any) -> Policy:
    categories = {**CATEGORIES, "adult": category("adult", "2.9")}
    blocked = {"blocked_categories": MINORS | {"adult"}, **(profile or {})}
    return policy(blocked, categories=categories, **{"scorer": PageScorer(PHRASES), **others})


def test_a_page_is_blocked_by_its_text_with_phrase_list_and_decree_item() -> None:
    found = of_page(reader(), "example.org", BAD)

    assert isinstance(found, Block)
    assert (found.reason.cause, found.reason.category) == (Cause.PAGE_TEXT, "gambling")
    assert (found.reason.rule, found.reason.list) == ("casino online", "phrases-gambling")
    assert (found.reason.categories, found.reason.decree) == (("gambling",), ("2.10",))


def test_a_harmless_page_is_allowed() -> None:
    assert of_page(reader(), "example.org", PageView(text="Receta de chipa")) == Allow()
    assert of_page(reader(), "example.org", PageView(text="casino online: ayuda")) == Allow()


def test_without_a_page_or_a_scorer_no_text_is_judged() -> None:
    assert verdict(reader(), "example.org", url="https://example.org/") == Allow()
    assert of_page(reader(scorer=None), "example.org", BAD) == Allow()


def test_a_plain_text_is_judged_as_a_page_is() -> None:
    asked = Request(Stage.RESPONSE, ANYBODY, NOON, "example.org", text=BAD.text)

    assert cause(reader().decide(asked).verdict) is Cause.PAGE_TEXT


def test_a_page_that_says_it_is_for_adults_is_believed() -> None:
    found = of_page(reader(), "example.org", LABELLED)

    assert isinstance(found, Block)
    assert (found.reason.cause, found.reason.category, found.reason.rule) == (Cause.AGE_LABEL, "adult", "age 18")
    assert of_page(reader({"blocked_categories": MINORS}), "example.org", LABELLED) == Allow()


@pytest.mark.parametrize("page", [BAD, LABELLED], ids=["text", "label"])
def test_a_guarded_site_is_kept_from_page_text_and_a_platform_is_not(page: PageView) -> None:
    assert cause(of_page(reader(), "gov.example", page)) is Cause.GUARD_SITE
    assert isinstance(of_page(reader(), "big.example", page), Block)


def test_the_guard_never_opens_what_it_may_not() -> None:
    found = of_page(reader(), "gov.example", PageView(text="Un proxy gratis"))

    assert cause(found) is Cause.PAGE_TEXT


def test_what_the_adult_allowed_is_not_read() -> None:
    until = Permission("child", "example.org", NOON + timedelta(hours=1))

    assert cause(of_page(reader({"allow": frozenset({"example.org"})}), "example.org", BAD)) is Cause.ALLOW_LIST
    assert cause(of_page(reader(permissions=[until]), "example.org", BAD)) is Cause.PERMISSION
    assert cause(of_page(reader(protection=Protection(on=False)), "example.org", BAD)) is Cause.PROTECTION_OFF


def test_a_list_speaks_before_the_text() -> None:
    assert cause(of_page(reader(), "casino.example", BAD)) is Cause.CATEGORY_LIST


def test_a_translated_page_is_judged_as_the_site_that_it_is_of() -> None:
    def translated(host: str) -> Cause | None:
        url = f"https://translate.google.com/translate?u=https://{host}/"
        return cause(of_page(reader(), "translate.google.com", BAD, url=url))

    assert translated("example.org") is Cause.PAGE_TEXT
    assert translated("gov.example") is None


TEXTS = st.lists(
    st.sampled_from(["casino online", "ayuda", "solo adultos", "proxy gratis", "pan", "ruleta"]), max_size=8
)


@given(hosts, TEXTS, st.sampled_from(["gambling", "adult", "anonymizers", "pornography"]), domain_sets)
def test_one_more_harmful_phrase_never_opens_a_page(
    host: str, text: list[str], more: str, allow: frozenset[str]
) -> None:
    page = PageView(text=" . ".join(text))
    phrases = {**PHRASES, more: (*PHRASES.get(more, ()), *parse_phrases("ruleta\tes\t5"))}
    before = of_page(reader({"allow": allow}), host, page)
    after = of_page(reader({"allow": allow}, scorer=PageScorer(phrases)), host, page)

    assert not (isinstance(before, Block) and not isinstance(after, Block))


@given(hosts, TEXTS, domain_sets, hosts)
def test_one_more_deny_rule_never_opens_a_page(host: str, text: list[str], allow: frozenset[str], more: str) -> None:
    page = PageView(text=" . ".join(text))
    before = of_page(reader({"allow": allow}), host, page)
    after = of_page(reader({"allow": allow, "deny": frozenset({more})}), host, page)

    assert not (isinstance(before, Block) and not isinstance(after, Block))


def test_what_a_page_says_is_not_shown_where_a_decision_is_printed() -> None:
    page = PageView(text="canary", title="canary", hosts=("canary",))
    asked = Request(Stage.RESPONSE, ANYBODY, NOON, "example.org", text="canary", page=page)

    assert "canary" not in repr(reader().decide(asked))
    assert "canary" not in repr(page)
