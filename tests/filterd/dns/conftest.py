# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the DNS edge's tests."""

from __future__ import annotations

import pytest

from tests.filterd.dns.authority import Authority, make_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))
