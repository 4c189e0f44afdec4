# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration is read whole or refused in one line that names the place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.settings import Settings
from filterd.settings_read import SettingsError, nearest, parse_listen, parse_settings, read_settings

CONTRACT = """
[dns]
listen = ["127.0.0.1:5335", "[::1]:5335"]      # UDP and TCP
upstreams = ["https://dns.quad9.net/dns-query", "tls://1.1.1.1", "udp://127.0.0.1:5300"]
blocked_answer = "null"
[proxy]
listen = "127.0.0.1:8080"
inspect = false
upstream_ca = ""
private_targets = []
[[proxy.listeners]]
listen = "127.0.0.1:8081"
mode = "transparent"
profile = "adolescent"
[[clients]]
network = "192.168.7.0/24"
profile = "child"
[policy]
default_profile = "child"
[profiles.child]
blocked_categories = ["pornography", "adult", "gambling"]
safe_search = true
youtube = "strict"
inspect = true
only_allowed = false
allow = []
deny = []
patterns = []
schedule = [{ days = "mon-fri", from = "21:00", to = "07:00" }]
record = "blocked"
[lists.ut1-gambling]
category = "gambling"
url = "file:///x/gambling.domains"
format = "auto"
[paths]
state = "/var/lib/filterd"
runtime = "/run/filterd"
[activity]
retention_days = 30
record = "blocked"
[block_page]
listen = ""
"""


def test_the_contract_s_example_is_read() -> None:
    settings = parse_settings(CONTRACT, name="filterd.toml")

    assert settings.proxy.listeners[0].mode == "transparent"
    assert settings.clients[0].network == "192.168.7.0/24"
    assert settings.profiles["child"].blocked_categories == ("pornography", "adult", "gambling")
    assert settings.profiles["child"].schedule[0].start == "21:00"
    assert settings.lists["ut1-gambling"].category == "gambling"


def test_an_empty_file_is_all_defaults() -> None:
    assert parse_settings("", name="filterd.toml") == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dsn]", "f.toml: line 1: unknown setting 'dsn'; did you mean 'dns'?"),
        ("[dns]\nlisen = []", "f.toml: line 2: unknown setting 'dns.lisen'; did you mean 'listen'?"),
        ("[dns]\n\nlisten = 5", "f.toml: line 3: dns.listen: expected array, got int"),
        ('[dns]\nlisten = ["1.2.3.4"]', "f.toml: line 2: dns.listen: '1.2.3.4' is no address and port"),
        ('[dns]\nblocked_answer = "drop"', "line 2: dns.blocked_answer: 'drop' is none of null, nxdomain"),
        (
            "[profiles.child]\ncategories = []",
            "unknown setting 'profiles.child.categories'; did you mean 'blocked_categories'?",
        ),
        ('[profiles.child]\nyoutube = "strikt"', "'strikt' is no choice; did you mean 'strict'?"),
        ('[profiles.child]\nallow = ["good.com",\n "a b"]', "profiles.child.allow: 'a b' is no host name"),
        (
            '[profiles.x]\nschedule = [{days="lun", from="21:00", to="07:00"}]',
            "line 2: profiles.x.schedule: 'lun' is no day",
        ),
        (
            '[profiles.x]\nschedule = [{days="mon", form="21:00", to="07:00"}]',
            "'profiles.x.schedule.form'; did you mean 'from'?",
        ),
        ('[profiles.x]\nschedule = [{days="mon", from="9pm", to="07:00"}]', "'9pm' is no time of day"),
        ('[[clients]]\nprofile = "x"\nnetwork = "a"', "line 3: clients.network: 'a' does not appear"),
        (
            '[[clients]]\nprofile = "x"\nuser = "a"\n[[clients]]\nprofil = "x"',
            "line 5: unknown setting 'clients.profil'",
        ),
        ('[[clients]]\nprofile = "x"', "line 1: clients: give one of user, mac, network and id (here: 0)"),
        ('[[clients]]\nprofile = "x"\nmac = "02:00"', "line 3: clients.mac: '02:00' is no hardware address"),
        (
            '[lists.a]\ncategory = "x"\nurl = "gopher://x"',
            "line 3: lists.a.url: 'gopher://x' is no https:, http: or file: URL",
        ),
        ('[lists.a]\nurl = "file:///x"', "line 1: lists.a: 'category' must be given"),
        ('[lists."../a"]\ncategory = "x"\nurl = "file:///x"', "an id has small letters"),
        ("lists = 1", "line 1: lists: must be a table"),
        ('[policy]\ntime_zone = "Asuncion"', "line 2: policy.time_zone: 'Asuncion' is no time zone"),
        ("[activity]\nretention_days = -1", "line 2: activity.retention_days: expected int >= 0"),
        ('[[proxy.listeners]]\nlisten = ""', "line 2: proxy.listeners.listen: '' is no address and port"),
        ('[dns]\nupstreams = ["9.9.9.9"]', "line 2: dns.upstreams: '9.9.9.9': write it as https://"),
        (
            '[dns]\nstrategy = "quick"',
            "line 2: dns.strategy: 'quick' is no choice; known: fastest, in-order, round-robin",
        ),
        ('[dns]\nsecond_opinion = ["1.1.1.3"]', "line 2: dns.second_opinion: '1.1.1.3': write it as https://"),
        ('[dns.domains]\n"home.lan" = ["192.168.1.1"]', "line 2: dns.domains: '192.168.1.1': write it as https://"),
        ('[dns.domains]\n"home.lan" = []', "line 2: dns.domains: home.lan: name at least one resolver"),
        ('[dns.domains]\n"a b" = ["udp://1.1.1.1"]', "line 2: dns.domains.a b: 'a b' is no host name"),
        ('[dns.hosts]\n"printer.lan" = ["x"]', "line 2: dns.hosts.printer.lan: 'x' does not appear to be"),
        ('[dns]\nallow_from = ["10.0.0.1/8"]', "line 2: dns.allow_from: 10.0.0.1/8 has host bits set"),
        ("[dns]\nmin_ttl = 60\nmax_ttl = 30", "line 2: dns.min_ttl: 60 is more than max_ttl (30)"),
        ('[doh]\nlisten = "127.0.0.1:443"', "line 2: doh: name the files of a certificate and its key"),
        ('[dot]\nserver_name = "a b"', "line 2: dot.server_name: 'a b' is no host name"),
        ("[dns\n", "f.toml: line 1: "),
        ("a = " + "[" * 5000 + "]" * 5000, "f.toml: nested too deeply"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line_and_the_way_out(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(text, name="f.toml")

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        outcome = f"f.toml: {parse_settings(text, name='f.toml')}"
    except SettingsError as error:
        outcome = str(error)

    assert outcome.startswith("f.toml: ")
    assert "\n" not in outcome


def test_a_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SettingsError, match=r"absent\.toml: no such file; name another with --config"):
        read_settings(tmp_path / "absent.toml")
    with pytest.raises(SettingsError, match=r"b\.toml: cannot be read: not UTF-8 text"):
        read_settings(binary)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "filterd.toml"
    path.write_text('[policy]\ndefault_profile = "adult"\n')

    assert read_settings(path).policy.default_profile == "adult"


def test_addresses_and_ports_are_told_apart() -> None:
    assert parse_listen("[::1]:53") == ("::1", 53)
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    with pytest.raises(ValueError, match="is no IP address"):
        parse_listen("localhost:53")


def test_the_nearest_name_is_suggested_else_all_are_named() -> None:
    assert nearest("gamblin", ["gambling", "drugs"]) == "; did you mean 'gambling'?"
    assert nearest("zzz", ["gambling", "drugs"]) == "; known: drugs, gambling"
