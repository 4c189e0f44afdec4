# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd status`: the state of the running filter."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from filterd.commands.common import config_option, find_runtime, json_option, load
from filterd.control.client import DaemonUnreachable, fetch_status
from filterd.control.messages import Status
from filterd.settings_read import SettingsError


@click.command("status")
@json_option
@config_option
def command(*, as_json: bool, config: Path | None) -> int:
    """Show whether the filter runs, what it decided, how old its lists are, and what is wrong."""
    try:
        load(config)
    except SettingsError as error:  # the daemon goes on with what was in force: tell both
        click.echo(f"filterd: {error}", err=True)
    try:
        status = fetch_status(find_runtime(config))
    except DaemonUnreachable as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(status) + b"\n")
    else:
        show(status, Console())
    return 0


def show(status: Status, console: Console) -> None:
    """Print *status* for people."""
    until = f" until {status.until}" if status.until else ""
    console.print(f"filterd {status.version}: protection [bold]{status.protection}[/]{until}, since {status.started}")
    console.print(f"{status.queries} decisions, {status.blocked} blocked, {status.rewritten} sent to safe search")
    if status.blocked_by_category:
        table = Table("category", "blocked", box=None, padding=(0, 2))
        for category, count in status.blocked_by_category.items():
            table.add_row(category, str(count))
        console.print(table)
    _show_dns(status, console)
    table = Table("process", "state", "pid", "restarts", box=None, padding=(0, 2))
    for role in status.roles:
        table.add_row(role.name, role.state, str(role.pid), str(role.restarts))
    console.print(table)
    console.print(f"database: {status.database.names} names, built {status.database.built or 'never'}")
    for entry in status.lists:
        age = f"{entry.age_days:.1f} days old" if entry.age_days is not None else "never fetched"
        console.print(f"list {entry.id} ({entry.category}): {entry.entries} entries, {age}, {entry.state}")
    for problem in status.problems:
        console.print(f"[bold red]problem:[/] {escape(problem)}", highlight=False, soft_wrap=True)


def _show_dns(status: Status, console: Console) -> None:
    counted = status.dns
    if not counted.get("queries"):
        return
    ready = counted.get("ready", 0) + counted.get("cache_hits", 0)
    told = f"DNS: {counted['queries']} queries, {100 * ready / counted['queries']:.0f} % from memory"
    for name in ("limited", "refused", "malformed", "dropped", "errors"):
        told += f", {counted[name]} {name}" if counted.get(name) else ""
    console.print(told)
    for upstream in status.upstreams:
        state = "" if upstream.up else f" [bold red]down[/]: {escape(upstream.error)}"
        told = f"{upstream.asked} asked, {upstream.failed} failed, {upstream.mean_ms:.1f} ms{state}"
        console.print(f"  {escape(upstream.name)}: {told}", highlight=False)
