# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists written as a resolver's configuration."""

from __future__ import annotations

import pytest

from filterd.policy.model import Rule
from filterd.policy.rules_names import Skip
from filterd.policy.rules_resolver import parse_dnsmasq_line, parse_unbound_line


def dnsmasq(line: str) -> tuple[list[Rule], list[Skip]]:
    skipped: list[Skip] = []
    return list(parse_dnsmasq_line(line, skipped.append)), skipped


def unbound(line: str) -> tuple[list[Rule], list[Skip]]:
    skipped: list[Skip] = []
    return list(parse_unbound_line(line, skipped.append)), skipped


@pytest.mark.parametrize(
    ("line", "domains"),
    [
        ("address=/bad.example/", ["bad.example"]),
        ("address=/bad.example/#", ["bad.example"]),
        ("address=/bad.example/0.0.0.0", ["bad.example"]),
        ("address=/bad.example/::", ["bad.example"]),
        ("address=/bad.example/worse.example/#", ["bad.example", "worse.example"]),
        ("address=/*.bad.example/#", ["bad.example"]),
        ("local=/bad.example/", ["bad.example"]),
        ("server=/bad.example/", ["bad.example"]),
        ("--server=/bad.example/", ["bad.example"]),
        ("address = /BAD.example/ # why", ["bad.example"]),
        ("bad.example", ["bad.example"]),
        ("# comment", []),
    ],
)
def test_dnsmasq_keeps_a_name_from_resolving(line: str, domains: list[str]) -> None:
    assert dnsmasq(line) == ([Rule(domain) for domain in domains], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("address=/moved.example/93.184.216.34", Skip.REDIRECT),
        ("server=/corp.example/10.0.0.1", Skip.FORWARD),
        ("server=/open.example/#", Skip.FORWARD),
        ("local=/open.example/#", Skip.FORWARD),
        ("cname=a.example,b.example", Skip.OPTIONS),
        ("address=/#/0.0.0.0", Skip.INVALID),
    ],
)
def test_what_dnsmasq_does_otherwise_is_skipped(line: str, reason: Skip) -> None:
    assert dnsmasq(line) == ([], [reason])


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ('local-zone: "bad.example." always_null', [Rule("bad.example")]),
        ('local-zone: "bad.example" redirect', [Rule("bad.example")]),
        ("local-zone: bad.example static", [Rule("bad.example")]),
        ('  local-zone: "bad.example." always_nxdomain  # why', [Rule("bad.example")]),
        ('local-data: "bad.example. A 0.0.0.0"', [Rule("bad.example", below=False)]),
        ('local-data: "bad.example 3600 IN AAAA ::"', [Rule("bad.example", below=False)]),
        ("server:", []),
        ("# comment", []),
    ],
)
def test_unbound_keeps_a_name_from_resolving(line: str, rules: list[Rule]) -> None:
    assert unbound(line) == (rules, [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('local-zone: "open.example." transparent', Skip.FORWARD),
        ('local-zone: "open.example." always_transparent', Skip.FORWARD),
        ('local-data: "moved.example. A 93.184.216.34"', Skip.REDIRECT),
        ('local-data: "bad.example. TXT text"', Skip.REDIRECT),
        ("do-ip6: no", Skip.OPTIONS),
    ],
)
def test_what_unbound_does_otherwise_is_skipped(line: str, reason: Skip) -> None:
    assert unbound(line) == ([], [reason])
