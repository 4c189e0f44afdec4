# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd on`, `off`, `pause`, `resume`: protection as a whole."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from filterd.commands.adult import as_adult, password_option
from filterd.commands.common import config_option, json_option
from filterd.control.messages import SetProtection

_SAID = {
    "on": "protección activada · protection is on",
    "off": "protección desactivada · protection is off",
    "paused": "protección en pausa · protection is paused",
}


@click.command("on")
@password_option
@json_option
@config_option
def on(*, password_stdin: bool, as_json: bool, config: Path | None) -> int:
    """Turn protection on."""
    return _set(SetProtection(state="on"), config, password_stdin=password_stdin, as_json=as_json)


@click.command("off")
@password_option
@json_option
@config_option
def off(*, password_stdin: bool, as_json: bool, config: Path | None) -> int:
    """Turn protection off, until it is turned on again."""
    return _set(SetProtection(state="off"), config, password_stdin=password_stdin, as_json=as_json)


@click.command("pause")
@click.argument("minutes", type=click.FloatRange(min=0, max=1440, min_open=True))
@password_option
@json_option
@config_option
def pause(minutes: float, *, password_stdin: bool, as_json: bool, config: Path | None) -> int:
    """Pause protection for MINUTES, a day at most; it comes back by itself."""
    body = SetProtection(state="paused", minutes=minutes)
    return _set(body, config, password_stdin=password_stdin, as_json=as_json)


@click.command("resume")
@password_option
@json_option
@config_option
def resume(*, password_stdin: bool, as_json: bool, config: Path | None) -> int:
    """End a pause."""
    return _set(SetProtection(state="on"), config, password_stdin=password_stdin, as_json=as_json)


def _set(body: SetProtection, config: Path | None, *, password_stdin: bool, as_json: bool) -> int:
    as_adult(config, lambda daemon: daemon.protect(body), password_stdin=password_stdin)
    minutes = f" ({body.minutes:g} min)" if body.minutes else ""
    sys.stdout.write(f'{{"protection": "{body.state}"}}\n' if as_json else f"{_SAID[body.state]}{minutes}\n")
    return 0
