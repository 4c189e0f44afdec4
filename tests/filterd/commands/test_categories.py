# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd categories` tells what can be blocked and what is known of it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.filterd.commands.conftest import Run


def test_the_list_for_machines_has_names_decree_items_sizes_and_sources(run: Run, config: Path) -> None:
    told = {
        entry["id"]: entry for entry in json.loads(run("categories", "list", "--json", "--config", str(config)).out)
    }

    assert set(told["gambling"]["names"]) == {"es", "gn", "en", "pt"}
    assert told["gambling"]["decree"] == ["2.10"]
    assert told["gambling"]["size"] > 100
    assert told["gambling"]["sources"][0]["list"] == "shipped-gambling"
    assert told["social"]["optional"]
    assert len(told) == 26


def test_the_list_for_people_names_each_in_their_language(run: Run, config: Path) -> None:
    out = run("categories", "--config", str(config)).out

    assert "Apuestas" in out
    assert "gambling" in out


def test_one_is_shown_with_its_description_and_lists(run: Run, config: Path) -> None:
    run("lists", "update", "--config", str(config))
    out = run("categories", "show", "gambling", "--config", str(config)).out

    assert "gambling.prueba.home.arpa" in out
    assert "mine: 1 names" in out


def test_a_wrong_name_is_told_with_the_nearest(run: Run, config: Path) -> None:
    out = run("categories", "show", "gamblin", "--config", str(config))

    assert out.status == 2
    assert "did you mean 'gambling'?" in out.err
