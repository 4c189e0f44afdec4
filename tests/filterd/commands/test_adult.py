# SPDX-License-Identifier: GPL-3.0-or-later
"""The password is asked for where it is needed, and only there."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

import pytest

from filterd.commands.adult import NotAllowed, as_adult, failure, read_password
from filterd.control.client import Refused
from filterd.control.messages import AddException, SetProtection
from tests.filterd.control.fakes import CONFIG, PASSWORD, Control


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of a person who types the right password."""
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return PASSWORD

    monkeypatch.setattr(getpass, "getpass", answer)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    return asked


def test_a_person_is_asked_once_and_the_session_ends_with_the_command(
    served: Path, control: Control, typed: list[str]
) -> None:
    control.set_password()
    as_adult(served, lambda daemon: daemon.protect(SetProtection(state="off")), password_stdin=False)

    assert typed == ["Contraseña del adulto responsable: "]
    assert not control.standing.on
    assert len(control.gate._sessions) == 0


def test_what_the_adult_left_open_asks_nobody(served: Path, control: Control, typed: list[str]) -> None:
    control.set_password()
    control.config.write_text(CONFIG + "[control]\ntighten_without_password = true\n")
    control._apply()
    body = AddException(domains=["malo.example"], to="deny")
    as_adult(served, lambda daemon: daemon.add_exceptions(body), password_stdin=False)

    assert typed == []
    assert control.house.settings.profiles["child"].deny == ("malo.example",)


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)

    with pytest.raises(NotAllowed, match="--password-stdin"):
        read_password("?", stdin=False)


@pytest.mark.parametrize(("status", "code"), [(401, 3), (403, 3), (429, 3), (422, 1), (507, 1)])
def test_not_allowed_is_exit_status_3(status: int, code: int) -> None:
    assert failure(Refused(status, "no", wait_s=4)).exit_code == code


def test_a_wait_is_told() -> None:
    assert failure(Refused(429, "no", wait_s=4)).message == "no; try again in 4 seconds"
