# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses this computer, and what holds for each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from PyQt6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QInputDialog, QLineEdit, QVBoxLayout

from filterd_gui import words
from filterd_gui.accounts import Account, people
from filterd_gui.household import PRESETS, Household
from filterd_gui.language import N_, _
from filterd_gui.pages.page import Page
from filterd_gui.pages.schedule import ScheduleCard
from filterd_gui.widgets.blocks import Card, Row, badge, button, clear, column, label, row
from filterd_gui.widgets.flow import Flow
from filterd_gui.widgets.profile_box import ProfileBox

_KINDS = {"network": N_("address or network"), "mac": N_("hardware address"), "id": N_("device id")}
_SWITCHES = {
    "safe_search": N_("Safe search in Google, Bing, DuckDuckGo and others"),
    "block_unsafe_search": N_("Block search engines that have no safe mode"),
    "inspect": N_("Look at the text of pages, where looking into HTTPS is on"),
    "only_allowed": N_("Open nothing but the white list (small children, classrooms)"),
    "starter_list": N_("… and the shipped list of sites for children and schools"),
}
_YOUTUBE = {"off": N_("off"), "moderate": N_("moderate"), "strict": N_("strict")}
_RECORD = {"none": N_("nothing"), "blocked": N_("only what was blocked"), "all": N_("every domain")}


class ProfilesPage(Page):
    """People at the top, then the profile chosen: its limits and its hours."""

    NEEDS_SESSION = True

    def __init__(self, house: Household, accounts: Callable[[], Sequence[Account]] = people) -> None:
        super().__init__(house, _("People and profiles"))
        self._accounts = accounts
        self._people_rows = QVBoxLayout()
        self.account_boxes: dict[str, ProfileBox] = {}
        self.profile = ProfileBox(house)
        self.profile.currentIndexChanged.connect(lambda _index: self._show_profile())
        self.column.addWidget(self._people_card())
        self.column.addWidget(self._devices_card())
        self.column.addLayout(
            Flow(label(_("Profile"), "heading", wrap=False), self.profile, button(_("New profile…"), self._ask_name))
        )
        self.column.addWidget(self._limits_card())
        self.schedule = ScheduleCard(house, self.say, self.complain)
        self.column.addWidget(self.schedule)
        self.finish()
        house.changed.connect(self._show)

    def refresh(self) -> None:
        """Load the settings."""
        self.house.load()

    def _people_card(self) -> Card:
        card = Card(
            _("People of this computer"),
            _("Each account gets a profile. Whoever has none here, new accounts too, gets the one for everybody else."),
        )
        card.put(self._people_rows)
        return card

    def _devices_card(self) -> Card:
        card = Card(_("Other devices of the network"), _("For a gateway or router on which filterd runs."))
        self._device_rows = QVBoxLayout()
        card.put(self._device_rows)
        self.device_kind = QComboBox()
        for kind, name in _KINDS.items():
            self.device_kind.addItem(_(name), kind)
        self.device_kind.setAccessibleName(_("How the device is known"))
        self.device = QLineEdit()
        self.device.setPlaceholderText("192.168.1.20")
        self.device.setAccessibleName(_("Device"))
        self.device_profile = ProfileBox(self.house)
        add = button(_("Add device"), self._add_device)
        card.put(Flow(self.device_kind, self.device, self.device_profile, add))
        return card

    def _limits_card(self) -> Card:
        card = Card(_("What holds for this profile"))
        self.switches: dict[str, QCheckBox] = {}
        for name, text in _SWITCHES.items():
            box = QCheckBox(_(text))
            box.clicked.connect(lambda on, n=name: self._set(n, on))
            self.switches[name] = box
            card.put(box)
        form = QFormLayout()
        self.youtube, self.record = QComboBox(), QComboBox()
        for chooser, choices, name in ((self.youtube, _YOUTUBE, "youtube"), (self.record, _RECORD, "record")):
            for value, text in choices.items():
                chooser.addItem(_(text), value)
            chooser.activated.connect(lambda _place, b=chooser, n=name: self._set(n, b.currentData()))
        for name, chooser in (
            (_("YouTube restricted mode"), self.youtube),
            (_("Remember of the activity"), self.record),
        ):
            chooser.setAccessibleName(name)
            form.addRow(name, chooser)
        card.put(form)
        categories = button(_("Categories"), lambda: self.wanted.emit("categories"), "quiet")
        card.put(row(categories, button(_("Exceptions"), lambda: self.wanted.emit("exceptions"), "quiet")))
        return card

    def _show(self) -> None:
        self._show_people()
        self._show_devices()
        self._show_profile()

    def _show_profile(self) -> None:
        profile = self.profile.profile
        for name, box in self.switches.items():
            value = self.house.value(profile, name)
            box.setChecked(bool(value) if value is not None else name == "starter_list")
        self.switches["starter_list"].setEnabled(self.switches["only_allowed"].isChecked())
        self.youtube.setCurrentIndex(self.youtube.findData(self.house.value(profile, "youtube")))
        self.record.setCurrentIndex(self.record.findData(self.house.value(profile, "record") or "blocked"))
        self.schedule.show_profile(profile)

    def _show_people(self) -> None:
        clear(self._people_rows)
        self.account_boxes = {}
        given = {client["user"]: client["profile"] for client in self._clients() if client.get("user")}
        default = str(self.house.option("policy", "default_profile", "child"))
        for account in self._accounts():
            box = self._person_box(account.name, given.get(account.user, ""), _("as everybody else"))
            box.activated.connect(lambda _place, u=account.user, b=box: self._give(u, b.profile))
            self.account_boxes[account.user] = box
            left = column(label(account.name, "strong"), label(account.user, "muted"), gap=1)
            self._people_rows.addWidget(Row(left, *self._warning(account, given.get(account.user, default)), box))
        box = self._person_box(_("Everybody else"), default, "")
        box.activated.connect(lambda _place, b=box: self._save([(["policy", "default_profile"], b.profile)]))
        self.account_boxes[""] = box
        left = column(
            label(_("Everybody else"), "strong"), label(_("also accounts that do not exist yet"), "muted"), gap=1
        )
        self._people_rows.addWidget(Row(left, box))

    def _person_box(self, name: str, profile: str, nobody: str) -> ProfileBox:
        box = ProfileBox(self.house, nobody)
        box.setAccessibleName(_("Profile of {name}").format(name=name))
        box.choose(profile)
        return box

    @staticmethod
    def _warning(account: Account, profile: str) -> list[Any]:
        if not account.administrator or profile == "adult":
            return []
        made = badge(_("is administrator"), "warn")
        made.setToolTip(
            _("An administrator can switch the filter off without the password: make it a standard account.")
        )
        made.setAccessibleDescription(made.toolTip())
        return [made]

    def _show_devices(self) -> None:
        clear(self._device_rows)
        for client in self._clients():
            for kind, name in _KINDS.items():
                if client.get(kind):
                    left = column(
                        label(str(client[kind]), "strong"),
                        label(f"{_(name)} · {words.profile_name(client['profile'])}", "muted"), gap=1,
                    )  # fmt: skip
                    says = _("Remove {device}").format(device=client[kind])
                    remove = button(_("Remove"), functools.partial(self._remove, client), "quiet", says=says)
                    self._device_rows.addWidget(Row(left, remove))

    def _clients(self) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in client.items() if value is not None}
            for client in self.house.settings.get("clients", ())
        ]

    def _give(self, user: str, profile: str) -> None:
        others = [client for client in self._clients() if client.get("user") != user]
        self._save([(["clients"], [*others, {"user": user, "profile": profile}] if profile else others)])

    def _add_device(self) -> None:
        if text := self.device.text().strip():
            entry = {str(self.device_kind.currentData()): text, "profile": self.device_profile.profile}
            self._save([(["clients"], [*self._clients(), entry])])
            self.device.clear()

    def _remove(self, client: dict[str, Any]) -> None:
        self._save([(["clients"], [other for other in self._clients() if other != client])])

    def _set(self, name: str, value: object) -> None:
        self._save([(["profiles", self.profile.profile, name], value)])

    def _save(self, changes: list[tuple[list[str], Any]]) -> None:
        self.house.change(changes, lambda _done: self.say(_("Saved.")), self.complain)

    def _ask_name(self) -> None:
        name, given = QInputDialog.getText(self, _("New profile"), _("Name (letters, digits, hyphens):"))
        if given and name.strip():
            ages = [words.profile_name(age) for age in PRESETS]
            age, given = QInputDialog.getItem(self, _("New profile"), _("It starts as:"), ages, 0, False)
            if given:
                self.make_profile(name.strip(), PRESETS[ages.index(age)])

    def make_profile(self, name: str, age: str) -> None:
        """Make a profile *name* that starts as *age*."""
        self._save([(["profiles", name, "preset"], age)])
