# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual's page of settings, made from their declarations (`make docs`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from filterd.settings import ClientEntry, ListSection, ProfileSection, ProxyListener, Section, Settings, SlotEntry
from filterd.settings_file import options

_HEAD = """# Configuration

One TOML file (`--config FILE`; by default `/etc/filterd/filterd.toml`, else built-in defaults). An unknown key or a
wrong value is refused with file, line and the nearest right name. A change of the file is in force within two seconds;
if it is wrong, what was in force stays and `filterd status` says why. Changed listening addresses take effect at the
next start.

Made from the declarations in `filterd/settings.py` (`make docs`); do not edit by hand.
"""

_TABLES: dict[str, tuple[str, type[Section]]] = {
    "profiles": ("[profiles.NAME]", ProfileSection),
    "lists": ("[lists.ID]", ListSection),
    "clients": ("[[clients]]", ClientEntry),
}
_INNER: dict[type[Section], tuple[tuple[str, type[Section]], ...]] = {
    ProfileSection: (("schedule = [{ … }]", SlotEntry),),
}


def render() -> str:
    """Return the page."""
    parts = [_HEAD]
    for field in msgspec.structs.fields(Settings):
        if field.encode_name in _TABLES:
            parts += _section(*_TABLES[field.encode_name])
        else:
            parts += _section(f"[{field.encode_name}]", field.type)
        if field.encode_name == "proxy":
            parts += _section("[[proxy.listeners]]", ProxyListener)
    return "\n".join(parts)


def _section(title: str, kind: type[Section]) -> Iterator[str]:
    yield f"## `{title}`\n\n{kind.__doc__}\n"
    yield "| setting | default | what it does |\n|---|---|---|"
    for option in options(kind):
        default = f"`{option.default}`" if option.default else "–"
        yield f"| `{option.name}` | {default} | {option.help.replace('|', chr(92) + '|')} |"
    yield ""
    for inner, inner_kind in _INNER.get(kind, ()):
        yield from _section(inner, inner_kind)


if __name__ == "__main__":
    sys.stdout.write(render())
