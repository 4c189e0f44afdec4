# SPDX-License-Identifier: GPL-3.0-or-later
"""Block lists written as configuration of a resolver: dnsmasq and unbound."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from filterd.policy.model import Rule
from filterd.policy.rules_names import Skip, is_sink, parse_host, parse_plain_line

_dnsmasq = re.compile(r"(?:--)?(address|server|local)\s*=\s*/(.*)/([^/]*)").fullmatch
_unbound_zone = re.compile(r'local-zone:\s*"?([^"\s]+)"?\s+"?(\w+)"?').fullmatch
_unbound_data = re.compile(
    r"""local-data:\s*["']([^\s"']+)(?:\s+\d+)?(?:\s+IN)?\s+(\w+)\s+([^\s"']+)["']""", re.IGNORECASE
).fullmatch
_option = re.compile(r"(?:--)?[a-z0-9-]+\s*[=:]").match
_blocking_zones = frozenset(
    {"always_null", "always_nxdomain", "always_refuse", "always_deny", "always_nodata"}
    | {"static", "refuse", "deny", "redirect", "inform_deny", "block_a"}
)


def parse_dnsmasq_line(line: str, skip: Callable[[Skip], None]) -> Iterable[Rule]:
    """Return what a line of dnsmasq's configuration keeps from resolving."""
    text = line.strip().removeprefix("\ufeff")
    if not text or text.startswith("#"):
        return ()
    found = _dnsmasq(text.partition(" #")[0].rstrip())
    if not found:
        return _other_line(text, skip)
    option, domains, target = found[1], found[2], found[3]
    if option == "address" and not (target in ("", "#") or is_sink(target)):
        skip(Skip.REDIRECT)
        return ()
    if option != "address" and target:  # an upstream for these names, or "#": the standard ones
        skip(Skip.FORWARD)
        return ()
    rules = [parse_host(domain, skip) for domain in domains.split("/")]
    return [rule for rule in rules if rule]


def parse_unbound_line(line: str, skip: Callable[[Skip], None]) -> Iterable[Rule]:
    """Return what a line of unbound's configuration keeps from resolving."""
    text = line.strip().removeprefix("\ufeff")
    if not text or text.startswith("#") or text == "server:":
        return ()
    text = text.partition(" #")[0].rstrip()
    zone = _unbound_zone(text)
    if zone:
        if zone[2].lower() not in _blocking_zones:
            skip(Skip.FORWARD)
            return ()
        rule = parse_host(zone[1], skip)
        return (rule,) if rule else ()
    data = _unbound_data(text)
    return _parse_local_data(data, skip) if data else _other_line(text, skip)


def _parse_local_data(data: re.Match[str], skip: Callable[[Skip], None]) -> Iterable[Rule]:
    if data[2].upper() not in ("A", "AAAA") or not is_sink(data[3]):
        skip(Skip.REDIRECT)
        return ()
    rule = parse_host(data[1], skip)
    return (rule._replace(below=False),) if rule else ()  # unbound answers local data for exactly that name


def _other_line(text: str, skip: Callable[[Skip], None]) -> Iterable[Rule]:
    if _option(text):
        skip(Skip.OPTIONS)
        return ()
    return parse_plain_line(text, skip)
