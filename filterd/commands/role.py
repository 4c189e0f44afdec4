# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd role NAME`: one process of the daemon, started by the supervisor."""

from __future__ import annotations

import importlib

import click

from filterd.roles.base import run_role

_ROLES = ("control", "dns", "proxy")


@click.command("role", hidden=True)
@click.argument("name", type=click.Choice(_ROLES))
def command(name: str) -> int:
    """Run the role NAME on the sockets that the supervisor hands over."""
    module = importlib.import_module(f"filterd.roles.{name}")
    return run_role(module.make)
