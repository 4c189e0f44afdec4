# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a computer are told from its services."""

from __future__ import annotations

import grp
import pwd

from filterd_gui.accounts import Account, people


def user(name: str, uid: int, gecos: str = "", login: str = "/bin/bash", gid: int = 1000) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, gid, gecos, f"/home/{name}", login))


GROUPS = [grp.struct_group(("sudo", "x", 27, ["ana"])), grp.struct_group(("users", "x", 100, ["mateo"]))]


def test_services_and_accounts_without_a_shell_are_no_people() -> None:
    users = [user("root", 0), user("www-data", 33), user("bot", 1005, login="/usr/sbin/nologin"), user("mateo", 1001)]

    assert people(users, GROUPS) == [Account("mateo", "mateo")]


def test_administrators_are_marked() -> None:
    users = [user("ana", 1000, "Ana Benítez,,,"), user("eva", 1002, gid=27)]

    assert people(users, GROUPS) == [Account("ana", "Ana Benítez", True), Account("eva", "eva", True)]


def test_this_computer_can_be_asked() -> None:
    assert all(account.user for account in people())
