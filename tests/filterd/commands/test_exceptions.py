# SPDX-License-Identifier: GPL-3.0-or-later
"""White and black list on the command line, in force and in force for a while."""

from __future__ import annotations

import json
from pathlib import Path

from tests.filterd.commands.conftest import Run
from tests.filterd.control.fakes import PASSWORD, Control


def test_a_domain_is_allowed_and_denied(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    for command, domain in (("allow", "bad.example"), ("deny", "malo.example")):
        out = run(command, domain, "--password-stdin", "--config", str(served), stdin=PASSWORD)
        assert out.status == 0
    profile = control.house.settings.profiles["child"]

    assert profile.allow == ("juegos.example", "bad.example")
    assert profile.deny == ("malo.example",)
    assert out.out == "malo.example: block\n"


def test_for_a_while_writes_no_list(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    out = run(
        "allow", "bad.example", "--for", "15", "--closed-hours", "--json", "--password-stdin", "--config", str(served),
        stdin=PASSWORD,
    )  # fmt: skip
    (given,) = json.loads(out.out)

    assert (given["host"], given["left_s"], given["for_closed_hours"]) == ("bad.example", 900, True)
    assert control.house.settings.profiles["child"].allow == ("juegos.example",)


def test_an_entry_without_effect_is_told(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    out = run("allow", "open.example", "--password-stdin", "--config", str(served), stdin=PASSWORD)

    assert "it was open already" in out.out


def test_a_wrong_domain_is_one_line(run: Run, control: Control, served: Path) -> None:
    control.set_password()
    out = run("deny", "a b", "--password-stdin", "--config", str(served), stdin=PASSWORD)

    assert out.status == 1
    assert "'a b' is no host" in out.err
    assert out.err.count("\n") == 1


def test_closed_hours_go_with_a_time(run: Run, served: Path) -> None:
    assert run("allow", "a.example", "--closed-hours", "--config", str(served)).status == 2
    assert run("deny", "--config", str(served)).status == 2
