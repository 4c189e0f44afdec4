# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd doctor`: finds what is wrong, and says what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from filterd.commands.common import config_option, json_option, user_language
from filterd.doctor import Finding, Level, examine

_MARKS = {Level.OK: "✓", Level.NOTE: "·", Level.PROBLEM: "✗"}


@click.command("doctor")
@json_option
@config_option
def command(*, as_json: bool, config: Path | None) -> int:
    """Look for what is wrong with the set-up or open to a curious child; exit status 1 where something is."""
    found = examine(config)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        sys.stdout.flush()
    else:
        english = user_language() == "en"
        for finding in found:
            sys.stdout.write(_tell(finding, english=english))
    return 1 if any(finding.level is Level.PROBLEM for finding in found) else 0


def _tell(finding: Finding, *, english: bool) -> str:
    text, way = (finding.en, finding.do_en) if english else (finding.es, finding.do_es)
    return f"{_MARKS[finding.level]} {text}\n" + (f"    → {way}\n" if way else "")
