# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for the tests of lists."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.filterd.lists.support import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server, up for one test."""
    with Site() as running:
        yield running
