# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes are checked against: the settings in force and the policy that they make."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Any

import msgspec

from filterd.assembly import Assembly
from filterd.commands.check import judge
from filterd.policy.domains import normalise_host
from filterd.policy.model import Block, Client, Reason, Request, Stage, Verdict
from filterd.policy.policy import Policy
from filterd.policy.profile import Profile
from filterd.settings import Settings
from filterd.settings_read import Source, parse_settings


class Household:
    """The family's settings as *assembly* has them; made anew at each reload."""

    def __init__(self, assembly: Assembly, *, name: str) -> None:
        """Keep *assembly*; *name* is what errors call the configuration."""
        self._assembly = assembly
        self._name = name

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._assembly.settings

    @cached_property
    def profiles(self) -> Mapping[str, Profile]:
        """What they come to."""
        return self._assembly.profiles()

    @property
    def zone(self) -> tzinfo:
        """The family's time zone."""
        return self._assembly.zone

    @cached_property
    def policy(self) -> Policy:
        """The policy, built when it is first asked: most changes need none."""
        return self._assembly.policy()

    def check(self, text: str) -> Mapping[str, Profile]:
        """Return the profiles of the configuration *text*.

        Raises:
            SettingsError: it would be refused.
        """
        settings = parse_settings(text, name=self._name)
        assembly = Assembly(settings, self._assembly.shipped, Source(self._name, text))
        assembly.check()
        return assembly.profiles()

    def judge(self, host: str, profile: str) -> Verdict:
        """Return the verdict on *host* for *profile* now."""
        request = Request(Stage.QUERY, Client(profile=profile), datetime.now(UTC), normalise_host(host))
        return self.policy.decide(request).verdict

    def explain(self, host: str, profile: str) -> Reason | None:
        """Return why *host* is blocked for *profile*, ``None`` where it is not."""
        verdict = self.judge(host, profile)
        return verdict.reason if isinstance(verdict, Block) else None

    def show(self, text: str, profile: str) -> dict[str, Any]:
        """Return the verdict on the host or URL *text* as `filterd check --json` gives it."""
        found = judge(text, self.policy, Client(profile=profile), datetime.now(UTC))
        shown: dict[str, Any] = msgspec.to_builtins(found)
        return shown
