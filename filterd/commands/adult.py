# SPDX-License-Identifier: GPL-3.0-or-later
"""What the adult's commands have in common: they ask the daemon, and the person for the password where it must be."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from filterd.commands.common import find_runtime
from filterd.control.client import Daemon, DaemonUnreachable, Refused

NOT_ALLOWED = 3


class NotAllowed(click.ClickException):
    """Refused for want of the right password or account: exit status 3."""

    exit_code = NOT_ALLOWED


def password_option[F: Callable[..., Any]](function: F) -> F:
    """Add ``--password-stdin``."""
    return click.option(
        "--password-stdin", is_flag=True, help="Read the password from standard input, for scripts."
    )(function)  # fmt: skip


def read_password(prompt: str, *, stdin: bool) -> str:
    """Return the password that the person types, or the first line of standard input."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise NotAllowed("the password is needed: run this in a terminal, or give it with --password-stdin")
    return getpass.getpass(prompt)


def as_adult[T](config: Path | None, work: Callable[[Daemon], T], *, password_stdin: bool) -> T:
    """Return what *work* returns, done as the adult; the password is asked for only where the daemon wants it.

    Raises:
        NotAllowed: the password is wrong, or this account may not. ClickException: the daemon refused or is not there.
    """
    daemon = Daemon(find_runtime(config))
    try:
        if password_stdin:
            daemon.open_session(password=read_password("", stdin=True))
            return _and_leave(daemon, work)
        try:
            return work(daemon)
        except Refused as refused:
            if not refused.needs_session:
                raise
        _need_password_set(daemon)
        daemon.open_session(password=read_password("Contraseña del adulto responsable: ", stdin=False))
        return _and_leave(daemon, work)
    except DaemonUnreachable as error:
        raise click.ClickException(str(error)) from error
    except Refused as refused:
        raise failure(refused) from refused


def failure(refused: Refused) -> click.ClickException:
    """Return *refused* as the command line tells it."""
    wait = f"; try again in {refused.wait_s:.0f} seconds" if refused.wait_s else ""
    allowed = refused.status not in (401, 403, 429)
    return click.ClickException(refused.message + wait) if allowed else NotAllowed(refused.message + wait)


def _need_password_set(daemon: Daemon) -> None:
    if not daemon.me().password_set:
        raise NotAllowed("there is no password yet, and without one nothing can be changed: filterd password set")


def _and_leave[T](daemon: Daemon, work: Callable[[Daemon], T]) -> T:
    try:
        return work(daemon)
    finally:
        daemon.end_session()
