# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd categories`: what can be blocked, by which clause of the decree, and what is known of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from filterd.assembly import Assembly
from filterd.commands.common import assemble, config_option, json_option, user_language
from filterd.database.layout import Source
from filterd.policy.model import Category
from filterd.settings_read import nearest


@click.group("categories", invoke_without_command=True)
@json_option
@config_option
@click.pass_context
def command(context: click.Context, *, as_json: bool, config: Path | None) -> int:
    """List the categories (as `list`), or show one."""
    context.obj = (as_json, config)
    return list_categories(as_json, config) if context.invoked_subcommand is None else 0


@command.command("list")
@json_option
@config_option
@click.pass_obj
def list_command(outer: tuple[bool, Path | None], *, as_json: bool, config: Path | None) -> int:
    """List all categories."""
    return list_categories(as_json or outer[0], config or outer[1])


@command.command("show")
@click.argument("category", metavar="ID")
@json_option
@config_option
@click.pass_obj
def show_command(outer: tuple[bool, Path | None], category: str, *, as_json: bool, config: Path | None) -> int:
    """Show the category ID."""
    assembly = assemble(config or outer[1])
    known = assembly.shipped.catalogue.categories
    if category not in known:
        raise click.UsageError(f"unknown category {category!r}{nearest(category, known)}")
    told = describe(known[category], _sources(assembly))
    if as_json or outer[0]:
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    else:
        _show(told, user_language())
    return 0


def list_categories(as_json: bool, config: Path | None) -> int:
    """Print all categories."""
    assembly = assemble(config)
    sources = _sources(assembly)
    told = [describe(category, sources) for category in assembly.shipped.catalogue.categories.values()]
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
        return 0
    language = user_language()
    table = Table("id", "nombre" if language == "es" else "name", "art. 2", "blocked for", "names", box=None)
    for entry in told:
        bands = ", ".join(entry["blocked_for"]) or "–"
        table.add_row(
            entry["id"], entry["names"][language], ", ".join(entry["decree"]) or "–", bands, str(entry["size"])
        )
    Console().print(table)
    return 0


def describe(category: Category, sources: tuple[Source, ...]) -> dict[str, Any]:
    """Return what is known of *category*, with the *sources* of the compiled database that speak of it."""
    own = [source for source in sources if source.category == category.id]
    return {
        "id": category.id,
        "names": dict(category.names),
        "descriptions": dict(category.descriptions),
        "decree": list(category.decree),
        "optional": category.optional,
        "blocked_for": sorted(band.value for band in category.blocked_for),
        "test_name": category.test_name,
        "size": sum(source.rules for source in own),
        "sources": [
            {
                "list": source.list,
                "url": source.url,
                "licence": source.licence,
                "rules": source.rules,
                "date": source.date.isoformat() if source.date else None,
            }
            for source in own
        ],
    }


def _sources(assembly: Assembly) -> tuple[Source, ...]:
    return assembly.compilation.open()[0].sources


def _show(told: dict[str, Any], language: str) -> None:
    console = Console(highlight=False)
    console.print(f"[bold]{told['id']}[/] · {told['names'][language]}")
    console.print(told["descriptions"][language])
    decree = ", ".join(told["decree"]) or "outside the decree"
    console.print(f"art. 2: {decree} · blocked for: {', '.join(told['blocked_for']) or 'nobody by default'}")
    console.print(f"test name: {told['test_name']}")
    for source in told["sources"]:
        console.print(
            f"  {source['list']}: {source['rules']} names, {source['licence']}, {source['date'] or source['url']}"
        )
