# SPDX-License-Identifier: GPL-3.0-or-later
"""Which search engines can be held to their safe mode by name, and which cannot be held at all."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from filterd.policy.domains import InvalidHost, normalise_host, suffixes
from filterd.policy.saferequests import SafeRequests

_ENGINE_KEYS = frozenset({"hosts", "safe_host", "addresses", "cname"})
_YOUTUBE_KEYS = frozenset({"hosts", "moderate", "strict"})
_LEVEL_KEYS = frozenset({"safe_host", "addresses", "cname"})


class YouTube(enum.StrEnum):
    """How much of YouTube is let through; chosen apart from safe search."""

    OFF = "off"
    MODERATE = "moderate"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class SafeTarget:
    """Where an engine's own safe mode lives.

    *host* is resolved like any name; *addresses* are what is answered while that fails. *cname* false: the engine
    is answered by address alone, with no CNAME to *host*.
    """

    engine: str
    host: str
    addresses: tuple[str, ...] = ()
    cname: bool = True


@dataclass(frozen=True, slots=True)
class SafeSearch:
    """The engines: those with a safe host, YouTube's two levels, and those that have no safe mode by name."""

    engines: Mapping[str, SafeTarget] = field(default_factory=dict)  # an engine's exact host -> its safe mode
    youtube: Mapping[YouTube, Mapping[str, SafeTarget]] = field(default_factory=dict)  # level -> host -> safe mode
    unsafe: frozenset[str] = frozenset()  # hosts, each with what is below it
    requests: SafeRequests = field(default_factory=SafeRequests)  # what is forced by URL, header and cookie

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> SafeSearch:
        """Return the engines that *mapping*, ``categories/safesearch.toml`` as parsed, describes.

        Raises:
            ValueError: naming the key that is missing, unknown or wrong.
        """
        _refuse_unknown(mapping, frozenset({"engines", "youtube", "unsafe", "requests"}), at="")
        engines: dict[str, SafeTarget] = {}
        for name, entry in _table(mapping, "engines", at="").items():
            at = f"engines.{name}"
            table = _as_table(entry, at)
            _refuse_unknown(table, _ENGINE_KEYS, at=at)
            target = _target(name, table, at)
            for host in _hosts(table, at):
                if host in engines:
                    raise _wrong(f"{at}.hosts", f"{host} stands already under engines.{engines[host].engine}")
                engines[host] = target
        youtube = _youtube(_table(mapping, "youtube", at=""))
        unsafe = frozenset(_hosts(_table(mapping, "unsafe", at=""), "unsafe"))
        _refuse_contradiction(engines, youtube, unsafe)
        named: dict[str, list[str]] = {}
        for host, target in engines.items():
            named.setdefault(target.engine, []).append(host)
        named["youtube"] = [*youtube[YouTube.STRICT]]
        requests = SafeRequests.from_mapping(_as_table(mapping.get("requests", {}), "requests"), named)
        return cls(engines, youtube, unsafe, requests)

    @property
    def hosts(self) -> frozenset[str]:
        """Return the exact hosts that are rewritten, YouTube's included."""
        return frozenset(self.engines).union(*self.youtube.values())

    def safe_host(self, host: str, *, safe_search: bool, youtube: YouTube) -> SafeTarget | None:
        """Return what *host*, normalised, is to be answered by, or ``None`` where it is left alone."""
        if youtube is not YouTube.OFF:
            found = self.youtube.get(youtube, {}).get(host)
            if found is not None:
                return found
        return self.engines.get(host) if safe_search else None

    def cannot_be_forced(self, host: str) -> bool:
        """Return whether *host*, normalised, is or lies below a search engine without a safe mode by name."""
        return any(domain in self.unsafe for domain in suffixes(host))


def _youtube(table: Mapping[str, object]) -> dict[YouTube, Mapping[str, SafeTarget]]:
    _refuse_unknown(table, _YOUTUBE_KEYS, at="youtube")
    hosts = _hosts(table, "youtube")
    levels: dict[YouTube, Mapping[str, SafeTarget]] = {}
    for level in (YouTube.MODERATE, YouTube.STRICT):
        entry = _table(table, level.value, at="youtube.")
        _refuse_unknown(entry, _LEVEL_KEYS, at=f"youtube.{level}")
        levels[level] = dict.fromkeys(hosts, _target("youtube", entry, f"youtube.{level}"))
    return levels


def _target(engine: str, table: Mapping[str, object], at: str) -> SafeTarget:
    host = table.get("safe_host")
    cname = table.get("cname", True)
    if not isinstance(host, str):
        raise _wrong(f"{at}.safe_host", "the name of the engine's safe host is missing")
    if not isinstance(cname, bool):
        raise _wrong(f"{at}.cname", f"{cname!r} is neither true nor false")
    addresses = tuple(_address(text, at) for text in _strings(table, "addresses", at=at, default=()))
    if not (cname or addresses):
        raise _wrong(f"{at}.addresses", "an engine answered without a CNAME needs at least one")
    return SafeTarget(engine, _host(host, f"{at}.safe_host"), addresses, cname)


def _address(text: str, at: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise _wrong(f"{at}.addresses", f"{text!r} is no IP address") from error


def _hosts(table: Mapping[str, object], at: str) -> list[str]:
    hosts = [_host(text, f"{at}.hosts") for text in _strings(table, "hosts", at=at)]
    if not hosts:
        raise _wrong(f"{at}.hosts", "at least one host is needed")
    if len(set(hosts)) < len(hosts):
        twice = next(host for host in hosts if hosts.count(host) > 1)
        raise _wrong(f"{at}.hosts", f"{twice} stands there twice")
    return hosts


def _host(text: str, at: str) -> str:
    try:
        return normalise_host(text)
    except InvalidHost as error:
        raise _wrong(at, str(error)) from error


def _strings(
    table: Mapping[str, object], key: str, *, at: str, default: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    value = table.get(key, default)
    if not isinstance(value, list | tuple):
        raise _wrong(f"{at}.{key}", "a list of texts is needed")
    texts = tuple(text for text in value if isinstance(text, str))
    if len(texts) < len(value):
        raise _wrong(f"{at}.{key}", "every member must be a text")
    return texts


def _table(mapping: Mapping[str, object], key: str, *, at: str) -> Mapping[str, object]:
    if key not in mapping:
        raise _wrong(f"{at}{key}", "the table is missing")
    return _as_table(mapping[key], f"{at}{key}")


def _as_table(value: object, at: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _wrong(at, "a table is needed")
    return value


def _refuse_unknown(table: Mapping[str, object], known: frozenset[str], *, at: str) -> None:
    for key in table:
        if key not in known:
            raise _wrong(f"{at}.{key}".removeprefix("."), f"unknown key; known are {', '.join(sorted(known))}")


def _refuse_contradiction(
    engines: Mapping[str, SafeTarget], youtube: Mapping[YouTube, Mapping[str, SafeTarget]], unsafe: frozenset[str]
) -> None:
    for host in (*engines, *youtube[YouTube.STRICT]):
        above = next((domain for domain in suffixes(host) if domain in unsafe), None)
        if above is not None:
            raise _wrong("unsafe.hosts", f"{above} covers {host}, which has a safe host")
    for host in youtube[YouTube.STRICT]:
        if host in engines:
            raise _wrong("youtube.hosts", f"{host} stands already under engines.{engines[host].engine}")


def _wrong(key: str, why: str) -> ValueError:
    return ValueError(f"safe search: {key}: {why}")
