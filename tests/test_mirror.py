# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module has a test of its own name, and no test outlives its module."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("filterd", "gui")  # installer joins here with its first module

# A module without behaviour of its own, or whose behaviour only shows from outside: it names the test that shows it.
SHOWN_ELSEWHERE = {
    "filterd/__main__.py": "tests/filterd/test_cli.py",
    "filterd/policy/model.py": "tests/filterd/policy/test_policy.py",
    "filterd/control/messages.py": "tests/filterd/control/test_api.py",
    "filterd/control/desk.py": "tests/filterd/control/test_changes.py",
    "filterd/commands/common.py": "tests/filterd/test_cli.py",
    "filterd/commands/role.py": "tests/e2e/test_daemon.py",
    "filterd/commands/run.py": "tests/e2e/test_daemon.py",
    "filterd/roles/base.py": "tests/e2e/test_daemon.py",
    "filterd/roles/control.py": "tests/e2e/test_daemon.py",
    "filterd/roles/dns.py": "tests/e2e/test_daemon.py",
    "filterd/roles/dns_parts.py": "tests/e2e/test_resolver.py",
    "filterd/activity/query.py": "tests/filterd/activity/test_store.py",
    "filterd/roles/proxy.py": "tests/e2e/test_daemon.py",
    "filterd/roles/proxy_parts.py": "tests/e2e/test_inspection.py",
}

MODULES = [
    path.relative_to(ROOT)
    for part in PARTS
    for path in sorted((ROOT / part).rglob("*.py"))
    if path.name != "__init__.py"
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_a_test_of_its_own_name(module: Path) -> None:
    expected = SHOWN_ELSEWHERE.get(str(module)) or Path("tests") / module.parent / f"test_{module.name}"

    assert (ROOT / expected).is_file(), f"{module} has no {expected}"


def test_every_exception_to_the_mirror_still_stands_for_a_module() -> None:
    assert [name for name in SHOWN_ELSEWHERE if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("test", sorted((ROOT / "tests" / "filterd").rglob("test_*.py")), ids=lambda p: p.name)
def test_a_test_still_has_its_module(test: Path) -> None:
    module = test.relative_to(ROOT / "tests").with_name(test.name.removeprefix("test_"))

    assert (ROOT / module).is_file() or (ROOT / module.with_suffix("")).is_dir(), f"{test} tests nothing that is there"
