# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd check` explains any verdict."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.filterd.commands.conftest import Run

FIELDS = {"input", "host", "action", "category", "categories", "rule", "list", "stage", "decree", "profile"}


def test_json_has_the_contract_s_fields(run: Run, config: Path) -> None:
    out = run("check", "--json", "--config", str(config), "https://www.bet365.com/x")
    told = json.loads(out.out)

    assert out.status == 0
    assert set(told) >= FIELDS
    assert told["host"] == "www.bet365.com"
    assert (told["action"], told["category"], told["rule"]) == ("block", "gambling", "bet365.com")
    assert (told["list"], told["stage"], told["decree"]) == ("shipped-gambling", "request", ["2.10"])
    assert told["profile"] == "child"


def test_what_nothing_knows_has_nulls(run: Run, config: Path) -> None:
    told = json.loads(run("check", "--json", "--config", str(config), "quokka-garden.example").out)

    assert told["action"] == "allow"
    assert told["category"] is told["rule"] is told["list"] is None
    assert told["categories"] == told["decree"] == []


def test_an_engine_is_rewritten(run: Run, config: Path) -> None:
    told = json.loads(run("check", "--json", "--config", str(config), "www.google.com.py").out)

    assert (told["action"], told["host_rewritten"]) == ("rewrite", "forcesafesearch.google.com")


def test_what_is_no_host_is_answered_as_such(run: Run, config: Path) -> None:
    out = run("check", "--json", "--config", str(config), "dos palabras")
    told = json.loads(out.out)

    assert out.status == 0
    assert told["action"] is None
    assert "dos palabras" in told["error"]


@pytest.mark.parametrize(
    ("language", "word"), [("es", "bloqueado"), ("gn", "ojejoko"), ("en", "blocked"), ("pt", "bloqueado")]
)
def test_people_are_told_in_their_language(run: Run, config: Path, language: str, word: str) -> None:
    out = run("check", "--config", str(config), "--language", language, "bet365.com").out

    assert word in out
    assert "bet365.com" in out


def test_without_a_choice_the_environment_s_language_is_spoken(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spanish = run("check", "--config", str(config), "bet365.com").out
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")

    assert "bloqueado" in spanish
    assert "blocked" in run("check", "--config", str(config), "bet365.com").out


def test_a_batch_is_answered_line_by_line_in_order(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["bet365.com", "", "example.org", "http://1572395042/", "BET365.com.", "x y"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\r\n".join(lines).encode())))
    out = run("check", "--batch", "-", "--config", str(config))
    told = [json.loads(line) for line in out.out.splitlines()]

    assert [entry["input"] for entry in told] == lines
    assert [entry["action"] for entry in told] == ["block", None, "allow", "allow", "block", None]
    assert told[3]["host"] == "93.184.216.34"


def test_another_profile_and_time_may_be_asked_for(run: Run, config: Path) -> None:
    config.write_text(
        config.read_text() + '[policy]\ntime_zone = "America/Asuncion"\n[profiles.aula]\n'
        'schedule = [{ days = "all", from = "21:00", to = "07:00" }]\n'
    )
    adult = json.loads(run("check", "--json", "--profile", "adult", "--config", str(config), "bet365.com").out)
    night = json.loads(
        run("check", "--json", "--profile", "aula", "--at", "2026-11-21T22:00", "--config", str(config), "a.org").out
    )

    assert (adult["action"], adult["category"]) == ("allow", "gambling")
    assert (night["action"], night["rule"]) == ("block", "all 21:00-07:00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--profile", "chidl", "a.org"), "unknown profile 'chidl'; did you mean 'child'?"),
        (("--at", "gestern", "a.org"), "'gestern' is no time"),
        ((), "name a host or URL"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run: Run, config: Path, arguments: tuple[str, ...], message: str) -> None:
    out = run("check", "--config", str(config), *arguments)

    assert out.status == 2
    assert message in out.err
    assert out.err.count("\n") == 1
