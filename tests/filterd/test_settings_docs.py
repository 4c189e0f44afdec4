# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual's page of settings is the declarations'."""

from __future__ import annotations

from pathlib import Path

from filterd.settings_docs import render

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "configuration.md"


def test_the_page_in_docs_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make docs`"


def test_every_table_and_the_contract_s_settings_are_there() -> None:
    text = render()

    for part in (
        "[dns]",
        "[[proxy.listeners]]",
        "[profiles.NAME]",
        "[lists.ID]",
        "`from`",
        "`blocked_answer`",
        "`retention_days`",
    ):
        assert part in text
