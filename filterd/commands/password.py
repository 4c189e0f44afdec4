# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd password set|change|recover|seen`: the adult's password (D4.c)."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from filterd.assembly import Assembly
from filterd.commands.adult import NotAllowed, as_adult, failure, password_option, read_password
from filterd.commands.common import config_option, find_runtime, hand_over, load
from filterd.control.audit import AuditLog
from filterd.control.auth import Auth, check_length
from filterd.control.calls import Peer
from filterd.control.client import Daemon, DaemonNotRunning, DaemonUnreachable, Refused

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
    _tell(_with_daemon(config, lambda daemon: daemon.set_first_password(new), lambda files: _set_offline(files, new)))
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

    def offline(files: _Files) -> str:
        return _reset_offline(files, new) if as_administrator else _recover_offline(files, new, code)

    _tell(_with_daemon(config, lambda daemon: daemon.change_password(new, recovery_code=code), offline))
    return 0


@command.command("seen")
@password_option
@config_option
def seen(*, password_stdin: bool, config: Path | None) -> int:
    """Say that you know that an administrator set the password anew; the notice goes away."""
    as_adult(config, lambda daemon: daemon.acknowledge_reset(), password_stdin=password_stdin)
    return 0


@dataclass(frozen=True, slots=True)
class _Files:
    """What is changed where no daemon runs: the secrets, and the log, which is written first."""

    auth: Auth
    audit: AuditLog

    @classmethod
    def of(cls, state: Path) -> _Files:
        folder = state / "control"
        return cls(Auth(folder / "auth.json"), AuditLog(state / "audit" / "audit.jsonl", folder / "audit-head.json"))

    def store(self, event: str, new: str, *, reset_by: str = "") -> str:
        """Record *event*, set *new* and return the recovery code."""
        check_length(new)
        self.record(event)
        return self.auth.set_password(new, reset_by=reset_by)

    def record(self, event: str, **detail: str) -> None:
        """Record *event*, of who runs this command."""
        self.audit.append(event, who=str(Peer(os.geteuid())), detail={**detail, "daemon": "not running"})


def _with_daemon(
    config: Path | None, online: Callable[[Daemon], object], offline: Callable[[_Files], str] | None = None
) -> str:
    """Return the recovery code that *online* brings, or where no daemon runs *offline*, on the files themselves."""
    try:
        return str(getattr(online(Daemon(find_runtime(config))), "recovery_code", ""))
    except Refused as refused:
        raise failure(refused) from refused
    except DaemonUnreachable as error:
        if offline is None or not isinstance(error, DaemonNotRunning):
            raise click.ClickException(str(error)) from error
    state = Assembly.of(*load(config)).state
    try:
        return offline(_Files.of(state))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise NotAllowed(f"{state}: only the administrator may; run it with sudo") from error
        raise click.ClickException(str(error.strerror)) from error
    finally:
        hand_over(state)


def _set_offline(files: _Files, new: str) -> str:
    if files.auth.is_set:
        raise NotAllowed("there is a password already; change it with: filterd password change")
    return files.store("password-set", new)


def _reset_offline(files: _Files, new: str) -> str:
    if os.geteuid() != 0:
        raise NotAllowed("only the administrator may; run it with sudo")
    _need_password(files)
    return files.store("password-reset", new, reset_by=str(Peer(0)))


def _recover_offline(files: _Files, new: str, code: str) -> str:
    _need_password(files)
    if not files.auth.check_recovery(code):
        files.record("password-failed", what="recovery code")
        raise NotAllowed("wrong recovery code")
    return files.store("password-changed", new)


def _need_password(files: _Files) -> None:
    if not files.auth.is_set:
        raise click.ClickException("there is no password yet; set one with: filterd password set")


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
