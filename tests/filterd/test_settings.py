# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option is declared with all that people need to know of it."""

from __future__ import annotations

import pytest

from filterd.settings import Section, Settings
from filterd.settings_file import options


def sections(kind: type[Section] = Section) -> list[type[Section]]:
    return [found for child in kind.__subclasses__() for found in (child, *sections(child)) if found is not Settings]


@pytest.mark.parametrize("kind", sections(), ids=lambda kind: kind.__name__)
def test_every_option_has_its_help(kind: type[Section]) -> None:
    helps = {name: text for name, _, _, text in options(kind)}

    assert helps
    assert [name for name, text in helps.items() if not text] == []


def test_the_defaults_filter_for_a_child_on_unprivileged_loopback_ports() -> None:
    settings = Settings()

    assert settings.policy.default_profile == "child"
    assert all(listen.startswith(("127.0.0.1:", "[::1]:")) for listen in settings.dns.listen)
    assert not settings.proxy.inspect


def test_settings_do_not_change_once_made() -> None:
    with pytest.raises(AttributeError):
        Settings().dns = Settings().dns  # type: ignore[misc]  # what is tested
