# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd role NAME`: one process of the daemon, started by the supervisor."""

from __future__ import annotations

import importlib
import re

import click

from filterd.roles.base import run_role

_ROLES = ("control", "dns", "proxy")
_name = re.compile(rf"({'|'.join(_ROLES)})(?:-\d+)?")  # dns-2: the second of several workers


@click.command("role", hidden=True)
@click.argument("name")
def command(name: str) -> int:
    """Run the role NAME on the sockets that the supervisor hands over."""
    found = _name.fullmatch(name)
    if found is None:
        raise click.BadParameter(f"{name!r} is none of {', '.join(_ROLES)}")
    module = importlib.import_module(f"filterd.roles.{found[1]}")
    return run_role(module.make)
