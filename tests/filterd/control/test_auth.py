# SPDX-License-Identifier: GPL-3.0-or-later
"""The adult's secrets are checked, spent and changed, and stored so that nobody can read them."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

import pyotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.control.auth import Auth, AuthError, WeakPassword, new_recovery_code

PASSWORD = "mandioca con queso 7"


class Clock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control" / "auth.json"


def test_before_there_is_one_no_password_is_right(path: Path) -> None:
    auth = Auth(path)

    assert not auth.is_set
    assert not auth.check_password("")
    assert not auth.check_recovery("")
    assert not auth.use_totp("000000")


def test_the_password_set_is_right_and_others_are_not(path: Path) -> None:
    Auth(path).set_password(PASSWORD)
    auth = Auth(path)

    assert auth.is_set
    assert auth.check_password(PASSWORD)
    assert not any(auth.check_password(wrong) for wrong in ("", PASSWORD[:-1], PASSWORD.upper(), PASSWORD + " "))


def test_the_recovery_code_is_taken_however_it_is_written_and_ends_with_a_new_password(path: Path) -> None:
    auth = Auth(path)
    code = auth.set_password(PASSWORD)

    assert auth.check_recovery(code)
    assert auth.check_recovery(code.replace("-", " ").lower())
    assert not auth.check_recovery(code[:-1])
    new = auth.set_password("otra clave larga")
    assert not auth.check_recovery(code)
    assert auth.check_recovery(new)


def test_no_secret_stands_in_the_file_and_nobody_else_reads_it(path: Path) -> None:
    code = Auth(path).set_password(PASSWORD)
    text = path.read_text()

    assert PASSWORD not in text
    assert code not in text
    assert code.replace("-", "") not in text
    assert "argon2id" in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("password", ["", "abc", "x" * 1025])
def test_the_empty_and_the_absurd_are_not_taken(path: Path, password: str) -> None:
    with pytest.raises(WeakPassword):
        Auth(path).set_password(password)

    assert not Auth(path).is_set


def test_a_one_time_code_is_good_once_and_for_a_minute(path: Path) -> None:
    clock = Clock()
    auth = Auth(path, now=clock)
    address = auth.new_totp()
    secret = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["secret"][0]
    code = pyotp.TOTP(secret).at(int(clock.now))

    assert address.startswith("otpauth://totp/")
    assert not auth.use_totp("123")
    assert not auth.use_totp("١٢٣٤٥٦")
    assert auth.use_totp(f" {code[:3]} {code[3:]}")
    assert not auth.use_totp(code), "spent"
    clock.now += 30
    assert not Auth(path, now=clock).use_totp(code), "spent, after a restart too"
    late = pyotp.TOTP(secret).at(int(clock.now))
    clock.now += 90
    assert not auth.use_totp(late)


def test_a_new_password_keeps_the_phone_s_codes_until_they_are_removed(path: Path) -> None:
    auth = Auth(path)
    auth.new_totp()
    auth.set_password(PASSWORD)

    assert auth.has_totp
    auth.remove_totp()
    assert Auth(path).has_totp is False
    assert auth.check_password(PASSWORD)


def test_an_administrator_s_reset_is_kept_until_the_adult_has_seen_it(path: Path) -> None:
    auth = Auth(path)
    auth.set_password(PASSWORD)
    auth.set_password("del administrador", reset_by="uid 0 (root)")

    assert Auth(path).reset_by == "uid 0 (root)"
    auth.acknowledge_reset()
    assert Auth(path).reset_by == ""


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"password": 7}'])
def test_a_damaged_file_opens_nothing_and_can_be_replaced_by_an_administrator_only(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    auth = Auth(path)

    assert auth.is_set, "else anybody could set the first password"
    with pytest.raises(AuthError, match="damaged"):
        auth.check_password("x")
    with pytest.raises(AuthError):
        auth.set_password(PASSWORD)
    auth.set_password(PASSWORD, reset_by="uid 0 (root)")
    assert auth.check_password(PASSWORD)


def test_recovery_codes_differ_and_can_be_read_aloud() -> None:
    codes = {new_recovery_code() for _ in range(200)}

    assert len(codes) == 200
    assert all(len(code) == 29 and not set("IO01") & set(code) for code in codes)


@settings(max_examples=8, deadline=None)  # each costs 64 MiB and a tenth of a second
@given(st.text(st.characters(codec="utf-8"), min_size=4, max_size=40))
def test_any_text_can_be_a_password(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    auth = Auth(tmp_path_factory.mktemp("a") / "auth.json")
    auth.set_password(password)

    assert auth.check_password(password)
    assert not auth.check_password(password + "x")


def test_a_damaged_file_is_told_and_others_are_no_problem(tmp_path: Path) -> None:
    auth = Auth(tmp_path / "auth.json")
    assert auth.problem == ""
    auth.set_password("mandioca con queso")
    assert auth.problem == ""
    (tmp_path / "auth.json").write_bytes(b'{"password": "\xff')

    assert f"{tmp_path / 'auth.json'}: damaged" in auth.problem
    assert "--as-administrator" in auth.problem
