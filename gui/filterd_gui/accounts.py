# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of people on this computer."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterable
from dataclasses import dataclass

_FIRST_PERSON, _LAST_PERSON = 1000, 59_999  # as Debian and Fedora give them to people
_NO_SHELLS = ("nologin", "false", "sync")
ADMIN_GROUPS = ("sudo", "wheel", "admin")


@dataclass(frozen=True, slots=True)
class Account:
    """One of them; *administrator*: may become root, and so get around any filter (which the adult must know)."""

    user: str
    name: str
    administrator: bool = False


def people(
    users: Iterable[pwd.struct_passwd] | None = None, groups: Iterable[grp.struct_group] | None = None
) -> list[Account]:
    """Return the accounts that people use, from *users* and *groups* (by default this computer's)."""
    known_groups = list(grp.getgrall() if groups is None else groups)
    return sorted(
        (
            Account(
                user.pw_name, user.pw_gecos.partition(",")[0] or user.pw_name, _is_administrator(user, known_groups)
            )
            for user in (pwd.getpwall() if users is None else users)
            if _FIRST_PERSON <= user.pw_uid <= _LAST_PERSON and not user.pw_shell.endswith(_NO_SHELLS)
        ),
        key=lambda account: account.name.lower(),
    )


def _is_administrator(user: pwd.struct_passwd, groups: Iterable[grp.struct_group]) -> bool:
    return any(
        group.gr_name in ADMIN_GROUPS and (user.pw_name in group.gr_mem or user.pw_gid == group.gr_gid)
        for group in groups
    )
