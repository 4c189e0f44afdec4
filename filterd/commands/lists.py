# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd lists`: subscriptions to lists of names."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console

from filterd import paths
from filterd.assembly import Assembly
from filterd.commands.adult import as_adult, password_option
from filterd.commands.common import assemble, config_option, find_runtime, hand_over, json_option
from filterd.commands.list_progress import Bars
from filterd.control.client import Daemon, DaemonUnreachable, Refused
from filterd.control.messages import ListStatus
from filterd.control.service import list_status
from filterd.database.layout import DatabaseError
from filterd.list_updates import updater
from filterd.lists.model import ALL_CATEGORIES, ListError, Outcome, Subscription, UpdateResult
from filterd.policy.model import GUARD_SITE
from filterd.policy.rules import Format
from filterd.settings_file import set_values, write_atomically
from filterd.settings_read import nearest

_FORMATS = [str(known) for known in Format]


@click.group("lists")
def command() -> None:
    """Subscribe to lists of names, update them, see their state."""


@command.command("add")
@click.argument("list_id", metavar="ID")
@click.option(
    "--category", required=True, help="What its names are (see `filterd categories`); all: a tree says so itself."
)
@click.option("--url", help="Where it is: https:, http: or file:.")
@click.option(
    "--file", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file on this machine."
)
@click.option("--format", "written_in", type=click.Choice(_FORMATS), default="auto", show_default=True)
@password_option
@config_option
def add(
    list_id: str, category: str, url: str | None, file: Path | None, written_in: str, *,
    password_stdin: bool, config: Path | None,
) -> int:  # fmt: skip
    """Subscribe to the list at --url or in --file under the name ID; it is fetched by `filterd lists update`."""
    if (url is None) == (file is None):
        raise click.UsageError("give one of --url and --file")
    address = url if url is not None else file.absolute().as_uri() if file else ""
    path = _writable(config)
    assembly = assemble(path if path.is_file() else None)
    known = assembly.shipped.catalogue.categories
    if category not in (*known, ALL_CATEGORIES, GUARD_SITE):
        raise click.UsageError(f"unknown category {category!r}{nearest(category, [*known, ALL_CATEGORIES])}")
    if list_id in assembly.settings.lists:
        raise click.ClickException(
            f"{path}: there is a list {list_id!r} already; remove it first, or choose another name"
        )
    entry = {"category": category, "url": address} | ({} if written_in == "auto" else {"format": written_in})
    changes: dict[tuple[str, ...], object] = {("lists", list_id): entry}
    changes |= _defaults_in_force(assembly)
    _change(path, changes, config, password_stdin=password_stdin)
    sys.stdout.write(f"{path}: list {list_id} added; fetch it with: filterd lists update {list_id}{_again(config)}\n")
    return 0


def _defaults_in_force(assembly: Assembly) -> dict[tuple[str, ...], object]:
    """Return the default lists that are in use, to be written out: a first list of one's own must not drop them."""
    if assembly.settings.lists:
        return {}
    return {
        ("lists", default.id): {"category": default.category, "url": default.url, "format": str(default.format)}
        for default in assembly.subscriptions()
        if (meta := assembly.lists.read_meta(default.id)) and meta.parts
    }


@command.command("remove")
@click.argument("list_id", metavar="ID")
@password_option
@config_option
def remove(list_id: str, *, password_stdin: bool, config: Path | None) -> int:
    """Unsubscribe from the list ID and forget its copy."""
    path = _writable(config)
    assembly = assemble(path if path.is_file() else None)
    if list_id not in assembly.settings.lists:
        raise click.ClickException(f"{path}: no list {list_id!r}{nearest(list_id, assembly.settings.lists)}")
    _change(path, {("lists", list_id): None}, config, password_stdin=password_stdin)
    assembly.lists.remove(list_id)
    sys.stdout.write(f"{path}: list {list_id} removed\n")
    assemble(path).compilation.compile()
    return 0


@command.command("update")
@click.argument("ids", metavar="[ID…]", nargs=-1)
@click.option("--accept-shrunk", is_flag=True, help="Take a list that lost more than half of its names.")
@click.option("--quiet", is_flag=True, help="Print problems only.")
@json_option
@config_option
def update(ids: tuple[str, ...], *, accept_shrunk: bool, quiet: bool, as_json: bool, config: Path | None) -> int:
    """Fetch the lists (or those named), judge them, and put what is good in force.

    With no list in the configuration the defaults of the program are subscribed.
    """
    assembly = assemble(config)
    wanted = _choose(assembly, ids)
    with Bars(enabled=not (quiet or as_json)) as bars, updater(assembly, bars) as updates:
        results = updates.update(wanted, accept_shrunk=accept_shrunk)
    problem = _put_in_force(assembly)
    hand_over(assembly.state)
    if as_json:
        told = [_describe(result) for result in results]
        sys.stdout.buffer.write(msgspec.json.encode({"lists": told, "problem": problem}) + b"\n")
    else:
        _report(results, quiet=quiet)
    if problem:
        click.echo(f"filterd: {problem}", err=True)
    bad = [result for result in results if result.outcome in (Outcome.FAILED, Outcome.REFUSED)]
    return 1 if bad or problem else 0


@command.command("status")
@json_option
@config_option
def status(*, as_json: bool, config: Path | None) -> int:
    """Show each list: its age, its size, what was refused of it and why."""
    assembly = assemble(config)
    now = datetime.now(UTC)
    found = [list_status(meta, now) for meta in assembly.list_states()]
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        return 0
    console = Console(highlight=False, soft_wrap=True, markup=False)
    if not found:
        console.print("no lists: run `filterd lists update` to subscribe to the defaults")
    for entry in found:
        _show(entry, console)
    return 0


def _choose(assembly: Assembly, ids: tuple[str, ...]) -> list[Subscription]:
    known = {subscription.id: subscription for subscription in assembly.subscriptions()}
    for list_id in ids:
        if list_id not in known:
            raise click.UsageError(f"no list {list_id!r}{nearest(list_id, known)}")
    return [known[list_id] for list_id in ids] if ids else list(known.values())


def _put_in_force(assembly: Assembly) -> str:
    """Compile if anything changed; return what went wrong."""
    try:
        if not assembly.compilation.is_current():
            assembly.compilation.compile()
    except (DatabaseError, ListError) as error:
        return str(error)
    return ""


def _report(results: Sequence[UpdateResult], *, quiet: bool) -> None:
    now = datetime.now(UTC)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for result in results:
        if result.error:
            click.echo(f"filterd: list {result.id}: {result.error}", err=True)
        if not quiet:
            console.print(f"{result.id}: {result.outcome}")
            _show(list_status(result.meta, now), console, indent="  ")


def _describe(result: UpdateResult) -> dict[str, object]:
    told = msgspec.to_builtins(list_status(result.meta, datetime.now(UTC)))
    return {**told, "outcome": str(result.outcome), "error": result.error}


def _show(entry: ListStatus, console: Console, indent: str = "") -> None:
    age = f"{entry.age_days:.1f} days old" if entry.age_days is not None else "never fetched"
    doubt = ", doubtful: it names sites that must stay open" if entry.doubtful else ""
    console.print(f"{indent}{entry.id} ({entry.category}): {entry.entries} entries, {age}, {entry.state}{doubt}")
    console.print(f"{indent}  from {entry.source}")
    if entry.refused:
        console.print(f"{indent}  refused: {entry.refused}")
    for reason, count in entry.dropped.items():
        examples = ", ".join(entry.examples.get(reason, [])[:6])
        console.print(f"{indent}  left out: {count} × {reason}: {examples}{' …' if count > 6 else ''}")


def _writable(config: Path | None) -> Path:
    """Return the configuration file that a change goes to."""
    path = config or paths.default_config() or (paths.SYSTEM_CONFIG if os.geteuid() == 0 else None)
    if path is None:
        raise click.UsageError("there is no configuration file to change: name one with --config")
    return path


def _change(path: Path, changes: dict[tuple[str, ...], object], config: Path | None, *, password_stdin: bool) -> None:
    """Make *changes*: by the daemon where one runs under a password, else in the file itself."""
    if _has_password(config):
        asked = [(list(setting), value) for setting, value in changes.items()]
        as_adult(config, lambda daemon: daemon.change_settings(asked), password_stdin=password_stdin)
        return
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    write_atomically(path, set_values(text, changes, name=str(path)))


def _has_password(config: Path | None) -> bool:
    try:
        return Daemon(find_runtime(config)).me().password_set
    except (DaemonUnreachable, Refused):
        return False


def _again(config: Path | None) -> str:
    return f" --config {config}" if config else ""
