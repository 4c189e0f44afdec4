# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration file read into Settings, or refused with file, line and the nearest right name."""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from filterd.policy.clients import id_device, mac_device
from filterd.policy.domains import InvalidHost, normalise_host
from filterd.policy.schedule import parse_days, parse_time
from filterd.settings import ClientEntry, Dns, EncryptedListener, ListSection, ProfileSection, Section, Settings

_header = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]")
_key = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")
_unknown_field = re.compile(r"Object contains unknown field `(.+?)`")
_missing_field = re.compile(r"Object missing required field `(.+?)`")
_at_path = re.compile(r" - at `\$(.*)`")
_MAX_FILE = 4 << 20
Path_ = tuple[str | int, ...]


class SettingsError(ValueError):
    """The configuration cannot be used; the message names file, line and the way out."""


class Source:
    """A configuration file's text, to say on which line a setting stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._lines = text.splitlines()

    def error(self, path: Path_, message: str) -> SettingsError:
        """Return an error about the setting at *path*, for example ``("profiles", "child", "allow", 2)``."""
        line = self.line(path)
        place = f"{self.name}: line {line}" if line else self.name
        return SettingsError(f"{place}: {message}")

    def line(self, path: Path_) -> int | None:
        """Return the line (from 1) of the deepest part of *path* that the text writes out."""
        best, best_depth = None, 0
        table: Path_ = ()
        arrays: dict[Path_, int] = {}
        for number, text in enumerate(self._lines, 1):
            if header := _header.match(text):
                table = _split_key(header[2])
                if header[1] == "[[":
                    arrays[table] = arrays.get(table, -1) + 1
                    table = (*table, arrays[table])
                here = table
            elif key := _key.match(text):
                here = (*table, key[1].strip("\"'"))
            else:
                continue
            if len(here) > best_depth and path[: len(here)] == here:
                best, best_depth = number, len(here)
        return best


def read_settings(path: Path) -> Settings:
    """Return the settings in the file at *path*.

    Raises:
        SettingsError: the file is missing, unreadable or wrong; one line that names the place and the way out.
    """
    try:
        if path.stat().st_size > _MAX_FILE:
            raise SettingsError(f"{path}: larger than {_MAX_FILE >> 20} MB: this is no configuration file")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: no such file; name another with --config") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError(f"{path}: cannot be read: {reason}") from error
    return parse_settings(text, name=str(path))


def parse_settings(text: str, *, name: str) -> Settings:
    """Return the settings that the TOML *text* of the file *name* holds.

    Raises:
        SettingsError: see `read_settings`.
    """
    source = Source(name, text)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: {_place_first(str(error))}") from error
    except RecursionError as error:
        raise SettingsError(f"{name}: nested too deeply: this is no configuration file") from error
    known = {field.encode_name: field for field in msgspec.structs.fields(Settings)}
    _refuse_unknown(source, (), raw, known)
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if key in ("profiles", "lists"):
            kind: type[Section] = ProfileSection if key == "profiles" else ListSection
            values[key] = {
                entry: _convert(source, (key, entry), content, kind)
                for entry, content in _table(source, (key,), value).items()
            }
        elif key == "clients":
            entries = value if isinstance(value, list) else [value]
            values[key] = tuple(_convert(source, (key, at), entry, ClientEntry) for at, entry in enumerate(entries))
        else:
            values[key] = _convert(source, (key,), value, known[key].type)
    settings = Settings(**values)
    _check(source, settings)
    return settings


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name closest to *word*, else the names there are."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def parse_listen(text: str) -> tuple[str, int]:
    """Return address and port of ``"127.0.0.1:53"``, ``"[::1]:53"``.

    Raises:
        ValueError: saying what is wrong.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is no address and port: write it as 127.0.0.1:5335 or [::1]:5335")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return str(ipaddress.ip_address(bare)), int(port)
    except ValueError as error:
        raise ValueError(f"{text!r}: {bare!r} is no IP address; write it as 127.0.0.1:5335 or [::1]:5335") from error


def _convert[S: Section](source: Source, path: Path_, value: object, kind: type[S]) -> S:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _explain(source, path, str(error), kind) from error


def _explain(source: Source, path: Path_, message: str, kind: type[Section]) -> SettingsError:
    found = _at_path.search(message)
    steps = re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", found[1] if found else "")
    inner: list[str | int] = [name or int(index) for name, index in steps]
    what = message[: found.start()] if found else message
    place = _type_at(kind, inner)
    unknown = _unknown_field.search(what)
    if unknown:
        full = (*path, *inner, unknown[1])
        return source.error(full, f"unknown setting {_dotted(full)!r}{nearest(unknown[1], _names_in(place))}")
    path = (*path, *inner)
    missing = _missing_field.search(what)
    if missing:
        return source.error(path, f"{_dotted(path)}: {missing[1]!r} must be given")
    value = re.match(r"Invalid enum value '(.*)'", what)
    if value:
        return source.error(path, f"{_dotted(path)}: {value[1]!r} is no choice{nearest(value[1], _names_in(place))}")
    return source.error(path, f"{_dotted(path)}: {what[0].lower()}{what[1:].replace('`', '')}")


def _type_at(kind: type[Section], inner: list[str | int]) -> msgspec.inspect.Type:
    """Return the declared type of the setting that *inner* leads to."""
    info = _bare(msgspec.inspect.type_info(kind))
    for step in inner:
        if isinstance(info, msgspec.inspect.StructType) and isinstance(step, str):
            info = next((_bare(f.type) for f in info.fields if f.encode_name == step), info)
        elif isinstance(info, msgspec.inspect.VarTupleType):
            info = _bare(info.item_type)
    return info


def _bare(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    while isinstance(info, msgspec.inspect.Metadata | msgspec.inspect.UnionType):
        if isinstance(info, msgspec.inspect.Metadata):
            info = info.type
        else:  # "X or nothing": X says what may stand there
            info = next(t for t in info.types if not isinstance(t, msgspec.inspect.NoneType))
    return info


def _names_in(info: msgspec.inspect.Type) -> list[str]:
    """Return the words that may stand where *info* is: a table's settings or the values of a choice."""
    match info:
        case msgspec.inspect.StructType():
            return [field.encode_name for field in info.fields]
        case msgspec.inspect.EnumType():
            return [str(member.value) for member in info.cls]
        case msgspec.inspect.LiteralType():
            return [str(value) for value in info.values]
        case _:
            return []


def _refuse_unknown(source: Source, path: Path_, table: Mapping[str, object], known: Iterable[str]) -> None:
    for key in table:
        if key not in set(known):
            full = (*path, key)
            raise source.error(full, f"unknown setting {_dotted(full)!r}{nearest(key, known)}")


def _table(source: Source, path: Path_, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise source.error(path, f"{_dotted(path)}: must be a table, [{_dotted(path)}.NAME]")
    return value


def _check(source: Source, settings: Settings) -> None:
    """Check what a type cannot say."""
    _check_listeners(source, settings)
    _check_dns(source, settings.dns)
    for key in ("doh", "dot"):
        _check_encrypted(source, key, getattr(settings, key))
    if settings.dns.blocked_answer not in ("null", "nxdomain", "refused"):
        _check_value(source, ("dns", "blocked_answer"), settings.dns.blocked_answer, _parse_block_address)
    if settings.policy.time_zone:
        _check_value(source, ("policy", "time_zone"), settings.policy.time_zone, _parse_zone)
    for at, client in enumerate(settings.clients):
        _check_client(source, ("clients", at), client)
    for name, profile in settings.profiles.items():
        _check_profile(source, name, profile)
    for key in ("never_decrypt", "google_domains"):
        for at, text in enumerate(getattr(settings.proxy, key)):
            _check_value(source, ("proxy", key, at), text, normalise_host)
    for name, entry in settings.lists.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
            raise source.error(
                ("lists", name), f"lists.{name}: an id has small letters, digits, dots, hyphens, 64 at most"
            )
        if not re.match(r"(https?|file)://", entry.url):
            raise source.error(
                ("lists", name, "url"), f"lists.{name}.url: {entry.url!r} is no https:, http: or file: URL"
            )


def _check_dns(source: Source, dns: Dns) -> None:
    upstreams: list[tuple[Path_, str]] = [(("upstreams", at), text) for at, text in enumerate(dns.upstreams)]
    upstreams += [(("second_opinion", at), text) for at, text in enumerate(dns.second_opinion)]
    upstreams += [(("domains", name, at), text) for name, texts in dns.domains.items() for at, text in enumerate(texts)]
    for path, upstream in upstreams:
        if not re.match(r"(https|tls|tcp|udp)://[^/\s]", upstream):
            problem = f"dns.{path[0]}: {upstream!r}: write it as https://…, tls://…, tcp://… or udp://…"
            raise source.error(("dns", *path), problem)
    for name, texts in dns.domains.items():
        _check_value(source, ("dns", "domains", name), name, normalise_host)
        if not texts:
            raise source.error(("dns", "domains", name), f"dns.domains: {name}: name at least one resolver to ask")
    for name, texts in dns.hosts.items():
        _check_value(source, ("dns", "hosts", name), name.removeprefix("*."), normalise_host)
        for at, text in enumerate(texts):
            _check_value(source, ("dns", "hosts", name, at), text, ipaddress.ip_address)
    for at, text in enumerate(dns.private_domains):
        _check_value(source, ("dns", "private_domains", at), text, normalise_host)
    for at, text in enumerate(dns.allow_from):
        _check_value(source, ("dns", "allow_from", at), text, ipaddress.ip_network)
    if dns.min_ttl > dns.max_ttl:
        raise source.error(("dns", "min_ttl"), f"dns.min_ttl: {dns.min_ttl} is more than max_ttl ({dns.max_ttl})")


def _check_encrypted(source: Source, key: str, listener: EncryptedListener) -> None:
    if listener.listen and not (listener.certificate and listener.key):
        raise source.error(
            (key, "listen"), f"{key}: name the files of a certificate and its key: {key}.certificate, {key}.key"
        )
    if listener.server_name:
        _check_value(source, (key, "server_name"), listener.server_name, normalise_host)


def _check_listeners(source: Source, settings: Settings) -> None:
    for at, listen in enumerate(settings.dns.listen):
        _check_value(source, ("dns", "listen", at), listen, parse_listen)
    named: list[tuple[Path_, str]] = [(("proxy", "listen"), settings.proxy.listen)]
    named += [(("proxy", "listeners", at, "listen"), x.listen) for at, x in enumerate(settings.proxy.listeners)]
    for key in ("block_page", "doh", "dot", "metrics", "status_page"):
        named.append(((key, "listen"), getattr(settings, key).listen))
    for path, listen in named:
        if listen or len(path) == 4:  # only a further listener must say where
            _check_value(source, path, listen, parse_listen)


def _check_client(source: Source, path: Path_, client: ClientEntry) -> None:
    given = [key for key in ("user", "mac", "network", "id") if getattr(client, key) is not None]
    if len(given) != 1:
        raise source.error(path, f"{_dotted(path)}: give one of user, mac, network and id (here: {len(given)})")
    if client.network is not None:
        _check_value(source, (*path, "network"), client.network, lambda text: ipaddress.ip_network(text, strict=False))
    if client.mac is not None:
        _check_value(source, (*path, "mac"), client.mac, mac_device)
    if client.id is not None:
        _check_value(source, (*path, "id"), client.id, id_device)


def _check_profile(source: Source, name: str, profile: ProfileSection) -> None:
    for key in ("allow", "deny"):
        for at, domain in enumerate(getattr(profile, key)):
            _check_value(source, ("profiles", name, key, at), domain, normalise_host)
    for at, slot in enumerate(profile.schedule):
        path: Path_ = ("profiles", name, "schedule", at)
        _check_value(source, path, slot.days, parse_days)
        _check_value(source, path, slot.start, parse_time)
        _check_value(source, path, slot.end, parse_time)


def _check_value(source: Source, path: Path_, text: str, parse: Any) -> None:
    try:
        parse(text)
    except (ValueError, InvalidHost) as error:
        raise source.error(path, f"{_dotted(path)}: {error}") from error


def _parse_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{text!r} is no time zone: write it as America/Asuncion") from error


def _parse_block_address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is none of null, nxdomain, refused and no IP address") from error


def _place_first(message: str) -> str:
    """Turn tomllib's ``… (at line 3, column 5)`` into ``line 3: …``."""
    found = re.search(r" \(at line (\d+), column \d+\)$", message)
    return f"line {found[1]}: {message[: found.start()]}" if found else message


def _split_key(text: str) -> Path_:
    return tuple(part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.]+', text))


def _dotted(path: Path_) -> str:
    return ".".join(str(part) for part in path if not isinstance(part, int))
