# SPDX-License-Identifier: GPL-3.0-or-later
"""The QR code holds the secret, module by module."""

from __future__ import annotations

import segno
from pytestqt.qtbot import QtBot

from filterd_gui.dialogs.one_time_codes import _DOT, _QUIET, OneTimeCodesDialog, qr_image, secret_of
from tests.gui.hands import reads

ADDRESS = "otpauth://totp/filterd?secret=JBSWY3DPEHPK3PXP&issuer=filterd"


def test_the_picture_is_the_code_with_its_quiet_zone() -> None:
    image = qr_image(ADDRESS)
    matrix = [bytes(line) for line in segno.make(ADDRESS, error="m").matrix]
    size = len(matrix) + 2 * _QUIET

    def is_dark(x: int, y: int) -> bool:
        return image.pixelColor(x * _DOT + _DOT // 2, y * _DOT + _DOT // 2).lightness() < 128

    seen = [[is_dark(x, y) for x in range(size)] for y in range(size)]
    inner = [[bool(dark) for dark in line] for line in matrix]

    assert [line[_QUIET:-_QUIET] for line in seen[_QUIET:-_QUIET]] == inner
    assert not any(seen[0])
    assert not any(line[-1] for line in seen)


def test_the_secret_stands_there_in_letters_too(qtbot: QtBot) -> None:
    dialog = OneTimeCodesDialog(ADDRESS)
    qtbot.addWidget(dialog)

    assert secret_of(ADDRESS) == "JBSW Y3DP EHPK 3PXP"
    assert "JBSW Y3DP EHPK 3PXP" in reads(dialog)
