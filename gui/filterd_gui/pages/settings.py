# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's look, the password, what is kept, and all settings as one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QFormLayout, QMessageBox, QSpinBox, QWidget

from filterd.control.messages import Difference, Done, Restore, Restored, SettingsText, Totp
from filterd_gui.dialogs.new_password import NewPasswordDialog
from filterd_gui.dialogs.one_time_codes import OneTimeCodesDialog
from filterd_gui.household import Household
from filterd_gui.language import N_, _
from filterd_gui.pages.page import Page
from filterd_gui.theme import SCALES
from filterd_gui.widgets.blocks import Card, button, label, row
from filterd_gui.widgets.flow import Flow

_LOOKS = {"system": N_("as the system"), "light": N_("light"), "dark": N_("dark")}
_RECORD = {"none": N_("nothing"), "blocked": N_("only what was blocked"), "all": N_("every domain")}
_MOST_DIFFERENCES = 30


class SettingsPage(Page):
    """Look for everybody; the rest needs the session."""

    look_chosen = pyqtSignal(str, int)

    def __init__(self, house: Household) -> None:
        super().__init__(house, _("Settings"))
        self._loading = False
        self.locked_cards: list[QWidget] = []
        self.column.addWidget(self._look_card())
        self.column.addWidget(self._password_card())
        for card in (self._filter_card(), self._file_card()):
            self.column.addWidget(card)
            self.locked_cards.append(card)
        self.finish()
        house.changed.connect(self._show)

    def refresh(self) -> None:
        """Show the settings in force."""
        self._show()
        self.house.load()

    def show_look(self, look: str, scale: int) -> None:
        """Show what is worn."""
        self.look.setCurrentIndex(self.look.findData(look))
        self.scale.setCurrentIndex(self.scale.findData(scale))

    def _look_card(self) -> Card:
        card = Card(_("Appearance"))
        self.look, self.scale = QComboBox(), QComboBox()
        for value, text in _LOOKS.items():
            self.look.addItem(_(text), value)
        for size in SCALES:
            self.scale.addItem(f"{size} %", size)
        form = QFormLayout()
        for text, box in ((_("Colours"), self.look), (_("Size of letters"), self.scale)):
            box.setAccessibleName(text)
            box.activated.connect(
                lambda _place: self.look_chosen.emit(self.look.currentData(), self.scale.currentData())
            )
            form.addRow(text, box)
        card.put(form)
        return card

    def _password_card(self) -> Card:
        card = Card(_("Password"))
        change = button(_("Change the password…"), self._change_password)
        recover = button(_("I forgot it…"), self._recover, "quiet")
        self.codes = button("", self._switch_codes)
        self.codes_text = label("", "muted")
        card.put(Flow(change, recover))
        card.put(self.codes_text)
        card.put(row(self.codes))
        return card

    def _filter_card(self) -> Card:
        card = Card(_("Filter"))
        form = QFormLayout()
        self.minutes, self.days = QSpinBox(), QSpinBox()
        self.minutes.setRange(1, 480)
        self.days.setRange(0, 3650)
        self.record = QComboBox()
        for value, text in _RECORD.items():
            self.record.addItem(_(text), value)
        rows: tuple[tuple[str, QWidget], ...] = (
            (_("Lock again after so many minutes without use"), self.minutes),
            (_("Keep the activity for so many days"), self.days),
            (_("The most that any profile remembers"), self.record),
        )
        for text, widget in rows:
            widget.setAccessibleName(text)
            form.addRow(text, widget)
        card.put(form)
        self.minutes.editingFinished.connect(lambda: self._save("control", "session_minutes", self.minutes.value()))
        self.days.editingFinished.connect(lambda: self._save("activity", "retention_days", self.days.value()))
        self.record.activated.connect(lambda _place: self._save("activity", "record", self.record.currentData()))
        self.boxes: dict[tuple[str, str], QCheckBox] = {}
        for section, name, text in _SWITCHES:
            box = QCheckBox(_(text))
            box.clicked.connect(lambda on, s=section, n=name: self._save(s, n, on))
            self.boxes[section, name] = box
            card.put(box)
        return card

    def _file_card(self) -> Card:
        card = Card(
            _("All settings as a file"), _("Without password and activity. To keep, or to take to another computer.")
        )
        card.put(
            Flow(
                button(_("Save to a file…"), self._choose_export),
                button(_("Take over from a file…"), self._choose_restore),
            )
        )
        return card

    def _show(self) -> None:
        known = bool(self.house.settings)
        for card in self.locked_cards:
            card.setVisible(known)
        has_codes = self.link.caller.one_time_codes
        self.codes.setText(_("Turn one-time codes off") if has_codes else _("Set up one-time codes…"))
        self.codes.setAccessibleName(self.codes.text())
        self.codes_text.setText(
            _("One-time codes are on: your phone opens the panel too.") if has_codes
            else _("One-time codes of your phone open once, even where a child watches you type.")
        )  # fmt: skip
        if not known:
            return
        self._loading = True
        self.minutes.setValue(int(self.house.option("control", "session_minutes", 10)))
        self.days.setValue(int(self.house.option("activity", "retention_days", 30)))
        self.record.setCurrentIndex(self.record.findData(self.house.option("activity", "record", "blocked")))
        for (section, name), box in self.boxes.items():
            box.setChecked(bool(self.house.option(section, name)))
        self._loading = False

    def _save(self, section: str, name: str, value: object) -> None:
        if not self._loading and value != self.house.option(section, name):
            self.house.change([([section, name], value)], lambda _done: self.say(_("Saved.")), self.complain)

    def _change_password(self) -> None:
        NewPasswordDialog(self.link, self).open()

    def _recover(self) -> None:
        NewPasswordDialog(self.link, self, forgotten=True).open()

    def _switch_codes(self) -> None:
        if self.link.caller.one_time_codes:
            self.link.send("DELETE", "/v1/totp", None, Done, self._codes_off, self.complain)
        else:
            self.link.send("POST", "/v1/totp", None, Totp, self._show_codes, self.complain)

    def _codes_off(self, _done: Done) -> None:
        self.say(_("One-time codes are off."))
        self.link.look()

    def _show_codes(self, totp: Totp) -> None:
        OneTimeCodesDialog(totp.address, self).open()
        self.link.look()

    def _choose_export(self) -> None:
        name, _kind = QFileDialog.getSaveFileName(self, _("Save the settings"), "filterd.toml", "TOML (*.toml)")
        if name:
            self.export(Path(name))

    def export(self, path: Path) -> None:
        """Write all settings to *path*."""

        def write(answer: SettingsText) -> None:
            try:
                path.write_text(answer.text, encoding="utf-8")
            except OSError as error:
                self.say(_("{file} cannot be written: {why}").format(file=path, why=error.strerror), "bad")
                return
            self.say(_("Saved: {file}").format(file=path))

        self.link.get("/v1/export", SettingsText, write, self.complain)

    def _choose_restore(self) -> None:
        name, _kind = QFileDialog.getOpenFileName(self, _("Take settings over"), "", "TOML (*.toml)")
        if name:
            self.restore(Path(name), self._ask_restore)

    def restore(self, path: Path, sure: Callable[[list[Difference]], bool]) -> None:
        """Take the settings of *path* over where the adult, shown what changes, is *sure*."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.say(_("{file} cannot be read: {why}").format(file=path, why=error), "bad")
            return

        def shown(answer: Restored) -> None:
            if not answer.changes:
                self.say(_("The file says what holds already: nothing changes."))
            elif sure(answer.changes):
                self._restore(text)

        self.link.send("POST", "/v1/restore", Restore(text=text, dry_run=True), Restored, shown, self.complain)

    def _restore(self, text: str) -> None:
        def restored(_answer: Any) -> None:
            self.say(_("The settings were taken over."))
            self.house.load()

        self.link.send("POST", "/v1/restore", Restore(text=text, dry_run=False), Restored, restored, self.complain)

    def _ask_restore(self, changes: list[Difference]) -> bool:
        told = "\n".join(f"{c.setting}: {c.before} → {c.after}" for c in changes[:_MOST_DIFFERENCES])
        more = " …" if len(changes) > _MOST_DIFFERENCES else ""
        asked = QMessageBox.question(self, _("Take settings over"), _("This changes:") + f"\n\n{told}{more}")
        return asked is QMessageBox.StandardButton.Yes


_SWITCHES = (
    ("control", "tighten_without_password", N_("What only closes (more categories, black list, turning on) needs no password")),
    ("proxy", "inspect", N_("Look into HTTPS pages with a certificate of this computer")),
    ("updates", "automatic", N_("Update the lists by themselves every day")),
    ("updates", "on_metered", N_("Also where the connection is paid by volume")),
)  # fmt: skip
