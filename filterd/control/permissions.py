# SPDX-License-Identifier: GPL-3.0-or-later
"""What the adult says for now: protection on, off or paused, and permissions for a while."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from filterd.control.calls import ApiError, Call
from filterd.control.desk import Desk, host_of, site_of
from filterd.control.messages import Done, PermissionState, Permit, SetProtection
from filterd.control.private_file import write_private
from filterd.standing import MAX_PERMISSIONS, Given, Standing, encode_standing, read_standing


class Permissions(Desk):
    """Writes what stands for now."""

    async def set_protection(self, call: Call) -> Done:
        """Turn protection on or off, or pause it."""
        body: SetProtection = call.body
        now, standing = self.clock(), self._standing()
        if body.minutes is not None and body.state != "paused":
            raise ApiError(422, "minutes go with a pause alone")
        if body.state == "on":
            if not self.house().settings.control.tighten_without_password:
                call.need_adult()
            fresh, event = msgspec.structs.replace(standing, on=True, off_until=None), "protection-on"
        else:
            call.need_adult()
            if body.state == "paused" and body.minutes is None:
                raise ApiError(422, "say for how many minutes to pause")
            until = (now + timedelta(minutes=body.minutes or 0)).timestamp() if body.state == "paused" else None
            fresh = msgspec.structs.replace(standing, on=body.state == "paused", off_until=until)
            event = "protection-paused" if until else "protection-off"
        fresh = msgspec.structs.replace(fresh, since=now.timestamp())
        self._store(call, fresh, event, {"minutes": f"{body.minutes:g}"} if body.minutes else {})
        return Done()

    async def running(self, _call: Call) -> list[PermissionState]:
        """Return the permissions that run."""
        return [self._state_of(given) for given in self._standing().permissions]

    async def permit(self, call: Call) -> PermissionState:
        """Open a host for a while."""
        body: Permit = call.body
        if (body.minutes is None) is not body.until_tomorrow:
            raise ApiError(422, "say for how many minutes, or until tomorrow")
        return self.give(
            call,
            host=site_of(body.host),
            profile=body.profile,
            minutes=body.minutes,
            for_closed_hours=body.for_closed_hours,
        )

    def give(
        self,
        call: Call,
        *,
        host: str,
        profile: str,
        minutes: float | None,
        for_closed_hours: bool = False,
        address: str | None = None,
    ) -> PermissionState:
        """Open *host* for *profile* for *minutes* (``None``: to the end of the day), or for one *address* of it."""
        now, standing = self.clock(), self._standing()
        until = now + timedelta(minutes=minutes) if minutes is not None else self._end_of_day(now)
        given = Given(
            id=secrets.token_hex(6),
            profile=self.profile(profile),
            host=host_of(host),
            until=until.timestamp(),
            since=now.timestamp(),
            for_closed_hours=for_closed_hours,
            address=address,
        )
        same = given.profile, given.host, given.address
        others = tuple(p for p in standing.permissions if (p.profile, p.host, p.address) != same)
        if len(others) >= MAX_PERMISSIONS:
            raise ApiError(409, f"{MAX_PERMISSIONS} permissions run already; revoke some, or use the white list")
        detail = {"host": given.host, "profile": given.profile, "until": until.isoformat(timespec="seconds")}
        detail |= {"address": address} if address else {}
        fresh = msgspec.structs.replace(standing, permissions=(*others, given))
        self._store(call, fresh, "permission-given", detail)
        return self._state_of(given)

    async def revoke(self, call: Call) -> Done:
        """End a permission now."""
        standing, wanted = self._standing(), call.path["id"]
        found = next((given for given in standing.permissions if given.id == wanted), None)
        if found is None:
            raise ApiError(404, f"no permission {wanted} runs")
        left = tuple(given for given in standing.permissions if given is not found)
        detail = {"host": found.host, "profile": found.profile}
        self._store(call, msgspec.structs.replace(standing, permissions=left), "permission-revoked", detail)
        return Done()

    def _standing(self) -> Standing:
        return read_standing(self.places.standing)[0].at(self.clock().timestamp())

    def _store(self, call: Call, standing: Standing, event: str, detail: Mapping[str, str]) -> None:
        self.record(call, event, detail)
        try:
            write_private(self.places.standing, encode_standing(standing))
        except OSError as error:
            raise ApiError(507, f"{self.places.standing}: cannot be written: {error.strerror}") from error
        self.applied()

    def _end_of_day(self, now: datetime) -> datetime:
        local = now.astimezone(self.house().zone)
        return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)

    def _state_of(self, given: Given) -> PermissionState:
        return PermissionState(
            id=given.id,
            profile=given.profile,
            host=given.host,
            until=datetime.fromtimestamp(given.until, UTC).isoformat(timespec="seconds"),
            left_s=round(max(0.0, given.until - self.clock().timestamp()), 1),
            for_closed_hours=given.for_closed_hours,
            address=given.address or "",
        )
