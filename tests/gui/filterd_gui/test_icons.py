# SPDX-License-Identifier: GPL-3.0-or-later
"""Every drawing can be drawn."""

from __future__ import annotations

import pytest
from PyQt6.QtWidgets import QApplication

from filterd_gui.icons import DRAWINGS, icon, pixmap


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_leaves_marks_in_its_colour(name: str, qapp: QApplication) -> None:
    image = pixmap(name, "#ff0000", 24, 2.0).toImage()
    seen = {
        image.pixelColor(x, y).name() for x in range(48) for y in range(48) if image.pixelColor(x, y).alpha() == 255
    }

    assert seen == {"#ff0000"}
    assert not icon(name, "#ff0000").isNull()
