# SPDX-License-Identifier: GPL-3.0-or-later
"""The updater judges by what the program ships."""

from __future__ import annotations

from pathlib import Path

from filterd.assembly import Assembly
from filterd.list_updates import judge_context, updater
from filterd.lists.model import Outcome
from filterd.settings_read import Source, parse_settings
from filterd.shipped import Shipped


def test_the_context_holds_the_guard_the_hosting_parents_and_our_own_lists() -> None:
    context = judge_context(Shipped())

    assert "gov.py" in context.sites
    assert "google.com" in context.platforms
    assert "blogspot.com" in context.hosting_parents
    assert context.memberships["bet365.com"] == {"gambling"}
    assert context.memberships["gambling.prueba.home.arpa"] == {"gambling"}
    assert context.unguarded == {"anonymizers", "malware", "phishing"}
    assert context.optional == {"social", "games", "video", "chat"}


def test_a_list_is_fetched_judged_and_kept(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("casino.example\ngoogle.com\nblogspot.com\nmec.gov.py\n")
    text = f'[paths]\nstate = "{tmp_path}"\n[lists.x]\ncategory = "gambling"\nurl = "file://{tmp_path}/names"\n'
    assembly = Assembly(parse_settings(text, name="t"), Shipped(), Source("t", text))
    with updater(assembly) as updates:
        [result] = updates.update(assembly.subscriptions())

    assert result.outcome is Outcome.REFUSED  # three of four names must stay open: that is no list

    (tmp_path / "names").write_text("".join(f"casino{n}.example\n" for n in range(20)) + "google.com\n")
    with updater(assembly) as updates:
        [result] = updates.update(assembly.subscriptions())

    assert result.outcome is Outcome.UPDATED
    assert result.meta.count == 20
