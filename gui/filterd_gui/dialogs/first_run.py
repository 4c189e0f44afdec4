# SPDX-License-Identifier: GPL-3.0-or-later
"""The first start: language, password, recovery code, who uses this computer, what is blocked, try it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QComboBox, QDialog, QFrame, QRadioButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from filterd.control.client import Refused
from filterd.control.messages import FirstPassword, Judged, RecoveryCode
from filterd_gui import words
from filterd_gui.accounts import Account, people
from filterd_gui.daemon_link import Failure
from filterd_gui.household import PRESETS, Household
from filterd_gui.language import LANGUAGES, _, spoken
from filterd_gui.widgets.blocks import Row, badge, boxed, button, clear, column, label, restyle, row
from filterd_gui.widgets.password_fields import PasswordFields
from filterd_gui.widgets.recovery import RecoveryCard

_TRY = ("gambling.prueba.home.arpa", "permitido.prueba.home.arpa")


class FirstRun(QDialog):
    """Six steps; the password is set when its step is left, for without it nothing else can be chosen."""

    language_chosen = pyqtSignal(str)

    def __init__(
        self, house: Household, parent: QWidget | None = None, *, accounts: Callable[[], Sequence[Account]] = people,
        step: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._house, self._link, self._accounts = house, house.link, accounts
        self.setWindowTitle(_("Welcome to filterd"))
        self.setMinimumSize(640, 560)
        self.stack = QStackedWidget()
        self._count = label("", "muted")
        self.problem = label("", tone="bad")
        self.back, self.next = button(_("Back"), self._go_back), button(_("Next"), self.go_on, "primary")
        for made in (
            self._language(),
            self._password(),
            self._recovery(),
            self._people(),
            self._blocked(),
            self._try(),
        ):
            self.stack.addWidget(made)
        body = QVBoxLayout(self)
        body.setContentsMargins(26, 22, 26, 20)
        body.addWidget(self._count)
        body.addWidget(self.stack, 1)
        body.addWidget(self.problem)
        ends = row(button(_("Later"), self.reject, "quiet"))
        ends.addWidget(self.back)
        ends.addWidget(self.next)
        body.addLayout(ends)
        house.changed.connect(self._show_house)
        self._open(step)

    @property
    def step(self) -> int:
        """Which step is shown."""
        return self.stack.currentIndex()

    def go_on(self) -> None:
        """Leave the step by the front."""
        leave = {1: self._set_password, 3: self._save_people}.get(self.step)
        if leave is not None:
            leave()
        elif self.step == self.stack.count() - 1:
            self.accept()
        else:
            self._open(self.step + 1)

    def _go_back(self) -> None:
        self._open(self.step - 1)

    def _open(self, step: int) -> None:
        self.stack.setCurrentIndex(step)
        self.problem.hide()
        self._count.setText(_("Step {n} of {all}").format(n=step + 1, all=self.stack.count()))
        # No way back over the password: it is set.
        self.back.setVisible(step in (1, 4, 5))
        self.next.setText(_("Finish") if step == self.stack.count() - 1 else _("Next"))
        self._enable()
        if step >= 3:
            self._house.load()
        if step == 5:
            self._try_it()

    def _enable(self) -> None:
        ready = {1: bool(self.fields.password), 2: self.recovery.written.isChecked()}
        self.next.setEnabled(ready.get(self.step, True))

    def _language(self) -> QWidget:
        body = column(label(_("Welcome"), "title"), gap=12)
        body.addWidget(
            label(
                _(
                    "This filter keeps harmful content away from the children of the house. Everything stays on this computer. In a few steps it is yours."
                )
            )
        )
        body.addWidget(label(_("Which language do you prefer?"), "strong"))
        self.languages: dict[str, QRadioButton] = {}
        for code, name in LANGUAGES.items():
            choice = QRadioButton(name)
            choice.setChecked(code == spoken())
            choice.clicked.connect(lambda _on, c=code: self.language_chosen.emit(c))
            self.languages[code] = choice
            body.addWidget(choice)
        body.addStretch(1)
        return boxed(body)

    def _password(self) -> QWidget:
        self.fields = PasswordFields()
        self.fields.changed.connect(lambda _usable: self._enable())
        text = _(
            "Only with it can the filter be paused, turned off, changed or removed. There is none before you choose it."
        )
        body = column(label(_("Your password"), "title"), label(text), self.fields, gap=12)
        body.addStretch(1)
        return boxed(body)

    def _recovery(self) -> QWidget:
        self.recovery = RecoveryCard()
        self.recovery.kept.connect(lambda _kept: self._enable())
        body = column(label(_("Your recovery code"), "title"), self.recovery, gap=12)
        body.addStretch(1)
        return boxed(body)

    def _people(self) -> QWidget:
        self.ages: dict[str, QComboBox] = {}
        text = _("Who uses this computer, and how old are they? Whoever is not named here is treated as a child.")
        body = column(label(_("The people"), "title"), label(text), gap=12)
        for account in self._accounts():
            box = QComboBox()
            for age in PRESETS:
                box.addItem(words.profile_name(age), age)
            box.setAccessibleName(_("Age of {name}").format(name=account.name))
            box.setCurrentIndex(PRESETS.index("adult") if account.user == self._link.caller.user else 0)
            self.ages[account.user] = box
            body.addWidget(
                Row(
                    column(label(account.name, "strong"), label(account.user, "muted"), gap=1),
                    *self._warning(account),
                    box,
                )
            )
        if not self.ages:
            body.addWidget(
                label(_("There are no accounts of people here yet: everybody is treated as a child."), "muted")
            )
        note = _("Give children accounts without administrator rights: an administrator can get around any filter.")
        body.addWidget(label(note, "muted"))
        body.addStretch(1)
        return _scrolled(body)

    @staticmethod
    def _warning(account: Account) -> list[QWidget]:
        return [badge(_("is administrator"), "warn")] if account.administrator else []

    def _blocked(self) -> QWidget:
        body = column(label(_("What is blocked"), "title"), gap=10)
        body.addWidget(label(_("For children and adolescents. You can change each of these later, for each person.")))
        self._blocked_rows = QVBoxLayout()
        body.addLayout(self._blocked_rows)
        body.addStretch(1)
        return _scrolled(body)

    def _try(self) -> QWidget:
        body = column(label(_("Try it"), "title"), gap=12)
        body.addWidget(
            label(_("The filter was just asked about two test names. The first must be blocked, the second open."))
        )
        self._try_rows = QVBoxLayout()
        body.addLayout(self._try_rows)
        body.addWidget(
            label(_("Open one in your browser: a blocked page says why, and children can ask you from there."))
        )
        body.addLayout(row(button(_("Ask again"), self._try_it)))
        body.addStretch(1)
        return boxed(body)

    def _set_password(self) -> None:
        password = self.fields.password
        self.next.setEnabled(False)

        def is_set(answer: RecoveryCode) -> None:
            self.recovery.show_code(answer.recovery_code)
            self._link.open_session(password=password, done=self._password_set, failed=self._tell)

        self._link.send("POST", "/v1/password", FirstPassword(password=password), RecoveryCode, is_set, self._tell)

    def _password_set(self) -> None:
        self.fields.forget()
        self._open(2)

    def _save_people(self) -> None:
        given = [{"user": user, "profile": str(box.currentData())} for user, box in self.ages.items()]
        if not given:
            self._open(4)
            return
        others = [
            {name: value for name, value in client.items() if value is not None}
            for client in self._house.settings.get("clients", ())
            if client.get("user") not in self.ages
        ]
        self._house.change([(["clients"], [*others, *given])], lambda _done: self._open(4), self._not_saved)

    def _not_saved(self, failure: Failure) -> None:
        # Without a file for settings the defaults hold, which are the strictest: said, and no dead end.
        self._open(4)
        self._tell(failure)

    def _show_house(self) -> None:
        clear(self._blocked_rows)
        for category in self._house.categories:
            if "child" in category.blocked_for:
                both = "adolescent" in category.blocked_for
                text = label(self._house.category(category.id), "strong")
                self._blocked_rows.addWidget(Row(column(text), badge(_("all minors") if both else _("children"))))

    def _try_it(self) -> None:
        clear(self._try_rows)
        self._ask_about(list(_TRY))

    def _ask_about(self, names: list[str]) -> None:
        def answered(judged: Judged) -> None:
            self._show_tried(judged)
            self._ask_about(names[1:])

        if names:  # one after the other: the sentence above names them in this order
            self._link.get("/v1/check", Judged, answered, self._tell, {"name": names[0], "profile": "child"})

    def _show_tried(self, judged: Judged) -> None:
        word, tone = words.action(str(judged.verdict.get("action")))
        self._try_rows.addWidget(Row(column(label(str(judged.verdict.get("host")), "strong")), badge(word, tone)))

    def _tell(self, failure: Failure) -> None:
        self.problem.setText(words.failure(failure))
        if isinstance(failure, Refused) and failure.needs_session:
            self.problem.setText(_("The session ended: go on from the panel."))
        restyle(self.problem)
        self.problem.show()
        self._enable()


def _scrolled(body: QVBoxLayout) -> QScrollArea:
    inner = QWidget()
    inner.setObjectName("column")
    inner.setLayout(body)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidget(inner)
    return area
