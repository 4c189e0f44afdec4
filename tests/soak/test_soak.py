# SPDX-License-Identifier: GPL-3.0-or-later
"""A short soak; the long one is `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.soak import soak

pytestmark = [pytest.mark.serial, pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")]


def test_nothing_is_lost_or_wrong_while_everything_goes_wrong(tmp_path: Path) -> None:
    outcome = soak(tmp_path, seconds=8, rate=1500, trouble_s=2.0, popular_names=300)

    assert outcome.problems() == []
    assert outcome.findings.queries > 10_000
    assert outcome.reloads > 1
    assert outcome.kills
