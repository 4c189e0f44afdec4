# SPDX-License-Identifier: GPL-3.0-or-later
"""Line drawings, in the colour that they are asked for."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import QByteArray, QRectF, Qt
from PyQt6.QtGui import QIcon, QImage, QPainter, QPixmap
from PyQt6.QtSvg import QSvgRenderer

# On a field of 24 by 24, drawn with a line of 2.
DRAWINGS: Mapping[str, str] = {
    "shield": "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z M9 12l2 2 4-4",
    "shield-off": "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z M9 9l6 6 M15 9l-6 6",
    "shield-pause": "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z M10 9v6 M14 9v6",
    "layers": "M12 3l9 5-9 5-9-5z M3 13l9 5 9-5",
    "list": "M4 6h2 M10 6h10 M4 12h2 M10 12h10 M4 18h2 M10 18h10",
    "people": "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M2 21c0-4 3-6 7-6s7 2 7 6 M16 4a4 4 0 0 1 0 7 M18 15c3 1 4 3 4 6",
    "chart": "M4 20V10 M10 20V4 M16 20v-7 M22 20H2",
    "hand": "M4 5h16v11H9l-5 4z M8 9h8 M8 12h5",
    "download": "M12 3v12 M7 11l5 5 5-5 M4 20h16",
    "question": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7 M12 17v.2",
    "book": "M5 4h10a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3z M5 17a3 3 0 0 1 3-3h10",
    "gear": "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z M12 2v4 M12 18v4 M2 12h4 M18 12h4 M5 5l3 3 M16 16l3 3 M19 5l-3 3 M8 16l-3 3",
    "help": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 11v6 M12 7v.2",
    "lock": "M6 11h12v9H6z M8 11V8a4 4 0 0 1 8 0v3",
    "unlock": "M6 11h12v9H6z M8 11V7a4 4 0 0 1 7.5-2",
}  # fmt: skip


def pixmap(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """Return the drawing *name* in *colour*, *size* by *size* points on a screen of *ratio* dots to the point."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="{DRAWINGS[name]}" fill="none" '
        f'stroke="{colour}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
    dots = round(size * ratio)
    image = QImage(dots, dots, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, dots, dots))
    painter.end()
    image.setDevicePixelRatio(ratio)
    return QPixmap.fromImage(image)


def icon(name: str, colour: str) -> QIcon:
    """Return the drawing *name* as an icon in *colour*."""
    return QIcon(pixmap(name, colour, 24, 2.0))
