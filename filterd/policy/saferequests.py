# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to search engines and video sites changed so that the site itself leaves out what is not for children."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_plus

from filterd.policy.domains import InvalidHost, normalise_host, suffixes

SAFE_SEARCH = "safe-search"
_KEYS = frozenset(
    {"when", "hosts", "below", "paths", "query", "cookies", "cookie_parts", "drop_cookies", "headers", "engine"}
)
_GOOGLE_DOMAINS = "X-GoogApps-Allowed-Domains"


@dataclass(frozen=True, slots=True, repr=False)
class Outgoing:
    """What of a request may be changed: its URL (or path), its cookies as one text, and *headers* to be set."""

    url: str
    cookies: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """What is forced on a site. *when* are the choices that ask for it: ``safe-search``, or levels of YouTube's."""

    name: str
    when: frozenset[str]
    hosts: frozenset[str]  # exactly these
    below: frozenset[str] = frozenset()  # these and what is below them
    paths: frozenset[str] = frozenset()  # where *query* counts; none: everywhere
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    cookie_parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # fields of a cookie that is a query
    drop_cookies: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)

    def covers(self, host: str) -> bool:
        """Return whether *host*, normalised, is the site."""
        return host in self.hosts or any(domain in self.below for domain in suffixes(host))

    def force(self, outgoing: Outgoing) -> Outgoing:
        """Return *outgoing* with what the rule asks for; forced again it stays the same."""
        url = outgoing.url
        if self.query and (not self.paths or _path_of(url) in self.paths):
            url = set_parameters(url, self.query)
        cookies = self._cookies(outgoing.cookies)
        names = {name.lower() for name in self.headers}
        kept = tuple(pair for pair in outgoing.headers if pair[0].lower() not in names)
        return Outgoing(url, cookies, (*kept, *self.headers.items()))

    def _cookies(self, cookies: str) -> str:
        if not (self.cookies or self.cookie_parts or self.drop_cookies):
            return cookies
        given = [part.strip() for part in cookies.split(";") if part.strip()]
        wanted = dict(self.cookies)
        for name, parts in self.cookie_parts.items():
            before = next((value for key, _, value in map(_halves, given) if key == name), "")
            wanted[name] = _set_fields(before, parts)
        gone = self.drop_cookies | wanted.keys()
        kept = [part for part in given if _halves(part)[0] not in gone]
        return "; ".join([*kept, *(f"{name}={value}" for name, value in wanted.items())])


@dataclass(frozen=True, slots=True)
class SafeRequests:
    """The rules of all sites."""

    rules: tuple[Rule, ...] = ()
    results: frozenset[str] = frozenset()  # sites of *rules* that show search results, each with what is below it

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], engines: Mapping[str, Iterable[str]]) -> SafeRequests:
        """Return the rules that *mapping* describes; *engines* are the hosts of those it names.

        Raises:
            ValueError: naming the key that is unknown or wrong.
        """
        rules = tuple(_rule(name, table, engines) for name, table in mapping.items())
        found = (rule.hosts | rule.below for rule in rules if SAFE_SEARCH in rule.when and rule.query)
        return cls(rules, frozenset().union(*found))

    def force(
        self, outgoing: Outgoing, host: str, *, safe_search: bool, youtube: str, google_domains: Iterable[str] = ()
    ) -> Outgoing:
        """Return *outgoing*, a request to *host*, as it may be sent under these choices.

        *google_domains*: the only domains whose accounts may be used at Google (a school's own); all, if none is given.
        """
        chosen = {youtube, SAFE_SEARCH} if safe_search else {youtube}
        for rule in self.rules:
            if rule.when & chosen and rule.covers(host):
                outgoing = rule.force(outgoing)
        domains = ",".join(google_domains)
        if domains and any(domain == "google.com" for domain in suffixes(host)):
            kept = tuple(pair for pair in outgoing.headers if pair[0] != _GOOGLE_DOMAINS)
            outgoing = replace(outgoing, headers=(*kept, (_GOOGLE_DOMAINS, domains)))
        return outgoing

    def shows_results(self, host: str) -> bool:
        """Return whether *host*, normalised, is a search engine's."""
        return any(domain in self.results for domain in suffixes(host))


def set_parameters(url: str, wanted: Mapping[str, str]) -> str:
    """Return *url* with each of *wanted* in its query once; all else, and its order, stays as it is."""
    front, mark, fragment = url.partition("#")
    path, _, query = front.partition("?")
    return path + "?" + _set_fields(query, wanted) + mark + fragment


def _set_fields(query: str, wanted: Mapping[str, str]) -> str:
    left = dict(wanted)
    kept = []
    for part in query.split("&") if query else ():
        name = unquote_plus(part.partition("=")[0])
        if name in left:
            kept.append(f"{name}={left.pop(name)}")
        elif name not in wanted:
            kept.append(part)
    return "&".join([*kept, *(f"{name}={value}" for name, value in left.items())])


def _halves(cookie: str) -> tuple[str, str, str]:
    name, sign, value = cookie.partition("=")
    return name.strip(), sign, value.strip()


def _path_of(url: str) -> str:
    at = 0 if url.startswith("/") else url.find("/", url.find("://") + 3)
    return url[at:].partition("#")[0].partition("?")[0] if at >= 0 else "/"


def _rule(name: str, table: object, engines: Mapping[str, Iterable[str]]) -> Rule:
    at = f"requests.{name}"
    if not isinstance(table, Mapping):
        raise _wrong(at, "a table is needed")
    for key in table:
        if key not in _KEYS:
            raise _wrong(f"{at}.{key}", f"unknown key; known are {', '.join(sorted(_KEYS))}")
    engine = table.get("engine", "")
    if engine and engine not in engines:
        raise _wrong(f"{at}.engine", f"{engine!r} is none of the engines")
    parts = table.get("cookie_parts", {})
    if not isinstance(parts, Mapping):
        raise _wrong(f"{at}.cookie_parts", "a table is needed")
    rule = Rule(
        name,
        when=_strings(table, "when", at) or frozenset({SAFE_SEARCH}),
        hosts=_hosts(table, "hosts", at) | frozenset(engines.get(str(engine), ())),
        below=_hosts(table, "below", at),
        paths=_strings(table, "paths", at),
        query=_texts(table, "query", at),
        cookies=_texts(table, "cookies", at),
        cookie_parts={str(cookie): _texts(parts, cookie, f"{at}.cookie_parts") for cookie in parts},
        drop_cookies=_strings(table, "drop_cookies", at),
        headers=_texts(table, "headers", at),
    )
    if not (rule.hosts or rule.below):
        raise _wrong(f"{at}.hosts", "at least one host is needed")
    return rule


def _hosts(table: Mapping[str, object], key: str, at: str) -> frozenset[str]:
    try:
        return frozenset(map(normalise_host, _strings(table, key, at)))
    except InvalidHost as error:
        raise _wrong(f"{at}.{key}", str(error)) from error


def _strings(table: Mapping[str, object], key: str, at: str) -> frozenset[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _wrong(f"{at}.{key}", "a list of texts is needed")
    return frozenset(map(str, value))


def _texts(table: Mapping[str, object], key: str, at: str) -> dict[str, str]:
    value = table.get(key, {})
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
        raise _wrong(f"{at}.{key}", "a table of texts is needed")
    return {str(name): str(text) for name, text in value.items()}


def _wrong(key: str, why: str) -> ValueError:
    return ValueError(f"safe search: {key}: {why}")
