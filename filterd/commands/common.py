# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command takes: the configuration file, and output for machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from filterd import paths
from filterd.settings import Settings
from filterd.settings_read import read_settings


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


def state_folder(settings: Settings) -> Path:
    """Return where the state lies."""
    return Path(settings.paths.state) if settings.paths.state else paths.default_state()


def runtime_folder(settings: Settings) -> Path:
    """Return where the sockets lie."""
    return Path(settings.paths.runtime) if settings.paths.runtime else paths.default_runtime()
