# SPDX-License-Identifier: GPL-3.0-or-later
"""What the adult says for now: written, recorded, and over when it is over."""

from __future__ import annotations

from typing import Any

import pytest

from filterd.control.calls import ApiError
from filterd.control.messages import Permit, SetProtection
from tests.filterd.control.fakes import CONFIG, Control, run


def protect(control: Control, state: str, minutes: float | None = None, *, adult: bool = True) -> None:
    body = SetProtection(state=state, minutes=minutes)  # type: ignore[arg-type]  # a literal
    run(control.permissions.set_protection(control.call(body, adult=adult)))


def permit(control: Control, host: str = "bad.example", **more: object) -> str:
    body = Permit(host=host, **more)  # type: ignore[arg-type]  # fields by name
    return run(control.permissions.permit(control.call(body))).id


def test_protection_goes_off_and_on(control: Control) -> None:
    protect(control, "off")
    assert not control.standing.on
    protect(control, "on")

    assert control.standing.on
    assert control.recorded == ["protection-off", "protection-on"]
    assert control.applied == 2


def test_a_pause_ends_by_itself(control: Control) -> None:
    protect(control, "paused", 15)

    assert not control.standing.protection().covers(control.now)
    control.wait(15 * 60)
    assert control.standing.protection().covers(control.now)
    with pytest.raises(ApiError, match="how many minutes"):
        protect(control, "paused")


@pytest.mark.parametrize("state", ["off", "paused", "on"])
def test_it_is_the_adult_s_alone(control: Control, state: str) -> None:
    with pytest.raises(ApiError) as error:
        protect(control, state, 5 if state == "paused" else None, adult=False)

    assert error.value.status == 401
    assert control.recorded == []


def test_turning_on_may_be_left_open(control: Control) -> None:
    protect(control, "off")
    control.config.write_text(CONFIG + "[control]\ntighten_without_password = true\n")
    control._apply()
    protect(control, "on", adult=False)

    assert control.standing.on


def test_a_permission_runs_for_its_minutes(control: Control) -> None:
    permit(control, "Bad.example", minutes=15)
    (running,) = run(control.permissions.running(control.call()))

    assert (running.host, running.profile, running.left_s) == ("bad.example", "child", 900)
    assert control.recorded == ["permission-given"]
    control.wait(900)
    assert run(control.permissions.running(control.call())) == []


def test_until_tomorrow_is_midnight_where_the_family_lives(control: Control) -> None:
    permit(control, until_tomorrow=True)

    assert control.standing.permissions[0].until - control.now.timestamp() == 4.5 * 3600


@pytest.mark.parametrize("wrong", [{}, {"minutes": 5, "until_tomorrow": True}])
def test_a_permission_says_how_long(control: Control, wrong: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="how many minutes"):
        permit(control, **wrong)


def test_a_second_one_for_the_same_host_takes_the_place_of_the_first(control: Control) -> None:
    permit(control, minutes=60)
    permit(control, minutes=5)

    assert [p.until - control.now.timestamp() for p in control.standing.permissions] == [300]


def test_one_can_be_revoked(control: Control) -> None:
    given = permit(control, minutes=60)
    run(control.permissions.revoke(control.call(id=given)))

    assert control.standing.permissions == ()
    assert control.recorded == ["permission-given", "permission-revoked"]
    with pytest.raises(ApiError, match="no permission"):
        run(control.permissions.revoke(control.call(id=given)))


def test_a_full_disk_is_said(control: Control) -> None:
    control.places.standing.mkdir(parents=True)
    (control.places.standing / "x").touch()
    with pytest.raises(ApiError) as error:
        protect(control, "off")

    assert error.value.status == 507
    assert control.applied == 0


@pytest.mark.parametrize("state", ["off", "on"])
def test_minutes_without_a_pause_are_refused(control: Control, state: str) -> None:
    with pytest.raises(ApiError, match="minutes go with a pause alone") as refused:
        protect(control, state, 5)

    assert refused.value.status == 422
    assert control.recorded == []


def test_no_permission_opens_a_public_suffix(control: Control) -> None:
    with pytest.raises(ApiError, match=r"com\.py: anybody may register"):
        permit(control, "com.py", minutes=5)
