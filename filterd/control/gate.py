# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in: the first password, sessions, recovery, and what each wrong guess costs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from filterd.control.audit import AuditError, AuditLog
from filterd.control.auth import Auth, AuthError, WeakPassword, check_length
from filterd.control.calls import ApiError, Call, Peer
from filterd.control.delays import Delays
from filterd.control.messages import (
    Caller,
    ChangePassword,
    Done,
    FirstPassword,
    OpenSession,
    RecoveryCode,
    Session,
    Totp,
)
from filterd.control.sessions import Sessions

logger = logging.getLogger(__name__)

ROOT = 0


@dataclass(frozen=True, slots=True)
class _Client:
    """A client of the block page: of it only the address is known."""

    address: str

    @property
    def key(self) -> str:
        return f"client {self.address}"

    def __str__(self) -> str:
        return self.key


class Gate:
    """Opens sessions. *own_uid* is the daemon's account, which like root may set the first password."""

    def __init__(
        self,
        auth: Auth,
        delays: Delays,
        sessions: Sessions,
        audit: AuditLog,
        *,
        idle_minutes: float,
        profile_of: Callable[[Peer], str] = lambda _peer: "",
        own_uid: int | None = None,
    ) -> None:
        self._auth = auth
        self._delays = delays
        self._sessions = sessions
        self._audit = audit
        self._idle_minutes = idle_minutes
        self._profile_of = profile_of
        self._own_uid = os.geteuid() if own_uid is None else own_uid
        self._one_at_a_time = asyncio.Lock()
        self._checking: set[str] = set()

    def is_adult(self, token: str, peer: Peer) -> bool:
        """Return whether *token* is of an open session of *peer*."""
        return bool(token) and self._sessions.check(token, peer.key)

    async def who_am_i(self, call: Call) -> Caller:
        """Tell the caller how the daemon sees it."""
        return Caller(
            uid=call.peer.uid,
            user=call.peer.user,
            profile=self._profile_of(call.peer),
            adult=call.adult,
            password_set=self._auth.is_set,
            wait_s=round(self._delays.wait_s(call.peer.key), 1),
            one_time_codes=self._auth.has_totp,
            reset_by=self._auth.reset_by if call.adult else "",
        )

    async def set_first_password(self, call: Call) -> RecoveryCode:
        """Set the first password."""
        body: FirstPassword = call.body
        if call.peer.uid not in (ROOT, self._own_uid):
            raise ApiError(403, "only the administrator sets the first password: sudo filterd password set")
        async with self._checks(call.peer):
            if self._auth.is_set:
                raise ApiError(409, "there is a password already; change it with: filterd password change")
            self._check_length(body.password)
            self._record("password-set", call.peer)
            code = await self._store(body.password, reset_by="")
        return RecoveryCode(recovery_code=code)

    async def open_session(self, call: Call) -> Session:
        """Open a session by password or one-time code."""
        body: OpenSession = call.body
        if bool(body.password) == bool(body.code):
            raise ApiError(422, "give the password or a one-time code")
        check = (
            (lambda: self._auth.use_totp(body.code)) if body.code else lambda: self._auth.check_password(body.password)
        )
        await self._check(call.peer, check, what="password" if body.password else "one-time code")
        self._record("session-opened", call.peer)
        return Session(token=self._sessions.open(call.peer.key), idle_minutes=self._idle_minutes)

    async def end_session(self, call: Call) -> Done:
        """End the caller's session."""
        self._sessions.end(call.token)
        return Done()

    async def change_password(self, call: Call) -> RecoveryCode:
        """Set a new password, by the old one, the recovery code, or as root by neither: that leaves a trace."""
        body: ChangePassword = call.body
        reset_by = ""
        self._check_length(body.new)
        if not self._auth.is_set:
            raise ApiError(409, "there is no password yet; set one with: filterd password set")
        if body.recovery_code:
            # A wait of its own: wrong passwords must not keep the adult from coming in by the code.
            right = lambda: self._auth.check_recovery(body.recovery_code)  # noqa: E731 (two lines, one meaning)
            await self._check(call.peer, right, what="recovery code", key=f"recovery {call.peer.key}")
            self._delays.succeeded(call.peer.key)
        elif body.old:
            await self._check(call.peer, lambda: self._auth.check_password(body.old), what="password")
        elif call.peer.uid == ROOT:
            reset_by = str(call.peer)
        else:
            raise ApiError(403, "give the old password or the recovery code")
        async with self._checks(call.peer):
            self._record("password-reset" if reset_by else "password-changed", call.peer)
            code = await self._store(body.new, reset_by=reset_by)
        self._sessions.end_all()
        return RecoveryCode(recovery_code=code)

    async def acknowledge_reset(self, call: Call) -> Done:
        """Note that the adult has seen that an administrator set the password anew."""
        self._record("reset-acknowledged", call.peer)
        self._ask(self._auth.acknowledge_reset)
        return Done()

    def need_own(self, call: Call) -> None:
        """Raise where the caller is not the daemon itself: its proxy, which speaks for the clients of the block page.

        Raises:
            ApiError: 403.
        """
        if call.peer.uid != self._own_uid:
            raise ApiError(403, "only the daemon's own processes may")

    async def check_code(self, code: str, *, client: str) -> None:
        """Spend the one-time *code* of *client*, an address; a wrong one costs it a wait.

        Raises:
            ApiError: it is wrong, or came too soon.
        """
        await self._check(_Client(client), lambda: self._auth.use_totp(code), what="one-time code")

    async def new_totp(self, call: Call) -> Totp:
        """Make a secret for one-time codes; the one before it ends."""
        self._record("one-time-codes-set", call.peer)
        return Totp(address=self._ask(self._auth.new_totp))

    async def remove_totp(self, call: Call) -> Done:
        """Take no one-time codes any more."""
        self._record("one-time-codes-removed", call.peer)
        self._ask(self._auth.remove_totp)
        return Done()

    async def _check(self, peer: Peer | _Client, check: Callable[[], bool], *, what: str, key: str = "") -> None:
        key = key or peer.key
        delayed = not (isinstance(peer, Peer) and peer.uid == ROOT)
        async with self._checks(peer):
            wait_s = self._delays.wait_s(key) if delayed else 0.0
            if wait_s:
                raise ApiError(429, f"too many wrong tries: wait {wait_s:.0f} seconds", wait_s=wait_s)
            try:
                # In a thread: an Argon2 check takes a tenth of a second, and the status must still be told.
                right = await asyncio.to_thread(check)
            except AuthError as error:
                raise ApiError(500, str(error.strerror)) from error
            if not right:
                wait_s = self._delays.failed(key) if delayed else 0.0
                self._record("password-failed", peer, what=what)
                raise ApiError(403, f"wrong {what}", wait_s=wait_s)
            self._delays.succeeded(key)

    @contextlib.asynccontextmanager
    async def _checks(self, peer: Peer | _Client) -> AsyncIterator[None]:
        """Hold the one place for a check; an account that has one under way gets no second, so none waits in line."""
        if peer.key in self._checking:
            raise ApiError(429, "one password at a time", wait_s=1.0)
        self._checking.add(peer.key)
        try:
            async with self._one_at_a_time:
                yield
        finally:
            self._checking.discard(peer.key)

    async def _store(self, password: str, *, reset_by: str) -> str:
        try:
            return await asyncio.to_thread(self._auth.set_password, password, reset_by=reset_by)
        except AuthError as error:
            raise ApiError(507, str(error.strerror)) from error

    def _check_length(self, password: str) -> None:
        try:
            check_length(password)
        except WeakPassword as error:
            raise ApiError(422, str(error)) from error

    def _ask[T](self, question: Callable[[], T]) -> T:
        try:
            return question()
        except AuthError as error:
            raise ApiError(507, str(error.strerror)) from error

    def _record(self, event: str, peer: Peer | _Client, **detail: str) -> None:
        try:
            self._audit.append(event, who=str(peer), detail=detail)
        except AuditError as error:
            logger.warning("not recorded: %s: %s", event, error)
            if event != "password-failed":
                raise ApiError(507, str(error.strerror)) from error
