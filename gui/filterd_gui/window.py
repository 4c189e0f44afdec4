# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's window: the way to each page, how the filter stands, and what came of what was done."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PyQt6.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from filterd.control.messages import AskedPermission, Caller
from filterd_gui.daemon_link import Standing, nothing
from filterd_gui.household import Household
from filterd_gui.icons import icon
from filterd_gui.language import LANGUAGES, _, spoken
from filterd_gui.pages.activity import ActivityPage
from filterd_gui.pages.audit import AuditPage
from filterd_gui.pages.categories import CategoriesPage
from filterd_gui.pages.exceptions import ExceptionsPage
from filterd_gui.pages.help import HelpPage
from filterd_gui.pages.lists import ListsPage
from filterd_gui.pages.overview import OverviewPage
from filterd_gui.pages.page import Page
from filterd_gui.pages.profiles import ProfilesPage
from filterd_gui.pages.requests import RequestsPage
from filterd_gui.pages.settings import SettingsPage
from filterd_gui.pages.why import WhyPage
from filterd_gui.theme import colours_of
from filterd_gui.widgets.blocks import NoticeBar, button, label

_REQUESTS_EVERY_MS = 5000
_NARROW = 95  # letters in a line: below it, the way to the pages shows drawings only


class Window(QMainWindow):
    """The main window."""

    language_chosen = pyqtSignal(str)
    requests_waiting = pyqtSignal(int)

    def __init__(self, house: Household) -> None:
        super().__init__()
        self.house, self.link = house, house.link
        self.setWindowTitle(_("filterd – content filter"))
        self.setAccessibleName(self.windowTitle())
        self.pages = self._make_pages()
        self.nav = QListWidget()
        self.standing_bar, self.notice_bar = NoticeBar(), NoticeBar()
        self._stack = QStackedWidget()
        self._lock = button("", self._toggle_lock)
        self._languages = QComboBox()
        self._last_waiting = 0
        self._narrow = False
        self._lay_out()
        self._fill_nav()
        self._connect()
        self._set_size()
        self.open_page("overview")
        self._show_standing(self.link.standing)
        self._show_session()
        self._look_for_requests()

    def open_page(self, name: str) -> None:
        """Show the page *name*; "why:HOST" asks there about a host."""
        name, _colon, host = name.partition(":")
        self.nav.setCurrentRow(list(self.pages).index(name))
        page = self.pages[name]
        if host and isinstance(page, WhyPage):
            page.ask_about(host)

    @property
    def page(self) -> Page:
        """The page shown."""
        return list(self.pages.values())[max(0, self.nav.currentRow())]

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """End the session with the window: whoever opens it next gives the password."""
        self.link.end_session()
        super().closeEvent(event)

    def _make_pages(self) -> dict[str, Page]:
        house = self.house
        return {
            "overview": OverviewPage(house),
            "requests": RequestsPage(house),
            "profiles": ProfilesPage(house),
            "categories": CategoriesPage(house),
            "exceptions": ExceptionsPage(house),
            "why": WhyPage(house),
            "activity": ActivityPage(house),
            "lists": ListsPage(house),
            "audit": AuditPage(house),
            "settings": SettingsPage(house),
            "help": HelpPage(house),
        }

    def _lay_out(self) -> None:
        side = QWidget()
        side.setObjectName("side")
        bar = QVBoxLayout(side)
        bar.setContentsMargins(6, 16, 6, 12)
        self._name = label("filterd", "title", wrap=False)
        self._name.setContentsMargins(12, 0, 0, 8)
        bar.addWidget(self._name)
        bar.addWidget(self.nav, 1)
        bar.addWidget(self._lock)
        bar.addWidget(self._languages)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        bars = QVBoxLayout()
        bars.setContentsMargins(24, 8, 24, 0)
        bars.addWidget(self.standing_bar)
        bars.addWidget(self.notice_bar)
        right.addLayout(bars)
        right.addWidget(self._stack, 1)
        ground = QWidget()
        ground.setObjectName("ground")
        whole = QHBoxLayout(ground)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(side)
        whole.addLayout(right, 1)
        self.setCentralWidget(ground)
        self._side = side

    def _fill_nav(self) -> None:
        self.nav.setObjectName("nav")
        self.nav.setAccessibleName(_("Pages"))
        size = round(self.fontMetrics().height() * 1.15)
        self.nav.setIconSize(QSize(size, size))
        self.nav.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        app = QApplication.instance()
        colour = colours_of(app).muted if isinstance(app, QApplication) else "#808080"
        for name, page in self.pages.items():
            self.nav.addItem(QListWidgetItem(icon(_DRAWINGS[name], colour), page.title))
            self._stack.addWidget(page)
        for code, its_name in LANGUAGES.items():
            self._languages.addItem(its_name, code)
        self._languages.setCurrentIndex(self._languages.findData(spoken()))
        self._languages.setAccessibleName(_("Language"))
        self._languages.setMinimumWidth(1)

    def _connect(self) -> None:
        self.nav.currentRowChanged.connect(self._turn_to)
        self._languages.activated.connect(lambda place: self.language_chosen.emit(self._languages.itemData(place)))
        for page in self.pages.values():
            page.said.connect(self._say)
            page.wanted.connect(self.open_page)
        self.link.standing_changed.connect(self._show_standing)
        self.link.session_changed.connect(self._session_changed)
        self.link.caller_changed.connect(self._known)
        self._ask_requests = QTimer(self)
        self._ask_requests.setInterval(_REQUESTS_EVERY_MS)
        self._ask_requests.timeout.connect(self._look_for_requests)
        self._ask_requests.start()
        for place, name in enumerate(self.pages):
            if place < 9:
                shortcut = QShortcut(QKeySequence(f"Alt+{place + 1}"), self)
                shortcut.activated.connect(lambda n=name: self.open_page(n))
        QShortcut(QKeySequence("F5"), self).activated.connect(lambda: self.page.reload())
        QShortcut(QKeySequence("Ctrl+L"), self).activated.connect(self._toggle_lock)

    def _set_size(self) -> None:
        letters = self.fontMetrics().averageCharWidth()
        self.setMinimumSize(560, 420)
        screen = self.screen()
        room = screen.availableSize() if screen else QSize(1280, 800)
        self.resize(min(max(1060, letters * 130), room.width()), min(760, room.height()))
        self._fit_side()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Leave the width to the page where there is little of it: with large letters, on a small screen."""
        super().resizeEvent(event)
        self._fit_side()

    def _fit_side(self) -> None:
        widest = max(self.fontMetrics().horizontalAdvance(page.title) for page in self.pages.values())
        self._narrow = self.width() < self.fontMetrics().averageCharWidth() * _NARROW
        self._side.setFixedWidth(self.nav.iconSize().width() + 56 if self._narrow else widest + 110)
        self._name.setVisible(not self._narrow)
        self._name_pages()
        self._show_session()

    def _name_pages(self) -> None:
        for place, (name, page) in enumerate(self.pages.items()):
            count = self._last_waiting if name == "requests" else 0
            title = f"{page.title} ({count})" if count else page.title
            item = self.nav.item(place)
            if item is not None:
                item.setText((str(count) if count else "") if self._narrow else title)
                item.setToolTip(title)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, title)

    def _turn_to(self, place: int) -> None:
        if place >= 0:
            self._stack.setCurrentIndex(place)
            self.notice_bar.hide()
            self.page.reload()

    def _say(self, text: str, tone: str, action: str, act: Callable[[], None] | None) -> None:
        self.notice_bar.say(text, tone, action, act)

    def _show_standing(self, standing: Standing) -> None:
        told = {
            Standing.SLOW: (_("The filter answers slowly. What you ask for is on its way."), "warn"),
            Standing.GONE: (_("The filter does not answer: it is stopped or starting. Trying again every second."), "bad"),
            Standing.NEWER: (_("The filter and this panel are of different versions: update both. Filtering goes on."), "warn"),
        }  # fmt: skip
        if standing in told:
            self.standing_bar.say(*told[standing])
            return
        self.standing_bar.hide()
        if standing is Standing.HERE:
            self.house.load()
            self.page.reload()

    def _known(self, _caller: Caller) -> None:
        self._show_session()

    def _session_changed(self, is_open: bool) -> None:
        if not is_open:
            self.house.forget()
            self._waiting(0)
        self._show_session()
        self.house.load()
        self.page.reload()
        self._look_for_requests()

    def _show_session(self) -> None:
        text = _("Lock now") if self.link.is_open else _("Unlock")
        app = QApplication.instance()
        colour = colours_of(app).text if isinstance(app, QApplication) else "#808080"
        self._lock.setText("" if self._narrow else text)
        self._lock.setToolTip(text)
        self._lock.setAccessibleName(text)
        self._lock.setIcon(icon("unlock" if self.link.is_open else "lock", colour))

    def _toggle_lock(self) -> None:
        if self.link.is_open:
            self.link.end_session()
        else:
            self.link.unlock_wanted.emit(lambda: None, lambda: None)

    def _look_for_requests(self) -> None:
        if self.link.is_open:
            self.link.get("/v1/requests", list[AskedPermission], self._count_requests, nothing)

    def _count_requests(self, requests: list[AskedPermission]) -> None:
        self._waiting(sum(not one.answer for one in requests))
        page = self.pages["requests"]
        if isinstance(page, RequestsPage) and page is self.page and not page.is_locked:
            page.show_requests(requests)

    def _waiting(self, count: int) -> None:
        if count == self._last_waiting:
            return
        if count > self._last_waiting:
            QApplication.alert(self)
        self._last_waiting = count
        self._name_pages()
        self.requests_waiting.emit(count)


_DRAWINGS = {
    "overview": "shield", "requests": "hand", "profiles": "people", "categories": "layers", "exceptions": "list",
    "why": "question", "activity": "chart", "lists": "download", "audit": "book", "settings": "gear", "help": "help",
}  # fmt: skip
