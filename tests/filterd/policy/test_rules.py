# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever syntax a list is written in, the same rules come out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.model import Effect, Rule
from filterd.policy.rules import Format, ListFormatError, Skip, Tally, detect_format, parse

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")

label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
name = st.builds(
    lambda front, tld: ".".join([*front, tld]),
    st.lists(label, min_size=1, max_size=4),
    st.from_regex(r"[a-z]{2,6}", fullmatch=True),
).filter(lambda text: not text.startswith("localhost."))

SPELLINGS: dict[Format, Callable[[str], str]] = {
    Format.DOMAINS: lambda domain: domain,
    Format.HOSTS: lambda domain: f"0.0.0.0 {domain}",
    Format.WILDCARD: lambda domain: f"*.{domain}",
    Format.DNSMASQ: lambda domain: f"address=/{domain}/#",
    Format.UNBOUND: lambda domain: f'local-zone: "{domain}." always_null',
    Format.ADBLOCK: lambda domain: f"||{domain}^",
    Format.UT1: lambda domain: domain,
}


def rules_of(*lines: str, written_in: Format = Format.AUTO) -> list[Rule]:
    return list(parse(lines, written_in, Tally()))


@pytest.mark.parametrize("written_in", SPELLINGS, ids=str)
@given(domains=st.lists(name, min_size=1, max_size=20))
def test_a_list_of_names_comes_back_from_every_syntax(written_in: Format, domains: list[str]) -> None:
    lines = [SPELLINGS[written_in](domain) for domain in domains]

    assert rules_of(*lines, written_in=written_in) == [Rule(domain) for domain in domains]


@pytest.mark.parametrize("written_in", SPELLINGS, ids=str)
@given(domains=st.lists(name, min_size=1, max_size=20))
def test_the_syntax_is_told_from_the_lines(written_in: Format, domains: list[str]) -> None:
    lines = [SPELLINGS[written_in](domain) for domain in domains]

    assert rules_of(*lines) == [Rule(domain) for domain in domains]


@given(domain=name)
def test_a_response_policy_zone_tells_a_name_from_what_is_below_it(domain: str) -> None:
    assert rules_of(f"{domain} CNAME .", f"*.{domain} CNAME .", written_in=Format.RPZ) == [
        Rule(domain, below=False),
        Rule(domain, apex=False),
    ]


@pytest.mark.parametrize("written_in", [known for known in Format if known is not Format.AUTO], ids=str)
@given(lines=st.lists(st.text(max_size=60), max_size=10))
def test_no_line_is_so_odd_that_a_list_is_lost(written_in: Format, lines: list[str]) -> None:
    tally = Tally()

    rules = list(parse(lines, written_in, tally))

    assert tally.lines == len(lines)
    assert tally.rules == len(rules)
    assert all(rule.domain for rule in rules)


@given(
    lines=st.lists(
        st.text(alphabet="abz01.-_*/|^@#!$%:;<>[](){}\\\"'= \t,?~&+é\ufeff", max_size=40).filter(
            lambda x: x.strip() != ""
        ),
        max_size=8,
    ),
    written_in=st.sampled_from([known for known in Format if known is not Format.AUTO]),
)
def test_every_rule_is_about_a_host_in_its_canonical_spelling(lines: list[str], written_in: Format) -> None:
    for rule in parse(lines, written_in, Tally()):
        again = rules_of(rule.domain, written_in=Format.DOMAINS)

        assert [known.domain for known in again] == [rule.domain]
        assert rule.path is None or rule.path.startswith("/")


def test_odd_spellings_of_a_name_are_one_name() -> None:
    lines = [
        "Example.COM",
        "example.com.",
        "  example.com  ",
        ".example.com",
        "http://example.com/",
        "example.com # why",
    ]

    assert set(rules_of(*lines, written_in=Format.DOMAINS)) == {Rule("example.com")}


def test_names_in_other_alphabets_are_kept_as_a_labels() -> None:
    assert rules_of("ñandutí.com.py", "0.0.0.0 BÜCHER.example") == [
        Rule("xn--andut-3saw.com.py"),
        Rule("xn--bcher-kva.example"),
    ]


def test_an_address_is_exact() -> None:
    lines = ["1.0.0.1  # one.one.one.one", "2001:DB8:0::1", "::ffff:1.2.3.4"]

    assert rules_of(*lines, written_in=Format.DOMAINS) == [
        Rule("1.0.0.1", below=False),
        Rule("2001:db8::1", below=False),
        Rule("1.2.3.4", below=False),
    ]


def test_what_is_skipped_is_counted_with_its_first_line() -> None:
    tally = Tally()
    lines = ["# a list", "203.0.113.7/24", "good.example", "203.0.113.9/24", "not a name"]

    list(parse(lines, Format.DOMAINS, tally))

    assert (tally.lines, tally.rules) == (5, 1)
    network = tally.skipped[Skip.NETWORK]
    assert (network.count, network.line, network.example) == (2, 2, "203.0.113.7/24")
    assert tally.skipped[Skip.INVALID].line == 5


def test_a_name_too_long_for_dns_is_no_rule() -> None:
    tally = Tally()

    assert list(parse([".".join(["a" * 60] * 5) + ".com"], Format.DOMAINS, tally)) == []
    assert tally.skipped[Skip.INVALID].count == 1


def test_a_web_page_is_refused_before_a_line_is_read() -> None:
    with pytest.raises(ListFormatError, match="web page"):
        parse(["<!DOCTYPE html>", "<html>"], Format.AUTO, Tally())


def test_nothing_at_all_is_an_empty_list() -> None:
    assert rules_of() == []


def test_the_effects_of_adblock_syntax_are_kept() -> None:
    assert rules_of("||bad.example^", "@@||good.bad.example^", "||worse.example^$important") == [
        Rule("bad.example"),
        Rule("good.bad.example", effect=Effect.EXCEPT),
        Rule("worse.example", effect=Effect.IMPORTANT),
    ]


def read_lines(path: Path) -> list[str]:
    content = path.read_bytes()
    if path.suffix == ".zst":
        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    return content.decode().split("\n")


def covered(rules: set[Rule], host: str) -> bool:
    domain = host
    while domain:
        if Rule(domain) in rules:
            return True
        domain = domain.partition(".")[2]
    return False


@needs_shared_data
@pytest.mark.parametrize("stem", ["blp_drugs", "hagezi2022_doh-vpn-proxy-bypass", "hagezi2022_fake"])
def test_the_six_spellings_of_a_public_list_cover_the_same_names(stem: str) -> None:
    spelt = {path.name: set(rules_of(*read_lines(path))) for path in sorted((SHARED / "formats").glob(f"{stem}.*"))}
    smallest = min(spelt.values(), key=len)

    # Hosts and domains name subdomains one by one, wildcard and adblock cover them by the name above.
    assert len(spelt) >= 4
    for spelling, rules in spelt.items():
        assert smallest <= rules, spelling
        assert all(covered(smallest, rule.domain) for rule in rules), spelling


@needs_shared_data
def test_each_public_file_is_in_the_syntax_that_its_name_says() -> None:
    endings = {"adguard": Format.ADBLOCK}
    for path in (SHARED / "formats").iterdir():
        ending = path.name.removesuffix(".zst").rpartition(".")[2]

        assert detect_format(read_lines(path)[:500]) == endings.get(ending, ending), path.name


@pytest.mark.serial
@needs_shared_data
def test_a_list_of_two_million_names_is_parsed_at_three_microseconds_a_line() -> None:
    lines = read_lines(SHARED / "lists" / "porn_2.27M_perf.txt.zst")[:500_000]

    started = time.process_time()
    count = sum(1 for _ in parse(lines, Format.AUTO, Tally()))
    spent = time.process_time() - started

    assert count > 499_000
    assert spent / len(lines) < 3e-6
