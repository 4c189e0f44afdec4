# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as they are sent on: held to the site's safe mode, and asking for answers that we can look into."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mitmproxy import http

from filterd.policy.model import Allow, Cause, Decision
from filterd.policy.saferequests import Outgoing
from filterd.policy.safesearch import SafeSearch, YouTube
from filterd.proxy.bodies import may_unpack

# What a browser says it will do with the answer: show it as a page.
_PAGES = frozenset({"document", "iframe", "frame", "embed", "object", "fencedframe"})
# A part of a page cannot be judged, and "not modified" would show what was judged by other rules.
_PARTIAL = ("range", "if-range", "if-none-match", "if-modified-since")
_DICTIONARIES = ("available-dictionary", "dictionary-id")  # RFC 9842: packed with what only the browser has


@dataclass(frozen=True, slots=True)
class SafeModes:
    """What is forced on requests to search engines and video sites, by profile.

    *choices* gives a profile's safe search and YouTube level, *google_domains* are the only domains whose accounts
    may be used at Google.
    """

    engines: SafeSearch
    choices: Callable[[str], tuple[bool, YouTube]]
    google_domains: tuple[str, ...] = ()

    def force(self, request: http.Request, decision: Decision) -> None:
        """Change *request*, which *decision* lets through, as the profile's choices ask."""
        host, verdict = decision.request.host, decision.verdict
        reason = verdict.reason if isinstance(verdict, Allow) else None
        if reason and (reason.cause is Cause.PROTECTION_OFF or _names_exactly(reason.cause, reason.rule, host)):
            return
        safe_search, youtube = self.choices(decision.profile)
        cookies = "; ".join(request.headers.get_all("cookie"))  # RFC 9113 §8.2.3: one field each
        given = Outgoing(request.path, cookies)
        forced = self.engines.requests.force(
            given, host, safe_search=safe_search, youtube=youtube.value, google_domains=self.google_domains
        )
        if forced.url != given.url:
            request.path = forced.url
        if forced.cookies != cookies:
            _set(request.headers, "Cookie", forced.cookies)
        for name, value in forced.headers:
            _set(request.headers, name, value)

    def shows_results(self, host: str) -> bool:
        """Return whether *host* shows search results."""
        return self.engines.requests.shows_results(host) or host in self.engines.hosts


def ask_for_pages(request: http.Request) -> None:
    """Change *request* so that a page comes whole, and packed in no way that we cannot unpack."""
    headers = request.headers
    if "accept-encoding" in headers:
        headers["accept-encoding"] = may_unpack(headers["accept-encoding"])
    _drop(headers, _DICTIONARIES)
    if wants_page(request):
        _drop(headers, _PARTIAL)


def wants_page(request: http.Request) -> bool:
    """Return whether the answer to *request* will be shown as a page."""
    destination = request.headers.get("sec-fetch-dest", "")
    # Over plain HTTP browsers do not say what it is for; only for pages do they name HTML.
    return destination in _PAGES if destination else "text/html" in request.headers.get("accept", "").lower()


def _names_exactly(cause: Cause, rule: str | None, host: str) -> bool:
    return cause is Cause.ALLOW_LIST and rule == host


def _set(headers: http.Headers, name: str, value: str) -> None:
    headers.pop(name, None)
    if value:
        headers[name] = value


def _drop(headers: http.Headers, names: Iterable[str]) -> None:
    for name in names:
        headers.pop(name, None)
