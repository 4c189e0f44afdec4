# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do on the block page, carried from the proxy to control."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from filterd.control.client import Daemon, DaemonUnreachable, Refused
from filterd.control.messages import AskedPermission, ForwardRequest, PermissionState, Unlock
from filterd.policy.model import Client
from filterd.wording import Outcome

logger = logging.getLogger(__name__)

_TIMEOUT_S = 8.0  # an Argon2 check of somebody else may be under way
_LOOK_AGAIN_S = 30.0


class DeskLink:
    """Speaks to the control role whose socket lies in *runtime*; in a thread, for its client waits."""

    def __init__(self, runtime: Path) -> None:
        self._daemon = Daemon(runtime, timeout_s=_TIMEOUT_S)
        self._codes = False

    async def ask(self, *, host: str, profile: str, client: Client, comment: str, wrong: bool) -> Outcome:
        """Lay a request, or the report of a wrong block, before the adult."""
        body = ForwardRequest(host=host, profile=profile, by=_name(client), comment=comment, wrong=wrong)
        refused = await self._send("/v1/requests/forwarded", body, AskedPermission)
        if refused is None:
            return Outcome.REPORTED if wrong else Outcome.SENT
        if refused.status == 409:  # it is open by now, or the adult has said never
            return Outcome.NOT_BLOCKED if "not blocked" in refused.message else Outcome.NEVER
        return Outcome.TOO_MANY if refused.status == 429 else Outcome.UNAVAILABLE

    async def unlock(self, *, host: str, profile: str, client: Client, code: str) -> Outcome:
        """Open *host* for *client* with a one-time code."""
        body = Unlock(host=host, profile=profile, address=client.address or "", code=code)
        refused = await self._send("/v1/unlock", body, PermissionState)
        if refused is None:
            return Outcome.OPENED
        return {403: Outcome.WRONG_CODE, 429: Outcome.TOO_MANY}.get(refused.status, Outcome.UNAVAILABLE)

    def has_codes(self) -> bool:
        """Return whether the adult has set up one-time codes, as known half a minute ago at the latest."""
        return self._codes

    async def follow(self) -> None:
        """Look now and then whether there are one-time codes."""
        while True:
            try:
                self._codes = (await asyncio.to_thread(self._daemon.me)).one_time_codes
            except (DaemonUnreachable, Refused):
                self._codes = False
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _send(self, path: str, body: object, kind: type) -> Refused | None:
        try:
            await asyncio.to_thread(self._daemon.ask, "POST", path, body, kind)
        except Refused as refused:
            return refused
        except DaemonUnreachable as error:
            logger.warning("a form of the block page is lost: %s", error)
            return Refused(503, str(error))
        return None


def _name(client: Client) -> str:
    return client.address or client.device or client.user or "unknown"
