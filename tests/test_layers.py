# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom (docs/architecture.md), read off the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "filterd").rglob("*.py"))
PANEL = sorted((ROOT / "gui" / "filterd_gui").rglob("*.py"))

# Leaves that any part may use: plain declarations without behaviour of their own.
LEAVES = {"filterd", "filterd.paths", "filterd.wording"}
SETTINGS = {"filterd.settings", "filterd.settings_read", "filterd.settings_file"}

ALLOWED: dict[str, set[str]] = {
    "filterd.policy": {"filterd.policy"},
    "filterd.paths": set(),
    "filterd.wording": {"filterd.policy.model"},
    "filterd.settings": {"filterd.policy"},
    "filterd.settings_read": {"filterd.policy", "filterd.settings"},
    "filterd.settings_file": {"filterd.policy", "filterd.settings", "filterd.settings_read"},
    "filterd.settings_docs": {"filterd.settings", "filterd.settings_file"},
    "filterd.catalogue": {"filterd.policy"},
    "filterd.sockets": SETTINGS,
    "filterd.standing": {"filterd.policy"},
    "filterd.database": {"filterd.policy", "filterd.database"},
    "filterd.lists": {"filterd.policy", "filterd.lists"},
    "filterd.dns": {"filterd.policy", "filterd.dns"},
    "filterd.proxy": {"filterd.policy", "filterd.proxy", "filterd.wording"},
    "filterd.activity": {"filterd.policy", "filterd.activity"},
    "filterd.control": {
        "filterd.policy", "filterd.database", "filterd.lists", "filterd.activity", "filterd.control",
        "filterd.standing", *SETTINGS,
    },
}  # fmt: skip
COMPOSITION = ("filterd.assembly", "filterd.edges", "filterd.compilation", "filterd.list_updates", "filterd.shipped")
EVERYTHING = (
    *COMPOSITION,
    "filterd.cli",
    "filterd.__main__",
    "filterd.commands",
    "filterd.doctor",
    "filterd.roles",
    "filterd.supervisor",
)

# What the pure core may take from outside: values, no I/O, no clock.
PURE = {
    "__future__", "ahocorasick", "base64", "bisect", "collections", "dataclasses", "datetime", "enum", "fnmatch",
    "functools", "heapq", "idna", "ipaddress", "itertools", "math", "operator", "re", "string", "typing", "unicodedata",
    "urllib", "zoneinfo",
}  # fmt: skip


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def lies_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def layer_of(name: str) -> str | None:
    return max((key for key in ALLOWED if lies_in(name, key)), key=len, default=None)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    name = module_name(path)
    layer = layer_of(name)
    if layer is None:
        assert name == "filterd" or any(lies_in(name, part) for part in EVERYTHING), (
            f"{name} has no layer: name it here"
        )
        return
    allowed = ALLOWED[layer] | LEAVES
    ours = [found for found in imports(path) if lies_in(found, "filterd")]
    wrong = [
        found for found in ours if found not in LEAVES and not any(lies_in(found, part) for part in allowed - LEAVES)
    ]

    assert wrong == []


@pytest.mark.parametrize("path", [p for p in SOURCES if "policy" in p.parts], ids=module_name)
def test_the_policy_is_pure(path: Path) -> None:
    outside = {found.partition(".")[0] for found in imports(path)} - {"filterd"}

    assert outside <= PURE


@pytest.mark.parametrize("path", PANEL, ids=lambda path: str(path.relative_to(ROOT / "gui")))
def test_the_panel_knows_the_daemon_by_its_messages_only(path: Path) -> None:
    allowed = {"filterd.control.client", "filterd.control.messages", "filterd.paths"}
    found = set(imports(path))

    assert {name for name in found if lies_in(name, "filterd")} <= allowed
    assert path.name == "daemon_link.py" or "PyQt6.QtNetwork" not in found


def test_the_daemon_does_not_know_the_panel() -> None:
    knowing = [path for path in SOURCES for name in imports(path) if name.partition(".")[0] in ("filterd_gui", "PyQt6")]

    assert knowing == []


def test_the_law_would_see_a_wrong_import(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import socket\nfrom filterd.dns.wire import parse\n")

    assert set(imports(wrong)) == {"socket", "filterd.dns.wire"}
    assert not any(lies_in("filterd.dns.wire", part) for part in ALLOWED["filterd.proxy"])
    assert "socket" not in PURE
