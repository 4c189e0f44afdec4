# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command takes: the configuration file, and output for machines."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from filterd import paths
from filterd.assembly import Assembly
from filterd.settings import Settings
from filterd.settings_read import SettingsError, read_settings
from filterd.wording import LANGUAGES


def config_option[F: Callable[..., Any]](function: F) -> F:
    """Add ``--config FILE``."""
    return click.option(
        "--config", "config", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Configuration (default: the system's, else built-in defaults).",
    )(function)  # fmt: skip


def json_option[F: Callable[..., Any]](function: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print for machines.")(function)


def load(config: Path | None) -> tuple[Settings, Path | None]:
    """Return the settings and the file that they come from; ``None`` for the built-in defaults.

    Raises:
        SettingsError: the file is missing or wrong.
    """
    path = config or paths.default_config()
    return (read_settings(path), path) if path else (Settings(), None)


def assemble(config: Path | None) -> Assembly:
    """Return the assembly of the settings in *config* (or the default ones), checked.

    Raises:
        SettingsError: the file is missing or wrong.
    """
    assembly = Assembly.of(*load(config))
    assembly.check()
    return assembly


def hand_over(state: Path) -> None:
    """As root, give what was made in *state* to the folder's owner: the daemon works under an account of its own."""
    if os.geteuid() != 0 or not state.is_dir():
        return
    owner = state.stat()
    for path in state.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the daemon tidies up meanwhile
            found = path.lstat()
            if (found.st_uid, found.st_gid) != (owner.st_uid, owner.st_gid):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def find_runtime(config: Path | None) -> Path:
    """Return where the daemon of *config* has its sockets, though the file may since have become wrong."""
    path = config or paths.default_config()
    try:
        runtime = load(config)[0].paths.runtime
    except SettingsError:
        # It may be no TOML at all any more: the line is looked for as it stands.
        text = path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""
        found = re.search(r'^\s*runtime\s*=\s*"([^"\n]+)"', text, re.MULTILINE)
        runtime = found[1] if found else ""
    return Path(runtime) if runtime else paths.default_runtime()


def user_language() -> str:
    """Return the language of ours that the environment asks for; Spanish where it asks for none."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        language = os.environ.get(variable, "").partition("_")[0].partition(".")[0].lower()
        if language in LANGUAGES:
            return language
        if language and language not in ("c", "posix"):
            break
    return "es"
