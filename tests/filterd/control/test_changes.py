# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings and exceptions: written, recorded, in force; or refused with nothing changed."""

from __future__ import annotations

import pytest

from filterd.control.calls import ApiError
from filterd.control.messages import AddException, Effect, Restore, SetSettings
from filterd.settings import ProfileSection
from filterd.settings_read import parse_settings
from tests.filterd.control.fakes import CONFIG, Control, run


def profile(control: Control, name: str = "child") -> ProfileSection:
    """The profile as it is now; a function, for a type checker takes an attribute to stay what it was."""
    return control.house.settings.profiles[name]


def add(control: Control, *domains: str, to: str = "deny", adult: bool = True) -> list[Effect]:
    body = AddException(domains=list(domains), to=to)  # type: ignore[arg-type]  # a literal
    return run(control.changes.add_exceptions(control.call(body, adult=adult))).effects


def test_a_domain_on_the_black_list_is_written_recorded_and_applied(control: Control) -> None:
    (effect,) = add(control, "Malo.Example.")
    settings = parse_settings(control.config.read_text(), name="f")

    assert effect == Effect(domain="malo.example", verdict="block")
    assert settings.profiles["child"].deny == ("malo.example",)
    assert settings.profiles["child"].allow == ("juegos.example",)
    assert "# ours" in control.config.read_text()
    assert control.recorded == ["deny-added"]
    assert control.applied == 1


def test_twice_is_once_and_many_are_one_change(control: Control) -> None:
    add(control, "a.example", "b.example", "A.example")
    add(control, "b.example", "c.example")

    assert profile(control).deny == ("a.example", "b.example", "c.example")
    assert control.applied == 2


def test_what_is_taken_off_is_gone(control: Control) -> None:
    body = AddException(domains=["Juegos.example"], to="allow")
    run(control.changes.remove_exceptions(control.call(body)))

    assert profile(control).allow == ()
    assert control.recorded == ["allow-removed"]


def test_an_entry_without_effect_says_why(control: Control) -> None:
    assert add(control, "open.example", to="allow")[0].note == "it was open already"
    assert add(control, "bad.example")[0].note == "it was blocked already"
    assert "black list too" in add(control, "bad.example", to="allow")[0].note
    assert add(control, "time.example")[0] == Effect(
        domain="time.example", verdict="allow", note="the machine needs this name"
    )
    control.house.closed = True
    assert "closed hours" in add(control, "x.example", to="allow")[0].note


def test_an_entry_with_effect_says_nothing(control: Control) -> None:
    assert add(control, "bad.example", to="allow") == [Effect(domain="bad.example", verdict="allow")]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["dns", "listn"], 3, "did you mean 'listen'?"),
        (["profiles", "child", "youtube"], "strikt", "did you mean 'strict'?"),
        (["dns"], 7, "f"),
        (["dns", "listen", "deeper"], 7, ""),
        ([], 7, "name the settings"),
    ],
)
def test_a_wrong_setting_changes_nothing(control: Control, path: list[str], value: object, said: str) -> None:
    with pytest.raises(ApiError) as error:
        run(control.changes.change(control.call(SetSettings(changes=[(path, value)]))))

    assert error.value.status == 422
    assert said in error.value.message
    assert control.config.read_text() == CONFIG
    assert control.recorded == []


def test_a_setting_is_changed_and_taken_out_again(control: Control) -> None:
    run(control.changes.change(control.call(SetSettings(changes=[(["profiles", "child", "youtube"], "off")]))))
    assert profile(control).youtube == "off"
    run(control.changes.change(control.call(SetSettings(changes=[(["profiles", "child", "youtube"], None)]))))

    assert profile(control).youtube is None
    assert control.recorded == ["settings-changed"] * 2


def test_without_a_session_nothing_changes_unless_the_adult_left_tightening_open(control: Control) -> None:
    with pytest.raises(ApiError) as error:
        add(control, "malo.example", adult=False)
    assert error.value.status == 401
    control.config.write_text(CONFIG + "[control]\ntighten_without_password = true\n")
    control._apply()

    assert add(control, "malo.example", adult=False)[0].verdict == "block"
    with pytest.raises(ApiError):
        add(control, "bueno.example", to="allow", adult=False)
    assert profile(control).allow == ("juegos.example",)


def test_an_unknown_profile_or_host_is_named(control: Control) -> None:
    with pytest.raises(ApiError, match="unknown profile 'ana': the profiles are adult, child"):
        run(control.changes.add_exceptions(control.call(AddException(domains=["a.b"], to="deny", profile="ana"))))
    with pytest.raises(ApiError, match="'a b' is no host"):
        add(control, "a b")


def test_settings_are_shown_with_their_text(control: Control) -> None:
    shown = run(control.changes.show(control.call()))

    assert shown.text == CONFIG
    assert list(shown.settings["dns"]["listen"]) == ["127.0.0.1:5399"]
    assert shown.writable


def test_an_export_restores_what_it_was_and_leaves_this_machine_s_folders_alone(control: Control) -> None:
    control.config.write_text(CONFIG + '[paths]\nstate = "/var/lib/x"\n')
    control._apply()
    saved = run(control.changes.export(control.call())).text
    assert parse_settings(saved, name="x").paths.state == ""
    add(control, "malo.example")
    body = Restore(text=saved)
    shown = run(control.changes.restore(control.call(body)))

    assert [(c.setting, c.before, c.after) for c in shown.changes] == [("profiles.child.deny", ["malo.example"], None)]
    assert not shown.done
    assert profile(control).deny == ("malo.example",)
    assert run(control.changes.restore(control.call(Restore(text=saved, dry_run=False)))).done
    assert profile(control).deny == ()
    assert control.house.settings.paths.state == "/var/lib/x"
    assert not run(control.changes.restore(control.call(body))).changes


@pytest.mark.parametrize("text", ["[", "[dsn]\n", "a = 1"])
def test_a_file_that_is_no_export_restores_nothing(control: Control, text: str) -> None:
    with pytest.raises(ApiError) as error:
        run(control.changes.restore(control.call(Restore(text=text, dry_run=False))))

    assert error.value.status == 422
    assert control.config.read_text() == CONFIG


def test_built_in_defaults_cannot_be_written(control: Control) -> None:
    control.changes.places = type(control.places)(None, control.places.standing)

    with pytest.raises(ApiError, match="--config FILE"):
        add(control, "a.example")
    assert not run(control.changes.show(control.call())).writable


def test_what_cannot_be_recorded_is_not_written(control: Control) -> None:
    (control.folder / "audit").write_text("in the way")
    with pytest.raises(ApiError) as error:
        add(control, "malo.example")

    assert error.value.status == 507
    assert control.config.read_text() == CONFIG


@pytest.mark.parametrize("suffix", ["com", "com.py", "COM.", "github.io", "anything.ck"])
def test_a_public_suffix_is_not_opened_but_may_be_closed(control: Control, suffix: str) -> None:
    with pytest.raises(ApiError, match="anybody may register a name below it") as refused:
        add(control, "open.example", suffix, to="allow")

    assert refused.value.status == 422
    assert control.recorded == []
    assert add(control, suffix)[0].verdict == "block"


def test_a_name_of_the_own_network_may_be_opened(control: Control) -> None:
    assert add(control, "impresora", to="allow")[0].verdict == "allow"
