# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd password set|change|recover`: the adult's password (D4.c)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from filterd.assembly import Assembly
from filterd.commands.adult import NotAllowed, failure, password_option, read_password
from filterd.commands.common import config_option, find_runtime, hand_over, load
from filterd.control.auth import Auth
from filterd.control.client import Daemon, DaemonUnreachable, Refused

_file = click.option(
    "--password-file", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Read the new password from the first line of a file, for unattended installations.",
)  # fmt: skip


@click.group("password")
def command() -> None:
    """Set, change or recover the responsible adult's password."""


@command.command("set")
@_file
@password_option
@config_option
def set_first(*, file: Path | None, password_stdin: bool, config: Path | None) -> int:
    """Set the first password. The daemon need not run."""
    new = _new_password(file, stdin=password_stdin)
    _tell(_with_daemon(config, lambda daemon: daemon.set_first_password(new), lambda auth: _set_offline(auth, new)))
    return 0


@command.command("change")
@password_option
@config_option
def change(*, password_stdin: bool, config: Path | None) -> int:
    """Change the password; with --password-stdin the old one is the first line, the new one the second."""
    old = read_password("Contraseña actual · current password: ", stdin=password_stdin)
    new = _new_password(None, stdin=password_stdin)
    _tell(_with_daemon(config, lambda daemon: daemon.change_password(new, old=old)))
    return 0


@command.command("recover")
@click.option("--as-administrator", is_flag=True, help="Without the code, as root; the adult is told that it was done.")
@_file
@password_option
@config_option
def recover(*, as_administrator: bool, file: Path | None, password_stdin: bool, config: Path | None) -> int:
    """Set a new password with the recovery code; with --password-stdin the code is the first line."""
    code = "" if as_administrator else read_password("Código de recuperación: ", stdin=password_stdin)
    new = _new_password(file, stdin=password_stdin)

    def offline(auth: Auth) -> str:
        if as_administrator and os.geteuid() == 0:
            return auth.set_password(new, reset_by="uid 0 (root)")
        if not auth.check_recovery(code):
            raise NotAllowed("wrong recovery code")
        return auth.set_password(new)

    _tell(_with_daemon(config, lambda daemon: daemon.change_password(new, recovery_code=code), offline))
    return 0


def _with_daemon(
    config: Path | None, online: Callable[[Daemon], object], offline: Callable[[Auth], str] | None = None
) -> str:
    """Return the recovery code that *online* brings, or where no daemon runs *offline*, on the file itself."""
    try:
        return str(getattr(online(Daemon(find_runtime(config))), "recovery_code", ""))
    except Refused as refused:
        raise failure(refused) from refused
    except DaemonUnreachable as error:
        if offline is None:
            raise click.ClickException(str(error)) from error
    state = Assembly.of(*load(config)).state
    try:
        return offline(Auth(state / "control" / "auth.json"))
    except PermissionError as error:
        raise NotAllowed(f"{state}: only the administrator may; run it with sudo") from error
    finally:
        hand_over(state)


def _set_offline(auth: Auth, new: str) -> str:
    if auth.is_set:
        raise NotAllowed("there is a password already; change it with: filterd password change")
    return auth.set_password(new)


def _new_password(file: Path | None, *, stdin: bool) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    new = read_password("Contraseña nueva · new password: ", stdin=stdin)
    if not stdin and read_password("Otra vez · again: ", stdin=False) != new:
        raise click.ClickException("the two are not the same; nothing was changed")
    return new


def _tell(code: str) -> None:
    sys.stdout.write(
        f"Código de recuperación (anótelo; se muestra una sola vez) · recovery code (write it down):\n\n    {code}\n\n"
    )
