# SPDX-License-Identifier: GPL-3.0-or-later
"""The adult's settings and exceptions: changed, exported, restored. Nothing else writes the configuration file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from filterd.control.calls import ApiError, Call
from filterd.control.desk import Desk, host_of, site_of
from filterd.control.messages import (
    AddException,
    Difference,
    Done,
    Effect,
    Effects,
    Restore,
    Restored,
    SetSettings,
    SettingsText,
)
from filterd.control.tightening import only_tightens
from filterd.policy.domains import normalise_host
from filterd.policy.model import Allow, Block, Cause, Verdict
from filterd.settings_file import set_values, write_atomically
from filterd.settings_read import SettingsError, parse_settings

MACHINE_ONLY = ("paths",)  # where files lie is this machine's: an export does not carry it


class Changes(Desk):
    """Writes the configuration file."""

    async def show(self, _call: Call) -> SettingsText:
        """Return the configuration and every setting in force."""
        text = self._text() if self.places.config else ""
        settings = msgspec.to_builtins(self.house().settings)
        return SettingsText(text=text, settings=settings, writable=self.places.config is not None)

    async def change(self, call: Call) -> Done:
        """Change settings."""
        body: SetSettings = call.body
        changes = {tuple(path): value for path, value in body.changes}
        if not changes or () in changes:
            raise ApiError(422, "name the settings to change")
        self._write(
            call, self._changed(changes), "settings-changed", {".".join(p): _shown(v) for p, v in changes.items()}
        )
        return Done()

    async def add_exceptions(self, call: Call) -> Effects:
        """Put domains on the white or black list of a profile, and say which have no effect, and why."""
        body: AddException = call.body
        profile = self.profile(body.profile)
        named = site_of if body.to == "allow" else host_of
        domains = [named(domain) for domain in body.domains]
        text = self._with_exceptions(profile, add=domains, to=body.to)
        detail = {"profile": profile, "domains": " ".join(domains)}
        before = {domain: self.house().judge(domain, profile) for domain in domains}
        self._write(call, text, f"{body.to}-added", detail)
        return Effects(effects=[_effect(domain, before[domain], to=body.to) for domain in domains])

    async def remove_exceptions(self, call: Call) -> Done:
        """Take domains off the white or black list of a profile."""
        body: AddException = call.body
        profile = self.profile(body.profile)
        domains = [host_of(domain) for domain in body.domains]
        text = self._with_exceptions(profile, remove=domains, to=body.to)
        self._write(call, text, f"{body.to}-removed", {"profile": profile, "domains": " ".join(domains)})
        return Done()

    async def export(self, _call: Call) -> SettingsText:
        """Return all settings in one file, without password, activity and this machine's paths."""
        without: dict[tuple[str, ...], object] = {(name,): None for name in MACHINE_ONLY}
        text = self._changed(without) if self.places.config else ""
        return SettingsText(text=text, settings=_plain(text), writable=self.places.config is not None)

    async def restore(self, call: Call) -> Restored:
        """Take settings over from an export, or only show what would change."""
        body: Restore = call.body
        try:
            wanted = _plain(body.text)
            parse_settings(body.text, name="the file")
        except (SettingsError, tomllib.TOMLDecodeError) as error:
            raise ApiError(422, str(error)) from error
        current = _plain(self._text())
        for name in MACHINE_ONLY:
            wanted.pop(name, None)
            current.pop(name, None)
        changes = list(_differences(current, wanted))
        if body.dry_run or not changes:
            return Restored(changes=changes)
        call.need_adult()
        top: dict[tuple[str, ...], object] = {(name,): wanted.get(name) for name in {*current, *wanted}}
        self._write(call, self._changed(top), "settings-restored", {c.setting: _shown(c.after) for c in changes})
        return Restored(changes=changes, done=True)

    def _text(self) -> str:
        if self.places.config is None:
            raise ApiError(409, "the filter runs on built-in defaults: start it with --config FILE to change them")
        try:
            return self.places.config.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ApiError(500, f"{self.places.config}: cannot be read: {error}") from error

    def _changed(self, changes: Mapping[tuple[str, ...], object]) -> str:
        try:
            return set_values(self._text(), changes, name=str(self.places.config))
        except (SettingsError, tomllib.TOMLDecodeError) as error:
            raise ApiError(422, str(error)) from error
        except (TypeError, KeyError, ValueError) as error:
            raise ApiError(422, f"these settings do not fit the file: {error}") from error

    def _with_exceptions(self, profile: str, *, to: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> str:
        section = self.house().settings.profiles.get(profile)
        own: tuple[str, ...] = getattr(section, to) if section else ()
        kept = [domain for domain in own if normalise_host(domain) not in remove]
        known = set(map(normalise_host, kept))
        kept += [domain for domain in dict.fromkeys(add) if domain not in known]
        return self._changed({("profiles", profile, to): kept})

    def _write(self, call: Call, text: str, event: str, detail: Mapping[str, str]) -> None:
        house = self.house()
        try:
            profiles = house.check(text)
            settings = parse_settings(text, name=str(self.places.config))
        except ValueError as error:
            raise ApiError(422, str(error)) from error
        open_to_all = house.settings.control.tighten_without_password
        if not (open_to_all and only_tightens((house.settings, house.profiles), (settings, profiles))):
            call.need_adult()
        self.record(call, event, detail)
        assert self.places.config is not None  # noqa: S101 (the text came from it)
        try:
            write_atomically(self.places.config, text)
        except SettingsError as error:
            raise ApiError(507, str(error)) from error
        self.applied()


def _effect(domain: str, before: Verdict, *, to: str) -> Effect:
    """Return what an entry does that was put on the list *to*, where *before* was the verdict without it."""
    blocked = isinstance(before, Block)
    verdict = "allow" if to == "allow" else "block"
    cause = before.reason.cause if before.reason else None
    if cause is Cause.PROTECTION_OFF:
        return Effect(domain=domain, verdict="allow", note="protection is off or paused: the entry acts when it is on")
    if cause is Cause.CLOSED_HOURS:
        return Effect(domain=domain, verdict="block", note="closed hours: a list does not open them")
    if to == "allow" and cause is Cause.DENY_LIST and before.reason and before.reason.rule == domain:
        return Effect(domain=domain, verdict="block", note="it is on the black list too, which wins: take it off there")
    if to == "deny" and isinstance(before, Allow) and cause in (Cause.SURVIVAL, Cause.PERMISSION):
        note = "the machine needs this name" if cause is Cause.SURVIVAL else "a permission runs until it ends"
        return Effect(domain=domain, verdict="allow", note=note)
    if blocked is (verdict == "block"):
        return Effect(domain=domain, verdict=verdict, note=f"it was {'blocked' if blocked else 'open'} already")
    return Effect(domain=domain, verdict=verdict)


def _plain(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        setting, old, new = f"{path}{name}", before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{setting}.")
        elif old != new and not (old in (None, {}) and new in (None, {})):
            yield Difference(setting=setting, before=_jsonable(old), after=_jsonable(new))


def _jsonable(value: object) -> Any:
    return msgspec.to_builtins(value)


def _shown(value: object) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
