# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd compile`: the category database built from categories and lists."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from filterd.commands.common import assemble, config_option, hand_over


@click.command("compile")
@click.option("--if-needed", is_flag=True, help="Only if categories or lists changed since the last time.")
@config_option
def command(*, if_needed: bool, config: Path | None) -> int:
    """Build the category database. A running filter takes it up by itself."""
    assembly = assemble(config)
    compilation = assembly.compilation
    if if_needed and compilation.is_current():
        sys.stdout.write(f"{compilation.folder}: up to date\n")
        return 0
    started = time.monotonic()
    report = compilation.compile()
    hand_over(assembly.state)
    sys.stdout.write(
        f"{compilation.folder}: {report.names} names of {len(report.sources)} lists, {report.size / 1e6:.1f} MB, "
        f"in {time.monotonic() - started:.1f} s\n"
    )
    return 0
