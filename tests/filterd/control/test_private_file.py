# SPDX-License-Identifier: GPL-3.0-or-later
"""A private file is whole, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.control.private_file import write_private


def test_it_is_replaced_whole_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    write_private(path, b"one")
    path.chmod(0o644)
    write_private(path, b"two")

    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_one_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    (path / "inside").mkdir(parents=True)  # a folder that is not empty cannot be replaced
    with pytest.raises(OSError, match="directory"):
        write_private(path, b"two")

    assert list(tmp_path.iterdir()) == [path]
