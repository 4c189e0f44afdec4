# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain lists: hosts files, one domain a line, wildcards, and UT1's addresses with a path."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from filterd.policy.domains import InvalidHost, is_address, normalise_host
from filterd.policy.model import Effect, Rule
from filterd.policy.networks import parse_network

MAX_PATH = 1_000
_EXAMPLE = 200  # characters of a skipped line that are kept

_sink = frozenset({"0.0.0.0", "127.0.0.1", "127.0.1.1", "0", "::", "::0", "::1", "0:0:0:0:0:0:0:0", "0:0:0:0:0:0:0:1"})
_local_names = frozenset(
    {"localhost", "localhost.localdomain", "localhost6", "localhost4", "local", "broadcasthost", "0.0.0.0"}
)
_address = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]+(?:%\w+)?").fullmatch
_network = re.compile(r"([0-9a-fA-F:.]+)/(\d{1,3})").fullmatch
_scheme = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE).match
# A regular expression among UT1's files is told by what no name and no address holds.
_expression = re.compile(r"[\\()\[\]{}^$|]").search
_bracketed = re.compile(r"\[[0-9a-fA-F:.]+\]").fullmatch


class Skip(enum.StrEnum):
    """Why a line gave no rule."""

    COSMETIC = "cosmetic"  # hides a part of a page: a browser's work
    OPTIONS = "options"  # holds in circumstances that only a browser knows
    EXPRESSION = "expression"
    WILDCARD = "wildcard"
    NETWORK = "network"  # a host and a page, or a network whose prefix its address does not fit
    QUERY = "query"
    REDIRECT = "redirect"  # sends the name elsewhere
    FORWARD = "forward"  # a resolver's routing
    TRIGGER = "trigger"  # an RPZ trigger other than a name or an address of the answer
    LOCAL_NAME = "local-name"
    INVALID = "invalid"


@dataclass(slots=True)
class Skipped:
    """How many lines were skipped for one reason, with the first of them."""

    count: int
    line: int
    example: str


@dataclass(slots=True)
class Tally:
    """What was read: counted while a list streams by."""

    lines: int = 0
    rules: int = 0
    skipped: dict[Skip, Skipped] = field(default_factory=dict)

    def skip(self, reason: Skip, number: int, line: str) -> None:
        """Count line *number* as skipped for *reason*."""
        if reason in self.skipped:
            self.skipped[reason].count += 1
        else:
            self.skipped[reason] = Skipped(1, number, line.strip()[:_EXAMPLE])


class LineParser(Protocol):
    """Reads one line of a syntax; says why with *skip* where the line gives no rule."""

    def __call__(self, line: str, skip: Callable[[Skip], None], /) -> Iterable[Rule]: ...


def parse_plain_line(line: str, skip: Callable[[Skip], None]) -> Iterable[Rule]:
    """Return what a line of a hosts file, a list of domains or wildcards, or of UT1's ``urls`` covers."""
    text = line.strip().removeprefix("\ufeff")
    if not text or text[0] in "#!;" or text.startswith("//"):
        return ()
    words = text.partition("#")[0].split()
    if len(words) > 1:
        return _parse_hosts_words(words, skip)
    rule = parse_entry(words[0], skip) if words else None
    return (rule,) if rule else ()


def parse_entry(text: str, skip: Callable[[Skip], None]) -> Rule | None:
    """Return the rule of *text*: a domain, a wildcard, an address, a network, a URL with or without its scheme."""
    network = _network(text)
    if network and is_prefix(network[1], network[2]):
        return parse_prefix(network[1], network[2], skip)
    scheme = _scheme(text)
    if scheme:
        text = text[scheme.end() :]
    if "/" in text and not text.startswith("/"):
        host, _, path = text.partition("/")
        return _parse_url(host, path, skip)
    if _expression(text) and not _bracketed(text):
        skip(Skip.EXPRESSION)
        return None
    return parse_host(text, skip)


def parse_host(text: str, skip: Callable[[Skip], None], effect: Effect = Effect.BLOCK) -> Rule | None:
    """Return the rule for the host *text*, with ``*.`` or a dot before it or without: the name and all below it."""
    bare = text.removeprefix("*").removeprefix(".") if text[:1] in ("*", ".") else text
    if "*" in bare:
        skip(Skip.WILDCARD)
        return None
    try:
        domain = normalise_host(bare)
    except InvalidHost:
        skip(Skip.INVALID)
        return None
    if is_address(domain):
        # In a list a bare number is rubbish, not an address written in an odd base.
        if not _address(bare.strip("[].")):
            skip(Skip.INVALID)
            return None
        return Rule(domain, below=False, effect=effect)
    if domain in _local_names:
        skip(Skip.LOCAL_NAME)
        return None
    return Rule(domain, effect=effect)


def is_sink(text: str) -> bool:
    """Return whether *text* is an address that leads nowhere: what a block list gives as the answer."""
    return text in _sink or text.startswith("127.")


def parse_path(path: str, skip: Callable[[Skip], None]) -> str | None:
    """Return *path* as a rule carries it: one slash before it, none after; ``""`` for the whole host.

    ``None``: it cannot be a rule, and *skip* has been told why.
    """
    path = path.strip("/")
    if "?" in path or "#" in path:
        skip(Skip.QUERY)
        return None
    if "*" in path:
        skip(Skip.WILDCARD)
        return None
    if len(path) > MAX_PATH or not path.isprintable():
        skip(Skip.INVALID)
        return None
    return f"/{path}" if path else ""


def is_prefix(address: str, length: str) -> bool:
    """Return whether *address*/*length* can be a network: 1.2.3.4/80 is UT1's page on a host that has no name."""
    if not _address(address):
        return False
    try:
        host = normalise_host(address)
    except InvalidHost:
        return False
    return is_address(host) and int(length) <= (128 if ":" in address else 32)


def parse_prefix(address: str, length: str, skip: Callable[[Skip], None], effect: Effect = Effect.BLOCK) -> Rule | None:
    """Return the rule of what `is_prefix`; ``None``: it may be a page all the same, and *skip* has been told."""
    try:
        domain = str(parse_network(f"{address}/{length}"))
    except ValueError:
        skip(Skip.NETWORK)
        return None
    return Rule(domain, below=False, effect=effect)


def _parse_hosts_words(words: list[str], skip: Callable[[Skip], None]) -> Iterable[Rule]:
    address, *names = words
    if not is_sink(address):
        skip(Skip.REDIRECT if _address(address) else Skip.EXPRESSION if _expression(address) else Skip.INVALID)
        return ()
    found = [parse_host(name, skip) for name in names if not name.startswith("ip6-")]
    return [rule for rule in found if rule]


def _parse_url(host: str, path: str, skip: Callable[[Skip], None]) -> Rule | None:
    if _expression(host) or "*" in host:
        skip(Skip.EXPRESSION)
        return None
    rule = parse_host(host, skip)
    shown = parse_path(path, skip) if rule else None
    if rule is None or shown is None:
        return None
    return rule._replace(path=shown) if shown else rule
