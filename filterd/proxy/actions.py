# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person may do on a block page: ask for the site, report a mistake, open it with the adult's one-time code.

The forms go to a path of the blocked site itself, which the proxy answers and no server ever sees: so they are as
well encrypted as the page was, and need no address of ours that a browser would have to reach. A password is never
asked for: any site could imitate the page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import parse_qs

from filterd.policy.model import Block, Cause, Client, Decision
from filterd.proxy.answer import Asked, Page
from filterd.proxy.block_page import ASK_PATH, UNLOCK_PATH, Actions, outcome_page
from filterd.wording import LANGUAGES, Outcome

logger = logging.getLogger(__name__)

OURS = "/.filterd/"  # whatever lies below it never leaves the proxy
MAX_FORM = 16 * 1024
MAX_COMMENT = 300
_VALID_S = 3600
_PER_MINUTE = 5
_MAX_CLIENTS = 4096  # a bound for memory
_NOT_TO_ASK_FOR = frozenset({Cause.FAILURE, Cause.INVALID_HOST})


class Ask(Protocol):
    """Lays a request, or with *wrong* the report of a wrong block, before the adult."""

    async def __call__(self, *, host: str, profile: str, client: Client, comment: str, wrong: bool) -> Outcome:
        """Return what became of it."""


class Unlock(Protocol):
    """Opens a host for a client with a one-time code, until tomorrow at the latest."""

    async def __call__(self, *, host: str, profile: str, client: Client, code: str) -> Outcome:
        """Return what became of it."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A form that came in: *decision* is what holds for the site now, *origin* that of the address it was sent to."""

    method: str
    path: str
    headers: Mapping[str, str]
    origin: str
    body: bytes
    decision: Decision


class BlockPageActions:
    """Offers the actions and takes their forms. Without *ask* and *unlock* there is nothing to press."""

    def __init__(
        self,
        *,
        ask: Ask | None = None,
        unlock: Unlock | None = None,
        has_codes: Callable[[], bool] = lambda: True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._unlock = unlock
        self._has_codes = has_codes
        self._clock = clock
        self._monotonic = monotonic
        self._secret = secrets.token_bytes(32)  # of this run: an old page is loaded again
        self._lately: dict[str, deque[float]] = {}

    def offer(self, decision: Decision) -> Actions | None:
        """Return what the page about *decision* offers; ``None``: nothing."""
        verdict = decision.verdict
        if not isinstance(verdict, Block) or verdict.reason.cause in _NOT_TO_ASK_FOR:
            return None
        unlocks = self._unlock is not None and self._has_codes()
        if self._ask is None and not unlocks:
            return None
        until = int(self._clock().timestamp()) + _VALID_S
        return Actions(f"{until}.{self._sign(until, decision)}", asks=self._ask is not None, unlocks=unlocks)

    async def take(self, posted: Posted) -> Page:
        """Do what the form asks for, if it is one of ours, and return the answer."""
        decision = posted.decision
        fields = _read_form(posted.body)
        asked = Asked.by(posted.headers, _safe_path(fields.get("back", "/")))
        if fields.get("lang") in LANGUAGES:
            asked = Asked(fields["lang"], asked.form, asked.path)
        outcome = self._refusal(posted, fields) or await self._do(posted, fields)
        return outcome_page(outcome, asked, host=decision.request.host)

    def _refusal(self, posted: Posted, fields: Mapping[str, str]) -> Outcome | None:
        if posted.method != "POST" or posted.path not in (ASK_PATH, UNLOCK_PATH) or not _is_from_our_page(posted):
            return Outcome.NO_FORM
        if not self._may(posted.decision.request.client.address or ""):
            return Outcome.TOO_MANY
        return None if self._vouches(fields.get("token", ""), posted.decision) else Outcome.OLD_PAGE

    async def _do(self, posted: Posted, fields: Mapping[str, str]) -> Outcome:
        request, profile = posted.decision.request, posted.decision.profile
        try:
            if posted.path == UNLOCK_PATH and self._unlock is not None:
                code = "".join(fields.get("code", "").split())
                if not (code.isascii() and code.isdigit() and len(code) == 6):
                    return Outcome.WRONG_CODE
                return await self._unlock(host=request.host, profile=profile, client=request.client, code=code)
            if posted.path == ASK_PATH and self._ask is not None:
                comment = _plain(fields.get("comment", ""))
                wrong = fields.get("kind") == "wrong"
                return await self._ask(
                    host=request.host, profile=profile, client=request.client, comment=comment, wrong=wrong
                )
        except (OSError, TimeoutError):
            logger.warning("block page: the control part does not answer; the form was not taken")
        return Outcome.UNAVAILABLE

    def _may(self, address: str) -> bool:
        """Return whether the client at *address* may send one more form this minute."""
        now = self._monotonic()
        if len(self._lately) >= _MAX_CLIENTS:
            self._lately = {a: times for a, times in self._lately.items() if now - times[-1] < 60}
        times = self._lately.setdefault(address, deque(maxlen=_PER_MINUTE))
        if len(times) == _PER_MINUTE and now - times[0] < 60:
            return False
        times.append(now)
        return True

    def _vouches(self, token: str, decision: Decision) -> bool:
        until, _, mark = token.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 12):
            return False
        left = int(until) - self._clock().timestamp()
        return 0 < left <= _VALID_S and hmac.compare_digest(mark.encode(), self._sign(int(until), decision).encode())

    def _sign(self, until: int, decision: Decision) -> str:
        request = decision.request
        said = "\0".join((str(until), request.host, decision.profile, request.client.address or ""))
        return base64.urlsafe_b64encode(hmac.digest(self._secret, said.encode(), hashlib.sha256)).decode().rstrip("=")


def _is_from_our_page(posted: Posted) -> bool:
    """Return whether a browser says that a page of the very same origin sent the form."""
    site, origin = posted.headers.get("sec-fetch-site"), posted.headers.get("origin")
    if site is None and origin is None:
        return False
    return site in (None, "same-origin") and origin in (None, posted.origin)


def _read_form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body[:MAX_FORM].decode("ascii"), keep_blank_values=True, max_num_fields=16, errors="replace")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _safe_path(path: str) -> str:
    """Return *path* if it is one of the same site, else its front page."""
    safe = path.startswith("/") and not path.startswith("//") and len(path) <= 2000 and "\\" not in path
    return path if safe and path.isprintable() else "/"


def _plain(comment: str) -> str:
    """Return *comment* as plain text of one paragraph."""
    return " ".join("".join(c if c.isprintable() else " " for c in comment).split())[:MAX_COMMENT]
