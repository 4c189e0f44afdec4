# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in: the adult, and nobody else, at a growing price."""

from __future__ import annotations

import asyncio

import pyotp
import pytest

from filterd.control.calls import ApiError
from filterd.control.messages import FirstPassword, OpenSession, Unlock
from filterd.control.rows import rows
from tests.filterd.control.fakes import PASSWORD, Control, run


@pytest.mark.parametrize("uid", [0, 990])
def test_root_and_the_daemon_s_account_set_the_first_password(control: Control, uid: int) -> None:
    answer = run(control.gate.set_first_password(control.call(FirstPassword(password=PASSWORD), uid=uid, adult=False)))

    assert len(answer.recovery_code) == 29
    assert control.auth.check_password(PASSWORD)
    assert control.recorded == ["password-set"]


def test_nobody_else_does_and_none_is_set_twice(control: Control) -> None:
    with pytest.raises(ApiError) as error:
        run(control.gate.set_first_password(control.call(FirstPassword(password=PASSWORD), uid=1001, adult=False)))
    assert error.value.status == 403
    control.set_password()
    with pytest.raises(ApiError) as error:
        run(control.gate.set_first_password(control.call(FirstPassword(password="otra cosa"), uid=0, adult=False)))

    assert error.value.status == 409
    assert control.auth.check_password(PASSWORD)


def test_the_password_opens_a_session_for_its_account(control: Control) -> None:
    control.set_password()
    session = control.try_password(PASSWORD)
    me = run(control.gate.who_am_i(control.call(uid=1000)))

    assert control.gate.is_adult(session.token, control.call(uid=1000).peer)
    assert not control.gate.is_adult(session.token, control.call(uid=1001).peer)
    assert not control.gate.is_adult("", control.call(uid=1000).peer)
    assert (me.uid, me.profile, me.password_set) == (1000, "adult", True)
    run(control.gate.end_session(control.call(uid=1000)))


def test_a_wrong_one_is_recorded_and_costs_a_wait(control: Control) -> None:
    control.set_password()
    with pytest.raises(ApiError) as wrong:
        control.try_password("nada")
    with pytest.raises(ApiError) as soon:
        control.try_password(PASSWORD)

    assert (wrong.value.status, wrong.value.wait_s) == (403, 2.0)
    assert soon.value.status == 429
    assert control.recorded == ["password-failed"]
    control.wait(2)
    assert control.try_password(PASSWORD).token


def test_a_child_that_guesses_locks_itself_out_and_not_the_adult(control: Control) -> None:
    control.set_password()
    began = control.uptime
    for _ in range(9):
        with pytest.raises(ApiError):
            control.try_password("nada", uid=1001)
        control.wait(control.delays.wait_s("uid 1001"))

    assert control.uptime - began >= 600
    assert control.try_password(PASSWORD, uid=1000).token


def test_root_and_the_recovery_code_do_not_wait(control: Control) -> None:
    code = control.set_password()
    for _ in range(5):
        with pytest.raises(ApiError):
            control.try_password("nada", uid=0)
    assert control.try_password(PASSWORD, uid=0).token
    with pytest.raises(ApiError):
        control.try_password("nada", uid=1001)

    assert control.change_password(uid=1001, new="nueva clave", recovery_code=code).recovery_code != code
    assert control.auth.check_password("nueva clave")
    assert "password-changed" in control.recorded


def test_a_changed_password_ends_every_session(control: Control) -> None:
    control.set_password()
    session = control.try_password(PASSWORD)
    control.change_password(new="nueva clave", old=PASSWORD)

    assert not control.gate.is_adult(session.token, control.call(uid=1000).peer)


@pytest.mark.parametrize(
    "body", [{"old": "nada"}, {"recovery_code": "AAAAA-BBBBB"}, {}], ids=["wrong", "wrong code", "nothing"]
)
def test_without_the_secret_the_password_stays(control: Control, body: dict[str, str]) -> None:
    control.set_password()
    with pytest.raises(ApiError) as error:
        control.change_password(uid=1001, new="nueva clave", **body)

    assert error.value.status == 403
    assert control.auth.check_password(PASSWORD)


def test_an_administrator_s_reset_is_shown_to_the_adult_until_it_was_seen(control: Control) -> None:
    control.set_password()
    control.change_password(uid=0, new="del administrador")

    assert control.recorded == ["password-reset"]
    assert run(control.gate.who_am_i(control.call())).reset_by == "uid 0 (root)"
    assert run(control.gate.who_am_i(control.call(adult=False))).reset_by == ""
    run(control.gate.acknowledge_reset(control.call()))
    assert run(control.gate.who_am_i(control.call())).reset_by == ""


def test_one_time_codes_open_a_session_once(control: Control) -> None:
    control.set_password()
    address = run(control.gate.new_totp(control.call())).address
    code = pyotp.parse_uri(address).generate_otp(int(control.now.timestamp()) // 30)

    def use() -> str:
        return run(control.gate.open_session(control.call(OpenSession(code=code), adult=False))).token

    assert use()
    with pytest.raises(ApiError):
        use()
    run(control.gate.remove_totp(control.call()))
    assert not run(control.gate.who_am_i(control.call())).one_time_codes


def test_an_account_checks_one_password_at_a_time(control: Control) -> None:
    control.set_password()

    async def at_once() -> list[object]:
        calls = [control.gate.open_session(control.call(OpenSession(password=PASSWORD), adult=False)) for _ in range(5)]
        return list(await asyncio.gather(*calls, return_exceptions=True))

    found = asyncio.run(at_once())

    assert sum(isinstance(answer, ApiError) and answer.status == 429 for answer in found) == 4


@pytest.mark.parametrize("body", [OpenSession(), OpenSession(password="x", code="1")])
def test_a_session_asks_for_one_secret(control: Control, body: OpenSession) -> None:
    with pytest.raises(ApiError) as error:
        run(control.gate.open_session(control.call(body, adult=False)))

    assert error.value.status == 422


def test_a_short_password_is_refused_and_nothing_is_recorded(control: Control) -> None:
    with pytest.raises(ApiError) as error:
        run(control.gate.set_first_password(control.call(FirstPassword(password="abc"), uid=0, adult=False)))

    assert error.value.status == 422
    assert control.recorded == []


def test_what_leaves_no_trace_is_not_done(control: Control) -> None:
    control.set_password()
    (control.folder / "audit").write_text("in the way")
    with pytest.raises(ApiError) as error:
        control.change_password(new="nueva clave", old=PASSWORD)

    assert error.value.status == 507
    assert control.auth.check_password(PASSWORD)


def test_damaged_secrets_are_said_and_open_nothing(control: Control) -> None:
    control.set_password()
    (control.folder / "control" / "auth.json").write_text("{")
    with pytest.raises(ApiError) as error:
        control.try_password(PASSWORD)

    assert "damaged" in error.value.message
    assert run(control.gate.who_am_i(control.call())).password_set


def test_the_block_page_s_codes_open_for_one_client_until_tomorrow(control: Control) -> None:
    control.set_password()
    address = run(control.gate.new_totp(control.call())).address
    code = pyotp.parse_uri(address).generate_otp(int(control.now.timestamp()) // 30)
    unlock = next(row for row in rows(control.parts()) if row.path == "/v1/unlock").handler
    body = Unlock(host="Bad.example", profile="child", address="192.0.2.7", code=code)

    with pytest.raises(ApiError) as stranger:
        run(unlock(control.call(body, uid=1001, adult=False)))
    assert stranger.value.status == 403
    run(unlock(control.call(body, uid=990, adult=False)))
    (permission,) = control.standing.running()
    assert (permission.host, permission.address) == ("bad.example", "192.0.2.7")
    with pytest.raises(ApiError, match="wrong one-time code"):
        run(unlock(control.call(body, uid=990, adult=False)))
    with pytest.raises(ApiError, match="too many wrong tries"):
        run(unlock(control.call(body, uid=990, adult=False)))
    assert "password-failed" in control.recorded


def test_wrong_recovery_codes_wait_apart_from_wrong_passwords(control: Control) -> None:
    code = control.set_password()
    with pytest.raises(ApiError) as wrong:
        control.change_password(uid=1001, new="nueva clave", recovery_code="AAAAA")
    assert (wrong.value.status, wrong.value.wait_s) == (403, 2.0)
    recorded = len(control.recorded)
    for guess in ("AAAAB", code):
        with pytest.raises(ApiError) as early:
            control.change_password(uid=1001, new="nueva clave", recovery_code=guess)
        assert early.value.status == 429
    assert len(control.recorded) == recorded

    with pytest.raises(ApiError, match="wrong password"):  # of its own: it did not have to wait
        control.try_password("nada", uid=1001)
    control.wait(2)
    with pytest.raises(ApiError, match="wrong password"):
        control.try_password("nada", uid=1001)
    assert control.delays.wait_s("uid 1001") == 4.0
    control.change_password(uid=1001, new="nueva clave", recovery_code=code)
    assert control.delays.wait_s("uid 1001") == 0.0
