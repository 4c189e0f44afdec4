# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration file written back: an adult's own comments kept, every setting with its help and default."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tomlkit
from tomlkit.items import Table

from filterd.settings import ListSection, ProfileSection, Section, Settings
from filterd.settings_read import SettingsError, parse_settings

_TITLE = "filterd: every setting with its help and its default; take the # away to set one"


def set_values(text: str, changes: Mapping[tuple[str, ...], object], *, name: str) -> str:
    """Return the configuration *text* with *changes* made, and checked: a path to its new value, ``None`` removes it.

    Raises:
        SettingsError: the result would be refused (nothing has been written).
    """
    document = tomlkit.parse(text)
    for path, value in changes.items():
        table: Any = document
        for step in path[:-1]:
            if step not in table:
                table[step] = tomlkit.table(is_super_table=step != path[-2] or isinstance(value, Mapping))
            table = table[step]
        if value is None:
            table.pop(path[-1], None)
        else:
            table[path[-1]] = value
    _annotate(document)
    changed = tomlkit.dumps(document)
    parse_settings(changed, name=name)
    return changed


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace the file at *path* by *text*, whole or not at all, keeping its mode and owner; a new one has *mode*.

    Raises:
        SettingsError: it cannot be written; the old file is untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.stat() if path.exists() else None
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), before.st_mode & 0o777 if before else mode)
            if before and os.geteuid() == 0:  # root edits; the daemon's own account must still read it
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise SettingsError(f"{path}: cannot be written: {error.strerror}; nothing was changed") from error


def _annotate(document: tomlkit.TOMLDocument) -> None:
    """Add, as comments, every setting that is not there."""
    if not document.body:
        document.add(tomlkit.comment(_TITLE))
    for field in msgspec.structs.fields(Settings):
        if field.encode_name in ("profiles", "lists"):
            kind = ProfileSection if field.encode_name == "profiles" else ListSection
            for entry in document.get(field.encode_name, {}).values():
                _annotate_table(entry, kind)
        elif isinstance(field.type, type) and issubclass(field.type, Section):
            if field.encode_name not in document:
                document.add(tomlkit.nl())
                table = tomlkit.table()
                table.add(tomlkit.comment(str(field.type.__doc__).splitlines()[0]))
                document.add(field.encode_name, table)
            _annotate_table(document[field.encode_name], field.type)


def _annotate_table(table: object, kind: type[Section]) -> None:
    if not isinstance(table, Table):  # an inline table has no room for comments
        return
    written = table.as_string()
    for option in options(kind):
        if option.name not in table and f"# {option.name} = " not in written:
            # A line whose # is taken away must be TOML: without a default, an example stands there.
            shown, aside = (option.default, "") if option.default else (option.example, "(not set) ")
            table.add(tomlkit.comment(f"{option.name} = {shown}    # {aside}{option.help}"))


class Option(NamedTuple):
    """A setting as it is shown, its values as TOML writes them; no *default*: it comes from elsewhere."""

    name: str
    default: str
    example: str
    help: str


def options(kind: type[Section]) -> Iterator[Option]:
    """Yield the settings of the table *kind*."""
    for field in msgspec.structs.fields(kind):
        info = msgspec.inspect.type_info(field.type)
        help_text, example = "", None
        while isinstance(info, msgspec.inspect.Metadata):
            said = info.extra_json_schema or {}
            help_text = help_text or str(said.get("description", ""))
            example = next(iter(said.get("examples", ())), example)
            info = info.type
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        known = default not in (msgspec.NODEFAULT, None)
        yield Option(field.encode_name, _as_toml(default) if known else "", _as_toml(example or ""), help_text)


def _as_toml(value: object) -> str:
    return "{}" if value == {} else tomlkit.item(msgspec.to_builtins(value)).as_string()
