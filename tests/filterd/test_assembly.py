# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings become a policy, or are refused with the line of what is not there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from filterd.assembly import Assembly
from filterd.policy.model import AgeBand, Allow, Block, Client, Request, Rewrite, Stage, Verdict
from filterd.policy.policy import Policy
from filterd.policy.safesearch import YouTube
from filterd.settings_read import SettingsError, Source, parse_settings
from filterd.shipped import Shipped
from tests.fakes import FakeNames

SHIPPED = Shipped()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def assemble(text: str) -> Assembly:
    return Assembly(parse_settings(text, name="f.toml"), SHIPPED, Source("f.toml", text))


def policy(text: str = "") -> Policy:
    return assemble(text).policy(FakeNames({}))


def verdict(judged: Policy, host: str, client: Client) -> Verdict:
    return judged.decide(Request(Stage.QUERY, client, NOW, host)).verdict


def test_without_settings_there_are_the_three_presets() -> None:
    found = policy()

    assert set(found.profiles) == set(AgeBand)
    assert "gambling" in found.profiles["child"].blocked_categories
    assert found.profiles["adult"].blocked_categories == {"malware", "phishing"}
    assert found.profiles["adolescent"].youtube is YouTube.MODERATE


def test_what_a_profile_does_not_say_comes_from_its_preset() -> None:
    found = policy('[profiles.child]\nblocked_categories = ["drugs"]\n').profiles["child"]

    assert found.blocked_categories == {"drugs"}
    assert found.safe_search
    assert found.youtube is YouTube.STRICT


def test_a_profile_of_one_s_own_starts_from_the_strictest_or_from_what_it_says() -> None:
    found = policy('[profiles.aula]\n[profiles.abuelo]\npreset = "adult"\n').profiles

    assert found["aula"].blocked_categories == found["child"].blocked_categories
    assert found["abuelo"].blocked_categories == found["adult"].blocked_categories


def test_only_allowed_opens_the_starter_list_unless_told_not_to() -> None:
    wide = policy('[profiles.child]\nonly_allowed = true\nallow = ["Escuela.EXAMPLE."]\n').profiles["child"]
    narrow = policy("[profiles.child]\nonly_allowed = true\nstarter_list = false\n").profiles["child"]

    assert "escuela.example" in wide.allow
    assert set(SHIPPED.catalogue.starter_allow) <= wide.allow
    assert narrow.allow == frozenset()


def test_clients_listeners_patterns_and_engines_reach_the_policy() -> None:
    found = policy(
        '[profiles.child]\npatterns = ["host:*quokka*"]\n[[clients]]\nnetwork = "192.168.7.0/24"\nprofile = "adult"\n'
    )

    assert isinstance(verdict(found, "my-quokka.example", Client("192.168.8.1")), Block)
    assert verdict(found, "my-quokka.example", Client("192.168.7.1")) == Allow()
    assert isinstance(verdict(found, "www.google.com.py", Client()), Rewrite)


def test_schedules_run_in_the_zone_of_the_settings() -> None:
    text = '[policy]\ntime_zone = "Asia/Tokyo"\n'

    assert assemble(text).zone == ZoneInfo("Asia/Tokyo")
    assert NOW.astimezone(assemble("").zone).utcoffset() is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[policy]\ndefault_profile = "chidl"', "f.toml: line 2: unknown profile 'chidl'; did you mean 'child'?"),
        ('[[clients]]\nuser = "a"\nprofile = "kid"', "line 3: unknown profile 'kid'"),
        ('[[proxy.listeners]]\nlisten = "127.0.0.1:1"\nprofile = "kid"', "line 3: unknown profile 'kid'"),
        ('[profiles.child]\nblocked_categories = ["porn"]', "line 2: unknown category 'porn'"),
        ('[profiles.child]\npatterns = ["casino"]', "line 2: 'casino' is no pattern"),
        ('[dns]\nupstreams = ["https://"]', "dns.upstreams"),
        ("[dns]\nupstreams = []", "line 2: dns.upstreams: name at least one"),
        ('[dns]\nupstream_ca = "/etc/passwd"', "line 2: dns.upstream_ca: /etc/passwd: no certificates"),
        ('[dns]\nupstreams = ["udp://dns.example"]', "line 2: dns.upstreams"),
        (
            '[dns]\nlisten = ["127.0.0.1:53"]\nupstreams = ["udp://127.0.0.1"]',
            "line 3: dns.upstreams: udp://127.0.0.1 is our own address",
        ),
        ('[dns]\nlisten = ["0.0.0.0:53"]\nupstreams = ["udp://127.0.0.1"]', "is our own address"),
        ('[dns]\nupstream_ca = "/absent.pem"', "line 2: dns.upstream_ca: /absent.pem: no such file"),
        ('[proxy]\nprivate_targets = ["10.0.0.0/99"]', "line 2: proxy.private_targets: '10.0.0.0/99' is no"),
        ('[lists.x]\ncategory = "gamblin"\nurl = "file:///x"', "line 2: unknown category 'gamblin'; did you mean"),
    ],
)
def test_what_is_not_there_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        assemble(text).check()

    assert message in str(refused.value)


def test_what_this_version_cannot_do_yet_is_said() -> None:
    asked = assemble(
        '[proxy]\ninspect = true\n[status_page]\nlisten = "127.0.0.1:1"\n[[clients]]\nuser = "ana"\nprofile = "child"\n'
    )

    assert [notice.partition(":")[0] for notice in asked.notices()] == [
        "[[clients]] ana",
        "[status_page] listen",
    ]
    assert assemble("").notices() == []


def test_without_lists_the_defaults_are_subscribed_and_else_only_those_named() -> None:
    own = assemble('[lists.x]\ncategory = "gambling"\nurl = "file:///x"\n')

    assert [s.id for s in assemble("").subscriptions()] == ["ut1", "dibdot-doh", "dibdot-doh-ipv4", "dibdot-doh-ipv6"]
    assert [(s.id, s.category) for s in own.subscriptions()] == [("x", "gambling")]


def test_state_lies_where_the_settings_say(tmp_path: Path) -> None:
    found = assemble(f'[paths]\nstate = "{tmp_path}/s"\nruntime = "{tmp_path}/r"\n')

    assert found.compilation.folder == tmp_path / "s" / "database"
    assert found.lists.folder == tmp_path / "s" / "lists"
    assert found.runtime == tmp_path / "r"
    assert found.list_states()[0].fetched is None
