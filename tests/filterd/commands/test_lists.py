# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions from the command line: added, fetched, judged, told, removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from filterd.lists.model import Meta, Part
from filterd.lists.store import Store
from filterd.policy.model import Rule
from filterd.settings_read import read_settings
from tests.filterd.commands.conftest import Run


def action(run: Run, config: Path, host: str) -> str:
    return str(json.loads(run("check", "--json", "--config", str(config), host).out)["action"])


def test_an_update_puts_a_list_in_force_and_tells_what_was_left_out(run: Run, config: Path) -> None:
    out = run("lists", "update", "--config", str(config))
    told = json.loads(run("lists", "status", "--json", "--config", str(config)).out)

    assert out.status == 0
    assert action(run, config, "www.quetzal.example") == "block"
    assert action(run, config, "mec.gov.py") == "allow"
    assert told[0]["entries"] == 1
    assert sum(told[0]["dropped"].values()) == 1
    assert "mec.gov.py" in str(told[0]["examples"])
    assert "mec.gov.py" in run("lists", "status", "--config", str(config)).out


def test_a_bad_list_is_refused_and_the_good_copy_stays(run: Run, config: Path, tmp_path: Path) -> None:
    run("lists", "update", "--config", str(config))
    (tmp_path / "names").write_text("<!doctype html><html><body>Not found</body></html>\n" * 20)
    out = run("lists", "update", "--config", str(config))

    assert out.status == 1
    assert out.err.startswith("filterd: list mine: ")
    assert out.err.count("\n") == 1
    assert action(run, config, "quetzal.example") == "block"
    assert "refused" in run("lists", "status", "--config", str(config)).out


def test_a_new_address_that_gives_nothing_takes_nothing_away(run: Run, config: Path, tmp_path: Path) -> None:
    run("lists", "update", "--config", str(config))
    config.write_text(config.read_text().replace("/names", "/absent"))
    out = run("lists", "update", "--config", str(config))

    assert out.status == 1
    assert action(run, config, "quetzal.example") == "block"


def test_a_copy_that_was_cut_is_fetched_anew(run: Run, config: Path, tmp_path: Path) -> None:
    run("lists", "update", "--config", str(config))
    [kept] = (tmp_path / "state" / "lists" / "mine").glob("*.zst")
    kept.write_bytes(kept.read_bytes()[:10])
    out = run("lists", "update", "--config", str(config))

    assert out.status == 0
    assert action(run, config, "quetzal.example") == "block"


def test_a_list_whose_record_is_damaged_stays_in_force_and_is_told(run: Run, config: Path, tmp_path: Path) -> None:
    run("lists", "update", "--config", str(config))
    (tmp_path / "state" / "lists" / "mine" / "meta.json").write_text("x")
    compiled = run("compile", "--config", str(config))
    still = action(run, config, "quetzal.example")
    mended = run("lists", "update", "--config", str(config))

    assert compiled.status == 1
    assert "meta.json: cannot be read" in compiled.err
    assert still == "block"
    assert mended.status == 0


def test_a_list_is_added_to_the_file_with_its_comments_kept(run: Run, config: Path, tmp_path: Path) -> None:
    config.write_text("# our house\n" + config.read_text())
    other = tmp_path / "other.txt"
    other.write_text("0.0.0.0 cerveza.example\n")
    out = run("lists", "add", "other", "--category", "alcohol", "--file", str(other), "--config", str(config))
    updated = run("lists", "update", "other", "--config", str(config))

    assert (out.status, updated.status) == (0, 0)
    assert config.read_text().startswith("# our house\n")
    assert read_settings(config).lists["other"].category == "alcohol"
    assert action(run, config, "cerveza.example") == "block"


def test_a_first_list_of_one_s_own_does_not_drop_the_defaults_in_use(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "filterd.toml"
    config.write_text(f'[paths]\nstate = "{tmp_path}/state"\n')
    store = Store(tmp_path / "state" / "lists")
    with store.new_file("ut1", "gambling") as (name, writer):
        writer.write([Rule("quetzal.example")])
    store.write_meta(Meta("ut1", "https://x.example/", "all", parts=(Part("gambling", "gambling", name, 1),)))
    run("lists", "add", "mine", "--category", "drugs", "--url", "https://m.example/", "--config", str(config))

    assert set(read_settings(config).lists) == {"mine", "ut1"}
    assert action(run, config, "quetzal.example") == "block"


def test_a_removed_list_is_no_longer_in_force(run: Run, config: Path) -> None:
    run("lists", "update", "--config", str(config))
    out = run("lists", "remove", "mine", "--config", str(config))

    assert out.status == 0
    assert action(run, config, "quetzal.example") == "allow"
    assert "mine" not in read_settings(config).lists


def test_a_configuration_is_made_where_there_is_none(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    out = run("lists", "add", "x", "--category", "drugs", "--url", "https://x.example/l", "--config", str(path))

    assert out.status == 0
    assert read_settings(path).lists["x"].url == "https://x.example/l"
    assert "# upstreams = " in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("add", "x", "--category", "gamblin", "--url", "https://x.example/"), 2, "did you mean 'gambling'?"),
        (("add", "x", "--category", "gambling"), 2, "give one of --url and --file"),
        (("add", "x", "--category", "gambling", "--url", "gopher://x"), 1, "no https:, http: or file: URL"),
        (("add", "../x", "--category", "gambling", "--url", "https://x.example/"), 1, "an id has"),
        (("add", "x", "--category", "gambling", "--file", "/absent"), 2, "does not exist"),
        (("remove", "mien"), 1, "did you mean 'mine'?"),
        (("update", "mien"), 2, "did you mean 'mine'?"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    run: Run, config: Path, arguments: tuple[str, ...], status: int, message: str
) -> None:
    before = config.read_text()
    out = run("lists", *arguments, "--config", str(config))

    assert out.status == status
    assert message in out.err
    assert out.err.count("\n") == 1
    assert config.read_text() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for another account")
def test_what_root_fetches_belongs_to_the_daemon_s_account(run: Run, config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 65534, 65534)
    run("lists", "update", "--config", str(config))
    run("compile", "--config", str(config))

    assert {path.stat().st_uid for path in state.rglob("*")} == {65534}
