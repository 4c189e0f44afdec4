# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd export settings` and `filterd restore FILE`: all settings in one file."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from filterd.commands.adult import as_adult, password_option
from filterd.commands.common import config_option, json_option


@click.group("export")
def export() -> None:
    """Write what this installation holds, for another one."""


@export.command("settings")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Else standard output.")
@password_option
@config_option
def settings(*, out: Path | None, password_stdin: bool, config: Path | None) -> int:
    """Write all settings as TOML; neither password nor activity is among them."""
    text = as_adult(config, lambda daemon: daemon.export(), password_stdin=password_stdin).text
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
    return 0


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@password_option
@json_option
@config_option
def restore(file: Path, *, dry_run: bool, password_stdin: bool, as_json: bool, config: Path | None) -> int:
    """Take over the settings in FILE, as `filterd export settings` wrote it."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file}: not UTF-8 text: this is no export") from error
    done = as_adult(config, lambda daemon: daemon.restore(text, dry_run=dry_run), password_stdin=password_stdin)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
        return 0
    for change in done.changes:
        before, after = (msgspec.json.encode(value).decode() for value in (change.before, change.after))
        sys.stdout.write(f"{change.setting}: {before} → {after}\n")
    sys.stdout.write("nada cambia · nothing changes\n" if not done.changes else "")
    return 0
