# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, shipped data and the compiled database put together into a Policy."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from filterd import paths
from filterd.compilation import Compilation
from filterd.edges import check_edges
from filterd.lists.model import ALL_CATEGORIES, Meta, Subscription
from filterd.lists.sources import Sources, load_sources
from filterd.lists.store import Store
from filterd.policy.clients import ClientRule, id_device, mac_device
from filterd.policy.domains import normalise_host
from filterd.policy.model import GUARD_SITE, AgeBand, Names
from filterd.policy.policy import Policy
from filterd.policy.profile import OwnPatterns, Profile, preset
from filterd.policy.rules import Format
from filterd.policy.schedule import Schedule, Slot, parse_days, parse_time
from filterd.policy.userpatterns import UserPatterns, parse_user_pattern
from filterd.settings import ClientEntry, ProfileSection, Settings
from filterd.settings_read import Source, nearest
from filterd.shipped import Shipped
from filterd.standing import read_standing, standing_path


class Assembly:
    """Builds policies for one configuration."""

    def __init__(self, settings: Settings, shipped: Shipped, source: Source) -> None:
        """Keep *settings*; *source* is their text, to name lines in errors."""
        self.settings = settings
        self.shipped = shipped
        self._source = source

    @classmethod
    def of(cls, settings: Settings, config: Path | None, shipped: Shipped | None = None) -> Assembly:
        """Return the assembly for *settings* read from *config* (``None``: built-in defaults)."""
        text = config.read_text(encoding="utf-8") if config else ""
        return cls(settings, shipped or Shipped(), Source(str(config or "built-in defaults"), text))

    @property
    def zone(self) -> tzinfo:
        """The time zone of the schedules."""
        name = self.settings.policy.time_zone
        return ZoneInfo(name) if name else _machine_zone()

    @property
    def state(self) -> Path:
        """Where the state lies."""
        return Path(self.settings.paths.state) if self.settings.paths.state else paths.default_state()

    @property
    def runtime(self) -> Path:
        """Where the sockets lie."""
        return Path(self.settings.paths.runtime) if self.settings.paths.runtime else paths.default_runtime()

    @property
    def standing(self) -> Path:
        """Where what the adult has said for now is kept."""
        return standing_path(self.state)

    @property
    def lists(self) -> Store:
        """The last good copies of the lists."""
        return Store(self.state / "lists")

    @cached_property
    def sources(self) -> Sources:
        """The public lists that the program knows."""
        return load_sources(self.shipped.folder / "sources.toml")

    def subscriptions(self) -> list[Subscription]:
        """Return the lists that the configuration names; without any, the defaults."""
        if not self.settings.lists:
            return self.sources.defaults()
        return [
            Subscription(name, entry.category, entry.url, Format(entry.format))
            for name, entry in self.settings.lists.items()
        ]

    def list_states(self) -> list[Meta]:
        """Return how each subscription stands; those never fetched too."""
        return [
            self.lists.read_meta(wanted.id) or Meta(wanted.id, wanted.url, wanted.category, wanted.format)
            for wanted in self.subscriptions()
        ]

    @property
    def compilation(self) -> Compilation:
        """The category database of this configuration."""
        ids = tuple(subscription.id for subscription in self.subscriptions())
        return Compilation(self.state / "database", self.shipped, self.lists, ids)

    def policy(self, names: Names | None = None) -> Policy:
        """Return the policy on *names*, by default those of the best compiled database.

        Raises:
            SettingsError: a profile or category that does not exist is named.
            DatabaseError: there is no usable database and none can be built.
        """
        profiles = self.profiles()
        standing, _ = read_standing(self.standing)
        return Policy(
            names=names if names is not None else self.compilation.open()[0],
            patterns=self.shipped.matcher,
            categories=self.shipped.catalogue.categories,
            profiles=profiles,
            default_profile=self.settings.policy.default_profile,
            safe_search=self.shipped.safe_search,
            clients=tuple(_client_rule(entry) for entry in self.settings.clients),
            survival=self.shipped.catalogue.survival,
            permissions=standing.running(frozenset(profiles)),
            protection=standing.protection(),
        )

    def check(self) -> None:
        """Check what the settings name against what there is.

        Raises:
            SettingsError: a profile, category or pattern is unknown or wrong.
        """
        self.profiles()
        known = self.shipped.catalogue.categories
        for name, entry in self.settings.lists.items():
            if entry.category not in (*known, ALL_CATEGORIES, GUARD_SITE):
                hint = nearest(entry.category, [*known, ALL_CATEGORIES])
                raise self._source.error(("lists", name, "category"), f"unknown category {entry.category!r}{hint}")

        check_edges(self.settings, self._source)

    def notices(self) -> list[str]:
        """Return which settings ask for what this version cannot do yet: said plainly, never left out in silence."""
        settings = self.settings
        found = [
            f"[[clients]] {client.user}: not in this version yet; `user` is not looked at"
            for client in settings.clients
            if client.user is not None
        ]
        asked = [key for key in ("status_page",) if getattr(settings, key).listen]
        if problem := read_standing(self.standing)[1]:
            found.append(problem)
        return [*found, *(f"[{key}] listen: not in this version yet; nothing is served there" for key in asked)]

    def profiles(self) -> dict[str, Profile]:
        """Return the profiles: the three of the age bands and the family's own.

        Raises:
            SettingsError: a profile, category or pattern is unknown or wrong.
        """
        bands = {band.value: self._profile(band.value, ProfileSection()) for band in AgeBand}
        own = {name: self._profile(name, section) for name, section in self.settings.profiles.items()}
        self._check_profiles([*bands, *own])
        return bands | own

    def _check_profiles(self, profiles: Iterable[str]) -> None:
        names = set(profiles)
        places: list[tuple[tuple[str | int, ...], str]] = [
            (("policy", "default_profile"), self.settings.policy.default_profile)
        ]
        places += [(("clients", at, "profile"), client.profile) for at, client in enumerate(self.settings.clients)]
        places += [
            (("proxy", "listeners", at, "profile"), listener.profile)
            for at, listener in enumerate(self.settings.proxy.listeners)
            if listener.profile
        ]
        for path, name in places:
            if name not in names:
                raise self._source.error(path, f"unknown profile {name!r}{nearest(name, names)}")

    def _profile(self, name: str, section: ProfileSection) -> Profile:
        catalogue = self.shipped.catalogue
        start = preset(_band(name, section), catalogue.categories.values())
        chosen = section.blocked_categories
        if chosen is not None:
            for at, category in enumerate(chosen):
                if category not in catalogue.categories:
                    path = ("profiles", name, "blocked_categories", at)
                    raise self._source.error(
                        path, f"unknown category {category!r}{nearest(category, catalogue.categories)}"
                    )
        starter = catalogue.starter_allow if section.only_allowed and section.starter_list else ()
        return Profile(
            id=name,
            band=_band(name, section),
            blocked_categories=start.blocked_categories if chosen is None else frozenset(chosen),
            safe_search=start.safe_search if section.safe_search is None else section.safe_search,
            youtube=section.youtube or start.youtube,
            inspect=start.inspect if section.inspect is None else section.inspect,
            only_allowed=section.only_allowed,
            block_unsafe_search=(
                start.block_unsafe_search if section.block_unsafe_search is None else section.block_unsafe_search
            ),
            allow=frozenset(map(normalise_host, section.allow)) | frozenset(starter),
            deny=frozenset(map(normalise_host, section.deny)),
            own_patterns=self._own_patterns(name, section),
            schedule=Schedule(
                tuple(Slot(parse_days(x.days), parse_time(x.start), parse_time(x.end)) for x in section.schedule),
                self.zone,
            ),
            record=section.record,
        )

    def _own_patterns(self, name: str, section: ProfileSection) -> OwnPatterns:
        parsed = []
        for at, text in enumerate(section.patterns):
            try:
                parsed.append(parse_user_pattern(text))
            except ValueError as error:
                raise self._source.error(("profiles", name, "patterns", at), str(error)) from error
        return UserPatterns(parsed)


def _band(name: str, section: ProfileSection) -> AgeBand:
    """Return the preset to start from; a name of one's own starts from the strictest."""
    if section.preset is not None:
        return AgeBand(section.preset)
    return AgeBand(name) if name in AgeBand else AgeBand.CHILD


def _client_rule(entry: ClientEntry) -> ClientRule:
    network = ipaddress.ip_network(entry.network, strict=False) if entry.network else None
    device = mac_device(entry.mac) if entry.mac else id_device(entry.id) if entry.id else None
    return ClientRule(entry.profile, user=entry.user, device=device, network=network)


def _machine_zone() -> tzinfo:
    """Return this machine's zone with its rules for clock changes, not today's offset alone."""
    try:
        link = Path("/etc/localtime").resolve(strict=True)
        return ZoneInfo(str(link).partition("zoneinfo/")[2])
    except (OSError, ValueError, KeyError):
        return datetime.now(UTC).astimezone().tzinfo or UTC
