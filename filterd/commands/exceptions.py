# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd allow` and `filterd deny`: the white and the black list, and permissions for a while (D4.b)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click
import msgspec

from filterd.commands.adult import as_adult, password_option
from filterd.commands.common import config_option, json_option
from filterd.control.messages import AddException, Effects, PermissionState, Permit

_profile = click.option("--profile", default="", help="Whose list; without it the default profile's.")
_domain = click.argument("domains", metavar="DOMAIN…", nargs=-1, required=True)


@click.command("allow")
@_domain
@click.option("--for", "minutes", type=click.FloatRange(min=0, max=10080, min_open=True), metavar="MINUTES",
              help="Only for so long; nothing is written to the white list.")  # fmt: skip
@click.option("--closed-hours", is_flag=True, help="With --for: in closed hours too.")
@_profile
@password_option
@json_option
@config_option
def allow(
    domains: tuple[str, ...], minutes: float | None, profile: str, *,
    closed_hours: bool, password_stdin: bool, as_json: bool, config: Path | None,
) -> int:  # fmt: skip
    """Put each DOMAIN, with all that is below it, on the white list."""
    if minutes is None:
        if closed_hours:
            raise click.UsageError("--closed-hours goes with --for: the white list does not open closed hours")
        return _add(domains, "allow", profile, config, password_stdin=password_stdin, as_json=as_json)
    bodies = [
        Permit(host=domain, profile=profile, minutes=minutes, for_closed_hours=closed_hours) for domain in domains
    ]
    given = as_adult(config, lambda daemon: [daemon.permit(body) for body in bodies], password_stdin=password_stdin)
    _tell(given, as_json=as_json)
    return 0


@click.command("deny")
@_domain
@_profile
@password_option
@json_option
@config_option
def deny(domains: tuple[str, ...], profile: str, *, password_stdin: bool, as_json: bool, config: Path | None) -> int:
    """Put each DOMAIN, with all that is below it, on the black list."""
    return _add(domains, "deny", profile, config, password_stdin=password_stdin, as_json=as_json)


def _add(
    domains: tuple[str, ...], to: Literal["allow", "deny"], profile: str, config: Path | None, *,
    password_stdin: bool, as_json: bool,
) -> int:  # fmt: skip
    body = AddException(domains=list(domains), to=to, profile=profile)
    found = as_adult(config, lambda daemon: daemon.add_exceptions(body), password_stdin=password_stdin)
    _tell(found, as_json=as_json)
    return 0


def _tell(found: Effects | list[PermissionState], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    elif isinstance(found, Effects):
        for effect in found.effects:
            note = f" ({effect.note})" if effect.note else ""
            sys.stdout.write(f"{effect.domain}: {effect.verdict}{note}\n")
    else:
        for permission in found:
            sys.stdout.write(f"{permission.host}: allow, {permission.profile}, {permission.until}\n")
    sys.stdout.flush()
