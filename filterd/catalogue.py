# SPDX-License-Identifier: GPL-3.0-or-later
"""The categories, names and guard lists that come with the program, read from its ``categories`` folder."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import msgspec

from filterd.policy.domains import InvalidHost, is_address, normalise_host
from filterd.policy.model import GUARD_PLATFORM, GUARD_SITE, AgeBand, Category, Rule, RuleList
from filterd.policy.networks import SPECIAL, Network, NetworkSet, parse_network

LANGUAGES = ("es", "gn", "en", "pt")
TEST_DOMAIN = "prueba.home.arpa"  # RFC 8375: home.arpa is for homes, so these names are nobody's
LICENCE = "GPL-3.0-or-later"

_header = re.compile(r"\s*\[([\w-]+)\]").match
_key = re.compile(r"\s*([\w-]+)\s*=").match
_unknown_field = re.compile(r"unknown field `(.+?)`").search
_missing_field = re.compile(r"missing required field `(.+?)`").search
_place = re.compile(r" - at `\$\.?(.*)`$").search

_Text = Annotated[str, msgspec.Meta(pattern=r"\S")]
_Item = Annotated[str, msgspec.Meta(pattern=r"^2\.([1-9]|1[01])$")]


class CatalogueError(ValueError):
    """The shipped categories cannot be used; the message names file, line and the way out."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is shipped. The lists are read from *folder* when they are asked for: only a compilation needs them."""

    folder: Path
    categories: Mapping[str, Category]  # by id, sorted
    survival: frozenset[str]  # exact names that no rule may stop
    starter_allow: tuple[str, ...]  # for a profile that sees nothing but its white list
    hosting_parents: frozenset[str]  # names under which anybody may publish

    def shipped_lists(self) -> Iterator[RuleList]:
        """Yield each category's own list, its test name first, the addresses that some have last.

        Raises:
            CatalogueError: a line is not a domain or address, or a file is missing.
        """
        for category in self.categories.values():
            names = _read_names(self.folder / category.id / "domains.txt")
            addresses = map(str, self.addresses(category.id))
            yield _rule_list(f"shipped-{category.id}", category.id, (category.test_name, *names, *addresses))

    def addresses(self, category: str) -> tuple[Network, ...]:
        """Return the addresses and networks that *category* comes with, if any.

        Raises:
            CatalogueError: a line is no address.
        """
        path = self.folder / category / "addresses.txt"
        return _read_networks(path) if path.is_file() else ()

    def shared_hosting(self) -> NetworkSet:
        """Return where sites of many people share an address, so that none may be blocked by it.

        The shipped addresses are not among them: whoever wrote those down has seen to it that they serve one purpose.

        Raises:
            CatalogueError: a line is no address, or the file is missing.
        """
        own = [network for category in self.categories for network in self.addresses(category)]
        return NetworkSet(_read_networks(self.folder / "shared-hosting.txt"), apart_from=own)

    def guard_lists(self) -> Iterator[RuleList]:
        """Yield the lists of what must stay open: the sites, then the platforms.

        Raises:
            CatalogueError: a line is not a domain, or a folder is missing.
        """
        for part, guard in (("sites", GUARD_SITE), ("platforms", GUARD_PLATFORM)):
            paths = sorted((self.folder / "never-block" / part).glob("*.txt"))
            if not paths:
                raise _incomplete(self.folder / "never-block" / part)
            for path in paths:
                # A registry that gives names to schools and ministries only (edu.py, gov) may be kept open whole.
                yield _rule_list(f"never-block-{path.stem}", guard, _read_names(path, whole_registries=True))


def load_catalogue(folder: Path) -> Catalogue:
    """Return the catalogue in *folder*; a folder in it without ``category.toml`` is no category.

    Raises:
        CatalogueError: a file is missing or says what it may not.
    """
    paths = sorted(folder.glob("*/category.toml"))
    if not paths:
        raise _incomplete(folder)
    return Catalogue(
        folder=folder,
        categories=MappingProxyType({path.parent.name: _read_category(path) for path in paths}),
        survival=frozenset(_read_names(folder / "survival.txt")),
        starter_allow=_read_names(folder / "only-allowed.txt", whole_registries=True),
        hosting_parents=frozenset(_read_names(folder / "hosting-parents.txt", whole_registries=True)),
    )


class _Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    es: _Text
    gn: _Text
    en: _Text
    pt: _Text


class _CategoryFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    decree: list[_Item]
    blocked_for: list[AgeBand]
    names: _Texts
    descriptions: _Texts
    optional: bool = False


_hints = {
    "decree": "use items of Art. 2, from 2.1 to 2.11",
    "blocked_for": f"choose among {', '.join(AgeBand)}",
    "optional": "write true or false",
    "names": "write one text for each language",
    "descriptions": "write one text for each language",
}


def _read_category(path: Path) -> Category:
    text = _read(path)
    try:
        found = msgspec.convert(tomllib.loads(text), type=_CategoryFile)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: {error}; correct it, or install filterd again") from error
    except msgspec.ValidationError as error:
        raise _explain(path, text, str(error)) from error
    if found.optional and (found.decree or found.blocked_for):
        line = _line_of(text, ("optional",))
        raise CatalogueError(f"{path}: line {line}: an optional category has no decree items and is blocked for nobody")
    category = path.parent.name
    return Category(
        id=category,
        names=MappingProxyType(msgspec.structs.asdict(found.names)),
        descriptions=MappingProxyType(msgspec.structs.asdict(found.descriptions)),
        decree=tuple(found.decree),
        blocked_for=frozenset(found.blocked_for),
        optional=found.optional,
        test_name=f"{category}.{TEST_DOMAIN}",
    )


def _explain(path: Path, text: str, message: str) -> CatalogueError:
    """Return the error for what msgspec says about *text*, in the words of a person who edits the file."""
    at = _place(message)
    keys = tuple(re.split(r"[.\[]", at[1])) if at and at[1] else ()
    table = f" in [{keys[0]}]" if keys else ""
    if unknown := _unknown_field(message):
        keys = (*keys, unknown[1])
        known = _Texts if table else _CategoryFile
        problem = f"unknown key {unknown[1]!r}{table}; known are {', '.join(known.__struct_fields__)}"
    elif missing := _missing_field(message):
        problem = f"{missing[1]!r} is missing{table}; add a line '{missing[1]} = …'"
    else:
        problem = f"{keys[0] if keys else 'file'}: {message.partition(' - at ')[0]}"
        problem += f"; {_hints[keys[0]]}" if keys else ""
    return CatalogueError(f"{path}: line {_line_of(text, keys)}: {problem}")


def _line_of(text: str, keys: tuple[str, ...]) -> int:
    """Return the line (from 1) of the deepest part of *keys* that *text* writes out."""
    best, best_depth = 1, 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _header(line):
            table = (header[1],)
            here: tuple[str, ...] = table
        elif key := _key(line):
            here = (*table, key[1])
        else:
            continue
        if best_depth < len(here) and keys[: len(here)] == here:
            best, best_depth = number, len(here)
    return best


def _read_names(path: Path, *, whole_registries: bool = False) -> tuple[str, ...]:
    """Return the domains in *path*, one a line, ``#`` before a comment; *whole_registries* admits single labels."""
    names = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        try:
            name = normalise_host(entry)
        except InvalidHost as error:
            raise _no_domain(path, number, entry) from error
        if is_address(name):
            raise _no_domain(path, number, entry)
        if "." not in name and not whole_registries:
            raise CatalogueError(f"{path}: line {number}: {entry!r} is a whole top-level domain; name the sites in it")
        names.append(name)
    return tuple(names)


def _read_networks(path: Path) -> tuple[Network, ...]:
    """Return the addresses and networks in *path*, one a line, ``#`` before a comment."""
    networks = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        try:
            network = parse_network(entry)
        except ValueError as error:
            raise _no_address(path, number, entry) from error
        if network.is_too_wide or SPECIAL.touches(network):
            raise _no_address(path, number, entry)
        networks.append(network)
    return tuple(networks)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _incomplete(path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: {error}; make it a readable UTF-8 file, or install filterd again") from error


def _rule_list(list_id: str, category: str, names: tuple[str, ...]) -> RuleList:
    return RuleList(list_id, category, tuple(map(Rule, names)), source="shipped", licence=LICENCE)


def _no_domain(path: Path, number: int, entry: str) -> CatalogueError:
    return CatalogueError(
        f"{path}: line {number}: {entry!r} is not a domain; write one domain a line, comments after #"
    )


def _no_address(path: Path, number: int, entry: str) -> CatalogueError:
    return CatalogueError(
        f"{path}: line {number}: {entry!r} is no public address or network; write one a line, as in 192.0.2.0/24"
    )


def _incomplete(path: Path) -> CatalogueError:
    return CatalogueError(f"{path}: missing; install filterd again")
