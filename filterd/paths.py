# SPDX-License-Identifier: GPL-3.0-or-later
"""Where configuration, state and sockets live, and where the shipped data is."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

SYSTEM_CONFIG = Path("/etc/filterd/filterd.toml")
SYSTEM_STATE = Path("/var/lib/filterd")
SYSTEM_RUNTIME = Path("/run/filterd")


def default_config() -> Path | None:
    """Return the system's configuration file, or ``None`` where none is installed: built-in defaults apply."""
    return SYSTEM_CONFIG if SYSTEM_CONFIG.is_file() else None


def default_state() -> Path:
    """Return the state folder: the system's for root or an installed system, else the user's own (XDG)."""
    return SYSTEM_STATE if _is_system() else _xdg("XDG_STATE_HOME", ".local/state")


def default_runtime() -> Path:
    """Return the folder of the sockets: the system's for root or an installed system, else the user's own (XDG)."""
    if _is_system():
        return SYSTEM_RUNTIME
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(runtime) / "filterd" if Path(runtime).is_absolute() else default_state() / "run"


def categories_folder() -> Path:
    """Return the folder of the shipped categories: inside the package where installed, else beside it in a checkout.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    package = Path(str(resources.files("filterd")))
    for folder in (package / "categories", package.parent / "categories"):
        if (folder / "hosting-parents.txt").is_file():
            return folder
    raise FileNotFoundError(f"{package}: the shipped categories are missing; install filterd again")


def _is_system() -> bool:
    return os.geteuid() == 0 or SYSTEM_CONFIG.is_file()


def _xdg(variable: str, below_home: str) -> Path:
    base = os.environ.get(variable, "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / below_home) / "filterd"
