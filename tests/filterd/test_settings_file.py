# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemon writes back keeps what people wrote and says what else there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from filterd.settings import Dns
from filterd.settings_file import options, set_values, write_atomically
from filterd.settings_read import SettingsError, parse_settings

OWN = '# our house\n[dns]\n# the router\nlisten = ["127.0.0.1:53"] # why\n\n[profiles.child]\nallow = ["a.com"]\n'
ADDED = {("lists", "x"): {"category": "gambling", "url": "file:///x"}, ("profiles", "child", "deny"): ["b.com"]}


def test_a_change_keeps_comments_and_the_other_settings() -> None:
    text = set_values(OWN, ADDED, name="f.toml")
    settings = parse_settings(text, name="f.toml")

    assert settings.dns.listen == ("127.0.0.1:53",)
    assert settings.profiles["child"].allow == ("a.com",)
    assert settings.profiles["child"].deny == ("b.com",)
    assert settings.lists["x"].category == "gambling"
    assert all(comment in text for comment in ("# our house", "# the router", "# why"))


def test_every_setting_stands_there_with_help_and_default() -> None:
    text = set_values("", {}, name="f.toml")

    for name, default, _, help_text in options(Dns):
        assert f"# {name} = {default}    # {help_text}" in text


def test_any_line_may_have_its_mark_taken_away() -> None:
    text = set_values("[profiles.anna]\n[lists.x]\ncategory = 'gambling'\nurl = 'file:///x'\n", {}, name="f.toml")
    uncommented = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)

    assert parse_settings(uncommented, name="f.toml").profiles["anna"].preset == "child"


def test_writing_twice_adds_nothing() -> None:
    once = set_values(OWN, ADDED, name="f.toml")

    assert set_values(once, {}, name="f.toml") == once


def test_a_setting_is_taken_out_again() -> None:
    text = set_values(set_values("", ADDED, name="f"), {("lists", "x"): None, ("lists", "y"): None}, name="f")

    assert parse_settings(text, name="f").lists == {}


def test_a_wrong_value_is_refused_before_anything_is_written() -> None:
    with pytest.raises(SettingsError, match="no host name"):
        set_values(OWN, {("profiles", "child", "deny"): ["b com"]}, name="f.toml")


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "filterd.toml"
    write_atomically(path, "a = 1\n")
    path.chmod(0o600)
    write_atomically(path, "a = 2\n")

    assert path.read_text() == "a = 2\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["filterd.toml"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "filterd.toml", "a = 1\n")
