# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds of content each profile blocks."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QWidget

from filterd.control.messages import CategoryInfo
from filterd_gui import words
from filterd_gui.household import Household
from filterd_gui.language import _, of_language
from filterd_gui.pages.page import Page
from filterd_gui.widgets.blocks import Card, badge, boxed, button, clear, column, label
from filterd_gui.widgets.flow import Flow


class CategoriesPage(Page):
    """A line for each category, a column for each profile."""

    NEEDS_SESSION = True

    def __init__(self, house: Household) -> None:
        super().__init__(
            house, _("Categories"),
            _("Ticked means blocked. The recommended choice follows the age and Decree 8098/2022, article 2."),
        )  # fmt: skip
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("Search a category"))
        self.search.setAccessibleName(_("Search a category"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(12)
        self._grid.setColumnStretch(0, 1)
        self.boxes: dict[tuple[str, str], QCheckBox] = {}
        self._lines: dict[str, tuple[str, list[QWidget]]] = {}
        self._made_for: tuple[object, ...] = ()
        card = Card()
        card.put(self.search)
        card.put(self._grid)
        self.column.addWidget(card)
        self.finish()
        house.changed.connect(self._show)

    def refresh(self) -> None:
        """Load the categories and what is chosen."""
        self.house.load()

    def _show(self) -> None:
        profiles = self.house.profiles()
        made_for = (tuple(profiles), tuple(self.house.categories))
        if made_for != self._made_for:
            self._made_for = made_for
            self._make(profiles, self.house.categories)
        for (profile, category), box in self.boxes.items():
            box.setChecked(category in self.house.blocked(profile))

    def _make(self, profiles: Sequence[str], categories: Sequence[CategoryInfo]) -> None:
        clear(self._grid)
        self.boxes, self._lines = {}, {}
        for place, profile in enumerate(profiles, 1):
            name = words.profile_name(profile)
            reset = button(
                _("Recommended"), functools.partial(self._reset, profile), "quiet",
                says=_("Back to the recommended choice: {profile}").format(profile=name),
            )  # fmt: skip
            head = boxed(column(label(name, "strong"), reset, gap=2))
            head.setFixedWidth(reset.sizeHint().width() + 6)
            self._grid.addWidget(head, 0, place, Qt.AlignmentFlag.AlignHCenter)
        for line, category in enumerate(categories, 1):
            self._make_line(line, category, profiles)

    def _make_line(self, line: int, category: CategoryInfo, profiles: Sequence[str]) -> None:
        name = of_language(category.names, category.id)
        description = of_language(category.descriptions)
        told = [_("decree {items}").format(items=", ".join(category.decree))] if category.decree else []
        told += [_("try: {name}").format(name=category.test_name)] if category.test_name else []
        title = Flow(label(name, "strong", wrap=False), *([badge(_("your choice"))] if category.optional else []))
        texts = boxed(column(boxed(title), label(description), label(" · ".join(told), "muted"), gap=1))
        self._grid.addWidget(texts, line, 0)
        shown: list[QWidget] = [texts]
        for place, profile in enumerate(profiles, 1):
            box = QCheckBox()
            box.setAccessibleName(f"{name}: {words.profile_name(profile)}")
            box.setAccessibleDescription(description)
            box.clicked.connect(lambda _on, p=profile: self._ticked(p))
            self.boxes[profile, category.id] = box
            self._grid.addWidget(box, line, place, Qt.AlignmentFlag.AlignCenter)
            shown.append(box)
        self._lines[category.id] = (f"{name} {description} {category.id}".lower(), shown)

    def _filter(self, text: str) -> None:
        for searched, widgets in self._lines.values():
            for widget in widgets:
                widget.setVisible(text.lower() in searched)

    def _ticked(self, profile: str) -> None:
        chosen = sorted(c for (p, c), box in self.boxes.items() if p == profile and box.isChecked())
        self._choose(profile, chosen)

    def _reset(self, profile: str) -> None:
        self._choose(profile, None)

    def _choose(self, profile: str, chosen: list[str] | None) -> None:
        told = _("Saved for {profile}.").format(profile=words.profile_name(profile))
        path = ["profiles", profile, "blocked_categories"]
        self.house.change([(path, chosen)], lambda _done: self.say(told), self.complain)
