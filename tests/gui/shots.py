# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of every page: `python -m tests.gui.shots docs/images`, from the checkout.

In Spanish and light each page has a picture of its own; all others are on sheets, one set for each language and look.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtCore import QDeadlineTimer, QEventLoop, QRect, QSize, Qt
from PyQt6.QtGui import QColor, QImage, QPainter
from PyQt6.QtWidgets import QApplication, QScrollArea, QWidget

from filterd_gui.daemon_link import DaemonLink, Standing
from filterd_gui.dialogs.first_run import FirstRun
from filterd_gui.dialogs.one_time_codes import OneTimeCodesDialog
from filterd_gui.dialogs.password import PasswordDialog
from filterd_gui.household import Household
from filterd_gui.language import LANGUAGES, speak
from filterd_gui.pages.profiles import ProfilesPage
from filterd_gui.pages.why import WhyPage
from filterd_gui.theme import wear
from filterd_gui.window import Window
from tests.gui.fake_daemon import PASSWORD, RECOVERY, FakeDaemon
from tests.gui.scenery import ACCOUNTS, furnish

SIZE = QSize(1100, 780)
OWN_PICTURES = "es-light"
_SHEET_COLUMNS, _SHEET_WIDTH, _GAP = 3, 1500, 12
_SHEETS = (
    ("1", ("overview", "requests", "profiles", "schedule", "categories", "exceptions")),
    ("2", ("why", "activity", "lists", "audit", "settings", "help")),
    ("3", ("wizard-1", "wizard-2", "wizard-3", "wizard-4", "wizard-5", "wizard-6", "password", "codes")),
)
_PLAIN = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither

type Save = Callable[[QWidget, str], None]


def settle(milliseconds: int) -> None:
    """Let Qt work until everything has been painted."""
    end = QDeadlineTimer(milliseconds)
    while not end.hasExpired():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)


def keep(image: QImage, path: Path) -> None:
    """Write *image* with its 256 commonest colours: a third of the size, and the same to the eye."""
    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    bits = plain.constBits()
    assert bits is not None
    commonest = Counter(memoryview(bits.asstring(plain.sizeInBytes())).cast("I")).most_common(256)
    table = [colour for colour, _count in commonest]
    plain.convertToFormat(QImage.Format.Format_Indexed8, table, _PLAIN).save(str(path), "PNG", 0)


def shoot_pages(app: QApplication, link: DaemonLink, save: Save) -> None:
    """Show every page to *save*."""
    window = Window(Household(link, app))
    people = window.pages["profiles"]
    assert isinstance(people, ProfilesPage)
    people._accounts = lambda: ACCOUNTS
    window.resize(SIZE)
    window.show()
    for name, page in window.pages.items():
        window.open_page(name)
        if isinstance(page, WhyPage):
            page.ask_about("www.apuestas.example")
        save(window, name)
        if name == "profiles":
            area = page.widget(0)
            assert isinstance(area, QScrollArea)
            bar = area.verticalScrollBar()
            assert bar is not None
            bar.setValue(bar.maximum())
            save(window, "schedule")
    window.close()
    window.deleteLater()


def shoot_dialogs(app: QApplication, link: DaemonLink, save: Save) -> None:
    """Show the dialogs to *save*."""
    house = Household(link, app)
    house.load()
    wizard = FirstRun(house, accounts=lambda: ACCOUNTS)
    wizard.show()
    for step in range(wizard.stack.count()):
        wizard._open(step)
        if step == 1:
            wizard.fields.first.setText("lluvia de tarde en Areguá")
        if step == 2:
            wizard.recovery.show_code(RECOVERY)
        save(wizard, f"wizard-{step + 1}")
    wizard.close()
    password = PasswordDialog(link, lambda: None, lambda: None)
    codes = OneTimeCodesDialog("otpauth://totp/filterd?secret=JBSWY3DPEHPK3PXP&issuer=filterd")
    for dialog, name in ((password, "password"), (codes, "codes")):
        dialog.show()
        save(dialog, name)
        dialog.close()


def sheet(pictures: Iterable[QImage]) -> QImage:
    """Return *pictures* small, beside and below each other."""
    width = (_SHEET_WIDTH - _GAP * (_SHEET_COLUMNS + 1)) // _SHEET_COLUMNS
    small = [picture.scaledToWidth(min(width, picture.width() * 4 // 5), _SMOOTH) for picture in pictures]
    lines = [small[at : at + _SHEET_COLUMNS] for at in range(0, len(small), _SHEET_COLUMNS)]
    heights = [max(picture.height() for picture in line) for line in lines]
    made = QImage(_SHEET_WIDTH, sum(heights) + _GAP * (len(lines) + 1), QImage.Format.Format_RGB32)
    made.fill(QColor("#8a93a0"))
    painter = QPainter(made)
    y = _GAP
    for line, height in zip(lines, heights, strict=True):
        for place, picture in enumerate(line):
            x = _GAP + place * (width + _GAP)
            painter.drawImage(QRect(x, y, picture.width(), picture.height()), picture)
        y += height + _GAP
    painter.end()
    return made


_SMOOTH = Qt.TransformationMode.SmoothTransformation


def shoot(app: QApplication, runtime: Path) -> dict[str, QImage]:
    """Return a picture of each page and dialog as worn and spoken now."""
    taken: dict[str, QImage] = {}

    def save(widget: QWidget, name: str) -> None:
        settle(250)
        taken[name] = widget.grab().toImage()

    link = DaemonLink(runtime, app)
    link.look()
    for part in (shoot_pages, shoot_dialogs):  # closing the window ends the session
        link.open_session(password=PASSWORD, done=lambda: None, failed=print)
        settle(400)
        assert link.standing is Standing.HERE
        part(app, link, save)
    link.deleteLater()
    return taken


def main(folder: Path) -> None:
    """Write the pictures to *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as runtime:
        daemon = furnish(FakeDaemon(Path(runtime))).start()
        daemon.totp = True
        for language in LANGUAGES:
            for look in ("light", "dark"):
                speak(language)
                wear(app, dark=look == "dark")
                taken = shoot(app, Path(runtime))
                which = f"{language}-{look}"
                if which == OWN_PICTURES:
                    for name, picture in taken.items():
                        keep(picture, folder / f"panel-{name}.png")
                for number, names in _SHEETS:
                    keep(sheet(taken[name] for name in names), folder / f"panel-sheet-{which}-{number}.png")
        daemon.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
