# SPDX-License-Identifier: GPL-3.0-or-later
"""What every change has in common: it is checked against the house, recorded before it is done, and put into force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Protocol

from filterd.control.audit import AuditError, AuditLog
from filterd.control.calls import ApiError, Call
from filterd.lists.suffixes import load_public_suffixes
from filterd.policy.domains import InvalidHost, normalise_host
from filterd.policy.model import Verdict
from filterd.policy.profile import Profile
from filterd.settings import Settings


class House(Protocol):
    """What changes need to know of the whole; built anew at each reload."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """What they come to."""

    @property
    def zone(self) -> tzinfo:
        """The family's time zone."""

    def check(self, text: str) -> Mapping[str, Profile]:
        """Return the profiles of the configuration *text*; raises SettingsError where it would be refused."""

    def judge(self, host: str, profile: str) -> Verdict:
        """Return the verdict on *host* for *profile* now."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where changes are kept. *config* is ``None`` where the daemon runs on built-in defaults."""

    config: Path | None
    standing: Path


class Desk:
    """Changes are asked for here; *applied* is called after each, so that it comes into force."""

    def __init__(
        self,
        house: Callable[[], House],
        places: Places,
        audit: AuditLog,
        *,
        applied: Callable[[], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.house = house
        self.places = places
        self.audit = audit
        self.applied = applied
        self.clock = clock

    def record(self, call: Call, event: str, detail: Mapping[str, str]) -> None:
        """Write down that *call* is about to do *event*."""
        # Before it is done: what leaves no trace does not happen.
        try:
            self.audit.append(event, who=str(call.peer), detail=detail)
        except AuditError as error:
            raise ApiError(507, str(error.strerror)) from error

    def profile(self, name: str) -> str:
        """Return the profile *name* (empty: the default one), which exists."""
        house = self.house()
        name = name or house.settings.policy.default_profile
        if name not in house.profiles:
            raise ApiError(422, f"unknown profile {name!r}: the profiles are {', '.join(sorted(house.profiles))}")
        return name


def host_of(text: str) -> str:
    """Return the host that *text* names.

    Raises:
        ApiError: it names none.
    """
    try:
        return normalise_host(text)
    except InvalidHost as error:
        raise ApiError(422, str(error)) from error


def site_of(text: str) -> str:
    """Return the host that *text* names and that may be opened with all that is below it.

    Raises:
        ApiError: it names none, or a public suffix: all that anybody may register is nobody's to open.
    """
    host = host_of(text)
    suffixes = load_public_suffixes()
    if suffixes.is_suffix(host) and ("." in host or host in suffixes.registries):
        raise ApiError(422, f"{host}: anybody may register a name below it; name the site itself")
    return host
