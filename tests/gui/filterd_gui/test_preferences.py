# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person likes is remembered, what makes no sense is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd_gui.preferences import Preferences


def test_choices_are_remembered(tmp_path: Path) -> None:
    chosen = Preferences(tmp_path / "panel.ini")
    chosen.language, chosen.look, chosen.scale = "gn", "dark", 150
    chosen.sync()
    again = Preferences(tmp_path / "panel.ini")

    assert (again.language, again.look, again.scale) == ("gn", "dark", 150)


def test_a_file_that_somebody_spoilt_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "panel.ini").write_text("[General]\nlanguage=xx\nlook=pink\nscale=9000\n")
    spoilt = Preferences(tmp_path / "panel.ini")

    assert (spoilt.look, spoilt.scale) == ("system", 100)
    assert spoilt.language in ("es", "gn", "en")


def test_the_desktop_speaks_for_who_has_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getlocale", lambda: ("gn_PY", "UTF-8"))
    assert Preferences(tmp_path / "a.ini").language == "gn"
    monkeypatch.setattr("locale.getlocale", lambda: ("de_DE", "UTF-8"))

    assert Preferences(tmp_path / "b.ini").language == "es"
