# SPDX-License-Identifier: GPL-3.0-or-later
"""One-time codes: the secret as a QR code for the adult's phone."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import segno
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QPixmap
from PyQt6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from filterd_gui.language import _
from filterd_gui.widgets.blocks import button, label, row

_DOT = 6
_QUIET = 4  # light modules around it: ISO/IEC 18004 asks for four


class OneTimeCodesDialog(QDialog):
    """Shows the secret *address* this once."""

    def __init__(self, address: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("One-time codes"))
        picture = QLabel()
        picture.setPixmap(QPixmap.fromImage(qr_image(address)))
        picture.setAccessibleName(_("QR code of the secret; the same secret stands below in letters"))
        secret = label(secret_of(address), "code")
        secret.setAccessibleName(_("Secret"))
        secret.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByKeyboard | Qt.TextInteractionFlag.TextSelectableByMouse
        )
        text = _(
            "Read this with an authenticator app of your phone (FreeOTP, Aegis and others). The phone then shows a code of six digits that opens once, even where a child watches you type."
        )
        body = QVBoxLayout(self)
        body.setContentsMargins(22, 20, 22, 18)
        body.addWidget(label(text))
        body.addWidget(picture, 0, Qt.AlignmentFlag.AlignHCenter)
        body.addWidget(label(_("Or type it into the app:"), "muted"))
        body.addWidget(secret)
        body.addLayout(row(button(_("Done"), self.accept, "primary")))


def secret_of(address: str) -> str:
    """Return the secret in an otpauth address, in groups of four."""
    secret = parse_qs(urlsplit(address).query).get("secret", [""])[0]
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def qr_image(text: str) -> QImage:
    """Return *text* as a QR code, black on white whatever the theme: phones read nothing else as well."""
    matrix = [bytes(line) for line in segno.make(text, error="m").matrix]
    size = (len(matrix) + 2 * _QUIET) * _DOT
    image = QImage(size, size, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    for y, line in enumerate(matrix):
        for x, dark in enumerate(line):
            if dark:
                for dy in range(_DOT):
                    for dx in range(_DOT):
                        image.setPixel((x + _QUIET) * _DOT + dx, (y + _QUIET) * _DOT + dy, 0)
    return image
