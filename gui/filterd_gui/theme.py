# SPDX-License-Identifier: GPL-3.0-or-later
"""One calm look: colours for light and dark, and the stylesheet made from them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QApplication, QStyleFactory


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a look; each pair that carries text has a contrast of at least 4.5 to 1 (WCAG AA)."""

    ground: str
    surface: str
    sunken: str
    text: str
    muted: str
    border: str
    accent: str
    on_accent: str
    accent_soft: str
    good: str
    good_soft: str
    warn: str
    warn_soft: str
    bad: str
    bad_soft: str


LIGHT = Colours(
    ground="#f4f6f8", surface="#ffffff", sunken="#eef1f4", text="#1b2430", muted="#556170", border="#d5dbe2",
    accent="#1b667f", on_accent="#ffffff", accent_soft="#dcecf2", good="#1b6e45", good_soft="#dff1e7",
    warn="#835000", warn_soft="#fbeed3", bad="#a8261e", bad_soft="#fae1df",
)  # fmt: skip
DARK = Colours(
    ground="#13171c", surface="#1c2229", sunken="#252c35", text="#e7ebf0", muted="#a3aebb", border="#38424e",
    accent="#6fbcd6", on_accent="#0d2029", accent_soft="#1e3a46", good="#74cd9e", good_soft="#1c3a2b",
    warn="#e6b95a", warn_soft="#3d3118", bad="#f29a91", bad_soft="#45221f",
)  # fmt: skip

_SHEET = Template(
    """
* { color: $text; }
QMainWindow, QDialog, QScrollArea, QScrollArea > QWidget > QWidget#column, QWidget#ground { background: $ground; }
QWidget#side { background: $surface; border-right: 1px solid $border; }
QFrame#card { background: $surface; border: 1px solid $border; border-radius: 10px; }
QFrame#row { background: transparent; border: none; border-bottom: 1px solid $border; }
QLabel { background: transparent; }
QLabel#title { font-size: 20pt; font-weight: 600; }
QLabel#heading { font-size: 12pt; font-weight: 600; }
QLabel#strong { font-weight: 600; }
QLabel#big { font-size: 19pt; font-weight: 600; }
QLabel#muted { color: $muted; }
QLabel#code { font-family: monospace; font-size: 13pt; background: $sunken; border: 1px solid $border;
  border-radius: 8px; padding: 10px; }
QLabel[tone="good"] { color: $good; background: $good_soft; border-radius: 8px; padding: 2px 8px; }
QLabel[tone="warn"] { color: $warn; background: $warn_soft; border-radius: 8px; padding: 2px 8px; }
QLabel[tone="bad"] { color: $bad; background: $bad_soft; border-radius: 8px; padding: 2px 8px; }
QLabel[tone="plain"] { color: $muted; background: $sunken; border-radius: 8px; padding: 2px 8px; }
QFrame#bar[tone="good"] { background: $good_soft; border: 1px solid $good; border-radius: 8px; }
QFrame#bar[tone="warn"] { background: $warn_soft; border: 1px solid $warn; border-radius: 8px; }
QFrame#bar[tone="bad"] { background: $bad_soft; border: 1px solid $bad; border-radius: 8px; }
QPushButton { background: $surface; border: 1px solid $border; border-radius: 7px; padding: 6px 14px; }
QPushButton:hover { background: $sunken; }
QPushButton:pressed { background: $border; }
QPushButton:focus { border: 2px solid $accent; padding: 5px 13px; }
QPushButton:disabled { color: $muted; background: $sunken; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border: 1px solid $accent; }
QPushButton[kind="primary"]:hover { border: 1px solid $text; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="primary"]:disabled { background: $sunken; color: $muted; border: 1px solid $border; }
QPushButton[kind="danger"] { color: $bad; border: 1px solid $bad; }
QPushButton[kind="quiet"] { border: 1px solid transparent; background: transparent; color: $accent; }
QPushButton[kind="quiet"]:hover { background: $accent_soft; }
QPushButton[kind="quiet"]:focus { border: 2px solid $accent; }
QListWidget#nav::item { padding: 8px 10px; border-radius: 7px; margin: 1px 6px; border: 2px solid transparent; }
QListWidget#nav::item:hover { background: $sunken; }
QListWidget#nav::item:selected { background: $accent_soft; color: $text; }
QLineEdit, QPlainTextEdit, QSpinBox, QComboBox, QListView, QTableView, QListWidget, QTableWidget {
  background: $surface; border: 1px solid $border; border-radius: 7px; padding: 5px;
  selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit:focus, QPlainTextEdit:focus, QSpinBox:focus, QComboBox:focus, QTableView:focus, QListView:focus {
  border: 2px solid $accent; padding: 4px; }
QLineEdit:disabled, QSpinBox:disabled, QComboBox:disabled { background: $sunken; color: $muted; }
QListWidget#nav { background: transparent; border: 2px solid transparent; outline: none; padding: 0; }
QListWidget#nav:focus { border: 2px solid $accent; padding: 0; }
QComboBox::drop-down { border: none; width: 22px; }
QComboBox::down-arrow { image: url("$data/down-$look.svg"); width: 14px; height: 14px; }
QSpinBox::up-button, QSpinBox::down-button { border: none; width: 20px; }
QSpinBox::up-arrow { image: url("$data/up-$look.svg"); width: 12px; height: 12px; }
QSpinBox::down-arrow { image: url("$data/down-$look.svg"); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $border; }
QHeaderView::section { background: $sunken; color: $muted; border: none; border-bottom: 1px solid $border;
  padding: 6px; }
QTableView { gridline-color: $border; alternate-background-color: $sunken; }
QTableCornerButton::section { background: $sunken; border: none; }
QCheckBox, QRadioButton { background: transparent; spacing: 8px; padding: 2px; border: 2px solid transparent;
  border-radius: 6px; }
QCheckBox:focus, QRadioButton:focus { border: 2px solid $accent; }
QCheckBox::indicator, QRadioButton::indicator { width: 16px; height: 16px; border: 2px solid $muted;
  background: $surface; }
QCheckBox::indicator { border-radius: 4px; }
QRadioButton::indicator { border-radius: 10px; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url("$data/check-$look.svg"); }
QRadioButton::indicator:checked { border: 6px solid $accent; width: 8px; height: 8px; }
QCheckBox::indicator:disabled { border-color: $border; background: $sunken; }
QProgressBar { background: $sunken; border: none; border-radius: 5px; max-height: 10px; text-align: center; }
QProgressBar::chunk { background: $accent; border-radius: 5px; }
QScrollArea { border: none; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar::handle:vertical { background: $border; border-radius: 5px; min-height: 32px; margin: 2px; }
QScrollBar::handle:vertical:hover { background: $muted; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle:horizontal { background: $border; border-radius: 5px; min-width: 32px; margin: 2px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QToolTip { background: $surface; color: $text; border: 1px solid $border; padding: 4px; }
QMenu { background: $surface; border: 1px solid $border; }
QMenu::item:selected { background: $accent_soft; }
"""
)

_DATA = Path(__file__).parent / "data"
SCALES = (100, 125, 150, 175, 200)
_BASE_POINTS = 10.5


def colours_of(app: QApplication) -> Colours:
    """Return the colours that *app* wears."""
    worn = app.property("colours")
    return worn if isinstance(worn, Colours) else LIGHT


def system_is_dark(app: QApplication) -> bool:
    """Return whether the desktop asks for dark."""
    hints = app.styleHints()
    return hints is not None and hints.colorScheme() is Qt.ColorScheme.Dark


def wear(app: QApplication, *, dark: bool, scale: int = 100) -> None:
    """Dress *app*; *scale* is the size of its letters in per cent."""
    colours = DARK if dark else LIGHT
    # Fusion: the same on every desktop, and the only one that a stylesheet and a palette fully reach.
    app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(_palette(colours))
    font = app.font()
    font.setPointSizeF(_BASE_POINTS * scale / 100)
    app.setFont(font)
    app.setProperty("colours", colours)
    look = "dark" if dark else "light"
    app.setStyleSheet(_scaled(_SHEET.substitute(asdict(colours), data=_DATA.as_posix(), look=look), scale))


def _scaled(sheet: str, scale: int) -> str:
    def grow(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) * scale / 100:g}{found[3]}"

    return re.sub(r"((?:font-size|[^-]width|[^-]height): )(\d{2})(pt|px)", grow, sheet)


def _palette(colours: Colours) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: colours.ground,
        QPalette.ColorRole.WindowText: colours.text,
        QPalette.ColorRole.Base: colours.surface,
        QPalette.ColorRole.AlternateBase: colours.sunken,
        QPalette.ColorRole.Text: colours.text,
        QPalette.ColorRole.Button: colours.surface,
        QPalette.ColorRole.ButtonText: colours.text,
        QPalette.ColorRole.Highlight: colours.accent,
        QPalette.ColorRole.HighlightedText: colours.on_accent,
        QPalette.ColorRole.PlaceholderText: colours.muted,
        QPalette.ColorRole.ToolTipBase: colours.surface,
        QPalette.ColorRole.ToolTipText: colours.text,
        QPalette.ColorRole.Link: colours.accent,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    return palette
