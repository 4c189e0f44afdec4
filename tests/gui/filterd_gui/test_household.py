# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile comes to what it says itself, else to what its age recommends."""

from __future__ import annotations

from typing import Any

from pytestqt.qtbot import QtBot

from filterd.control.messages import SettingsText
from filterd_gui.daemon_link import nothing
from filterd_gui.household import Household, intended
from filterd_gui.language import speak
from tests.gui.fake_daemon import FakeDaemon


def test_the_three_ages_are_always_there_and_own_ones_follow(home: Household, daemon: FakeDaemon) -> None:
    home.settings = {"profiles": {"abuela": {"preset": "adult"}, "child": {}}}

    assert home.profiles() == ["child", "adolescent", "adult", "abuela"]
    assert home.preset_of("abuela") == "adult"
    assert home.preset_of("unknown") == "child"


def test_what_a_profile_does_not_say_comes_from_its_age(home: Household) -> None:
    home.settings = {"profiles": {"child": {"youtube": "off", "blocked_categories": ["social"]}}}

    assert home.value("child", "youtube") == "off"
    assert home.value("adolescent", "youtube") == "moderate"
    assert home.blocked("child") == {"social"}
    assert home.blocked("adult") == {"malware"}
    assert home.blocked("adolescent") == {"gambling", "pornography", "malware"}


def test_categories_have_names_in_the_language_spoken(home: Household) -> None:
    speak("es")

    assert home.category("gambling") == "Apuestas y juegos de azar"
    assert home.category("new-one") == "new-one"
    assert home.category(None) == ""


def test_without_a_session_only_the_categories_come(house: Household, daemon: FakeDaemon, qtbot: QtBot) -> None:
    house.load()
    qtbot.waitUntil(lambda: bool(house.categories))

    assert not house.settings
    assert not daemon.called("GET", "/v1/settings")


def test_a_change_is_asked_for_and_known_afterwards(home: Household, daemon: FakeDaemon, qtbot: QtBot) -> None:
    home.change([(["profiles", "adult", "youtube"], "strict")], nothing, print)
    qtbot.waitUntil(lambda: home.value("adult", "youtube") == "strict")

    assert daemon.settings["profiles"]["adult"] == {"youtube": "strict"}


def test_a_change_that_was_refused_is_shown_as_it_is(home: Household, daemon: FakeDaemon, qtbot: QtBot) -> None:
    home.link.unlock_wanted.connect(lambda _opened, given_up: given_up())
    daemon.token = "another"
    failures: list[Any] = []
    with qtbot.waitSignal(home.changed):
        home.change([(["profiles", "adult", "youtube"], "strict")], nothing, failures.append)

    assert failures


def test_the_file_is_believed_before_it_is_in_force() -> None:
    in_force: dict[str, Any] = {
        "profiles": {"child": {"deny": []}},
        "clients": [{"user": "a"}],
        "control": {"session_minutes": 10},
    }
    text = '[profiles.child]\ndeny = ["x.example"]\n[control]\ntighten_without_password = true\n'

    assert intended(SettingsText(text=text, settings=in_force)) == {
        "profiles": {"child": {"deny": ["x.example"]}},
        "clients": [],
        "lists": {},
        "control": {"session_minutes": 10, "tighten_without_password": True},
    }


def test_a_file_in_the_middle_of_an_edit_or_none_is_no_harm() -> None:
    in_force: dict[str, Any] = {"profiles": {"child": {}}}

    assert intended(SettingsText(text="[profiles", settings=in_force)) == in_force
    assert intended(SettingsText(text="", settings=in_force)) == in_force
