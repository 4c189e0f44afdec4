# SPDX-License-Identifier: GPL-3.0-or-later
"""What children ask for: requests kept until the adult answers them, within bounds."""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from filterd.control.calls import ApiError, Call
from filterd.control.changes import Changes
from filterd.control.desk import host_of
from filterd.control.messages import AddException, AnswerRequest, AskedPermission, AskPermission, Done
from filterd.control.permissions import Permissions
from filterd.control.private_file import write_private
from filterd.policy.model import Reason

logger = logging.getLogger(__name__)

MAX_KEPT, MAX_OPEN_PER_PROFILE = 500, 50
PER_MINUTE = 5  # of one account or device: a child must not bury the adult in requests
_MINUTES: dict[str, float | None] = {"once": 5.0, "15-minutes": 15.0, "1-hour": 60.0, "until-tomorrow": None}


class Requests:
    """The requests in the file *path*; *explain* says why a host is blocked for a profile, ``None`` where it is not."""

    def __init__(
        self,
        path: Path,
        changes: Changes,
        permissions: Permissions,
        *,
        explain: Callable[[str, str], Reason | None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._changes = changes
        self._permissions = permissions
        self._explain = explain
        self._clock = clock
        self._kept = _read(path)
        self._lately: dict[str, deque[float]] = {}

    async def everything(self, _call: Call) -> list[AskedPermission]:
        """Return all that is kept, the latest first."""
        return list(reversed(self._kept))

    @property
    def waiting(self) -> int:
        """How many wait for an answer."""
        return sum(not request.answer for request in self._kept)

    def ask(self, asked: AskPermission, *, profile: str, by: str) -> AskedPermission:
        """Keep the request of *by* (an account, a device) for *profile*.

        Raises:
            ApiError: too many, or the host is not blocked, or the adult has said never.
        """
        now, host = self._clock(), host_of(asked.host)
        self._limit(by, now.timestamp())
        same = [r for r in self._kept if (r.profile, r.host, r.wrong) == (profile, host, asked.wrong)]
        if waiting := next((r for r in same if not r.answer), None):
            return waiting
        if any(r.answer == "never" for r in same):
            raise ApiError(409, "this was answered already, and asking again does not change it")
        reason = self._explain(host, profile)
        if reason is None:
            raise ApiError(409, f"{host} is not blocked")
        if sum(not r.answer for r in self._kept if r.profile == profile) >= MAX_OPEN_PER_PROFILE:
            raise ApiError(429, "too many requests wait for an answer already")
        request = AskedPermission(
            id=secrets.token_hex(6), when=now.isoformat(timespec="seconds"), profile=profile, host=host,
            comment=_plain(asked.comment), wrong=asked.wrong, category=reason.category or "", rule=reason.rule or "",
            list=reason.list or "",
        )  # fmt: skip
        self._keep([*self._kept, request])
        return request

    async def answer(self, call: Call) -> Done:
        """Answer a request: a permission for a while, an entry for good, or no."""
        body: AnswerRequest = call.body
        request = next((r for r in self._kept if r.id == call.path["id"]), None)
        if request is None:
            raise ApiError(404, "no such request; it may have been deleted")
        note = ""
        if body.answer in _MINUTES:
            self._permissions.give(
                call, host=request.host, profile=request.profile, minutes=_MINUTES[body.answer],
                for_closed_hours=body.for_closed_hours,
            )  # fmt: skip
        elif body.answer == "always":
            entry = AddException(domains=[request.host], to="allow", profile=request.profile)
            effects = await self._changes.add_exceptions(replace(call, body=entry))
            note = effects.effects[0].note
        else:
            self._permissions.record(call, f"request-{body.answer}", {"host": request.host, "profile": request.profile})
        answered = msgspec.structs.replace(
            request, answer=body.answer, answered=self._clock().isoformat(timespec="seconds")
        )
        self._keep([answered if r is request else r for r in self._kept])
        return Done(note=note)

    async def delete(self, call: Call) -> Done:
        """Forget a request; a *never* with it."""
        left = [r for r in self._kept if r.id != call.path["id"]]
        if len(left) == len(self._kept):
            raise ApiError(404, "no such request")
        self._keep(left)
        return Done()

    def _limit(self, by: str, now: float) -> None:
        lately = self._lately.setdefault(by, deque(maxlen=PER_MINUTE))
        if len(lately) == PER_MINUTE and 0 <= now - lately[0] < 60:
            raise ApiError(429, "too many requests: wait a minute", wait_s=60 - (now - lately[0]))
        lately.append(now)
        while len(self._lately) > MAX_KEPT:
            del self._lately[next(iter(self._lately))]

    def _keep(self, requests: list[AskedPermission]) -> None:
        # Those answered longest ago go first; a "never" stays as long as there is room.
        while len(requests) > MAX_KEPT:
            order = sorted(requests, key=lambda r: (not r.answer, r.answer == "never", r.answered))
            requests.remove(order[0])
        try:
            write_private(self._path, msgspec.json.encode(requests))
        except OSError as error:
            raise ApiError(507, f"{self._path}: cannot be written: {error.strerror}") from error
        self._kept = requests


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _read(path: Path) -> list[AskedPermission]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[AskedPermission])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        logger.warning("%s: the requests cannot be read and begin anew: %s", path, error)
        return []
