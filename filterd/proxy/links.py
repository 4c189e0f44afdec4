# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the addresses on a page the policy refuses to whoever reads it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, urljoin

from filterd.policy.domains import InvalidHost, covers, is_address, split_target
from filterd.policy.model import Block, Cause, Client, Decision, Request, Stage
from filterd.proxy.judge import Judge, Rulebook

MAX_HOSTS = 500  # of a page; what stands behind the others is judged when it is asked for, as all is
MAX_ADDRESSES = 1500
MAX_TIME_S = 0.3
# Pages of a site have their links in common. What changes meanwhile is judged anew when somebody asks for it.
_KEPT_S = 300.0
_MAX_KEPT = 20_000

# What speaks about the place itself; at bedtime, or where only a few sites are open, pages stay as they are.
_HARMFUL = frozenset({Cause.DENY_LIST, Cause.OWN_PATTERN, Cause.CATEGORY_LIST, Cause.CATEGORY_PATTERN})
_OPAQUE = ("#", "data:", "javascript:", "mailto:", "tel:", "about:", "blob:")

# An address that is written as we would write it, but for its fragment.
_plain = re.compile(r"https?://((?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{1,62})(/[^\s\\#]*)?(?:#.*)?").fullmatch

type _Key = tuple[Client, str]


class Links:
    """Asks the policy about addresses, and remembers for a while what it said."""

    def __init__(self, judge: Judge, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._judge = judge
        self._monotonic = monotonic
        self._rulebook: Rulebook | None = None
        self._since = 0.0
        self._kept: dict[_Key, Decision | None] = {}

    def on_page(self, page: Decision) -> PageLinks:
        """Return what can be asked about the addresses on *page*, once it was let through."""
        now = self._monotonic()
        if self._rulebook is not self._judge.rulebook or now - self._since > _KEPT_S or len(self._kept) > _MAX_KEPT:
            self._rulebook, self._since, self._kept = self._judge.rulebook, now, {}
        asked = replace(page.request, when=self._judge.clock(), page=None)
        return PageLinks(asked, self._judge.rulebook, self._kept, deadline=now + MAX_TIME_S, monotonic=self._monotonic)


class PageLinks:
    """The addresses of one page; how many are looked at, and how long, has a bound."""

    def __init__(
        self,
        page: Request,
        rulebook: Rulebook,
        kept: dict[_Key, Decision | None],
        *,
        deadline: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._page = page
        self._rulebook = rulebook
        self._kept = kept
        self._deadline = deadline
        self._monotonic = monotonic
        self._found: dict[str, tuple[str, Decision | None]] = {}  # address → its host, and why it is refused
        self._hosts: set[str] = set()
        self._site = page.host if is_address(page.host) else ".".join(page.host.split(".")[-2:])

    def refusal(self, address: str) -> Decision | None:
        """Return why *address*, as it stands on the page, is refused; ``None`` where it is not."""
        return self._look_up(address)[1]

    def leads_elsewhere(self, address: str) -> bool:
        """Return whether *address* leads to another site than the page's own."""
        host = self._look_up(address)[0]
        return bool(host) and not covers(self._site, host)

    def refused_query(self, words: str) -> Decision | None:
        """Return why a search for *words* on the page's own site is refused."""
        return self.refusal(f"/search?q={quote(words)}")

    def _look_up(self, address: str) -> tuple[str, Decision | None]:
        found = self._found.get(address)
        if found is None:
            found = self._found[address] = self._judge(address)
        return found

    def _judge(self, address: str) -> tuple[str, Decision | None]:
        url = self._absolute(address.strip(" \t\r\n\f\0"))
        if url is None:
            return "", None
        plain = _plain(url)
        if plain is not None:
            host, path = plain.groups()
            url = f"{url[: plain.start(1)]}{host}{path or '/'}"
        else:
            try:
                target = split_target(url)
            except InvalidHost:
                return "", None
            host, url = target.host, target.url or f"http://{target.host}/"
        return host, self._ask(host, url) if self._may_ask(host) else None

    def _absolute(self, address: str) -> str | None:
        low = address[:11].lower()
        if not address or low.startswith(_OPAQUE):
            return None
        if low.startswith(("http:", "https:")):
            return address
        base = self._page.url or f"https://{self._page.host}/"
        scheme, _, rest = base.partition("://")
        if address[:2].replace("\\", "/") == "//":
            return f"{scheme}:{address}"
        if address.startswith("/"):
            return f"{scheme}://{rest.partition('/')[0]}{address}"
        try:
            return urljoin(base, address)
        except ValueError:
            return None

    def _may_ask(self, host: str) -> bool:
        if len(self._found) >= MAX_ADDRESSES or self._monotonic() > self._deadline:
            return False
        if host not in self._hosts and len(self._hosts) >= MAX_HOSTS:
            return False
        self._hosts.add(host)
        return True

    def _ask(self, host: str, url: str) -> Decision | None:
        key = (self._page.client, url)
        if key in self._kept:
            return self._kept[key]
        asked = Request(Stage.REQUEST, self._page.client, self._page.when, host, url)
        decision = self._rulebook.decide(asked)
        refused = isinstance(decision.verdict, Block) and decision.verdict.reason.cause in _HARMFUL
        # It is told as a part of a page, which nobody asked for by itself.
        kept = replace(decision, request=replace(asked, stage=Stage.RESPONSE)) if refused else None
        self._kept[key] = kept
        return kept
