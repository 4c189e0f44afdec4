# SPDX-License-Identifier: GPL-3.0-or-later
"""What the adult has said for now: protection off or paused, permissions that run. Kept beside the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from filterd.policy.domains import InvalidHost, normalise_host
from filterd.policy.policy import Permission, Protection

MAX_PERMISSIONS = 1000


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A permission: *host* and what is below it, for *profile*, until *until* (seconds since the epoch)."""

    id: str
    profile: str
    host: str
    until: float
    since: float = 0.0
    for_closed_hours: bool = False
    address: str | None = None  # for the client at that address alone


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it. *off_until* set: paused until then; *on* false without it: off until turned on."""

    on: bool = True
    off_until: float | None = None
    since: float = 0.0  # when it was last turned on, off or paused
    permissions: tuple[Given, ...] = ()

    def protection(self) -> Protection:
        """Return it as the policy takes it."""
        return Protection(self.on, _moment(self.off_until) if self.off_until is not None else None)

    def running(self, profiles: frozenset[str] | None = None) -> tuple[Permission, ...]:
        """Return the permissions as the policy takes them; those of profiles that are no more are left out."""
        return tuple(
            Permission(given.profile, given.host, _moment(given.until), given.for_closed_hours, given.address)
            for given in self.permissions
            if profiles is None or given.profile in profiles
        )

    def at(self, now: float) -> Standing:
        """Return it without what has run out at *now*."""
        paused = self.off_until is not None and now < self.off_until
        return msgspec.structs.replace(
            self,
            on=self.on or (self.off_until is not None and not paused),
            off_until=self.off_until if paused else None,
            permissions=tuple(given for given in self.permissions if now < given.until),
        )


def standing_path(state: Path) -> Path:
    """Return where it is kept in the state folder *state*."""
    return state / "control" / "standing.json"


def read_standing(path: Path) -> tuple[Standing, str]:
    """Return what the file at *path* holds and what is wrong with it; protection is on wherever it cannot be read."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Standing)
        _check(found)
    except FileNotFoundError:
        return Standing(), ""
    except PermissionError:  # `filterd check` of another account: what it shows is the settings' word
        return Standing(), ""
    except (OSError, ValueError, OverflowError, InvalidHost) as error:
        reason = error.strerror if isinstance(error, OSError) else "damaged"
        return Standing(), f"{path}: {reason}; protection is on and no permission runs"
    return found, ""


def encode_standing(standing: Standing) -> bytes:
    """Return *standing* as the file holds it."""
    return msgspec.json.encode(standing)


def _check(standing: Standing) -> None:
    standing.protection()
    for permission in standing.running():
        if normalise_host(permission.host) != permission.host:
            raise ValueError(permission.host)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
