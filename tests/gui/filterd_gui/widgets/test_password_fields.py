# SPDX-License-Identifier: GPL-3.0-or-later
"""Two equal entries make a password; the advice goes along."""

from __future__ import annotations

import pytest
from PyQt6.QtWidgets import QCheckBox, QLineEdit
from pytestqt.qtbot import QtBot

from filterd_gui.widgets.password_fields import PasswordFields
from tests.gui.hands import reads


@pytest.fixture
def fields(qtbot: QtBot) -> PasswordFields:
    made = PasswordFields()
    qtbot.addWidget(made)
    return made


def test_both_must_agree(fields: PasswordFields, qtbot: QtBot) -> None:
    usable: list[bool] = []
    fields.changed.connect(usable.append)
    qtbot.keyClicks(fields.first, "perro")
    assert "weak" in reads(fields)
    qtbot.keyClicks(fields.again, "gato")
    assert fields.password == ""
    assert "the two differ" in reads(fields)
    fields.again.setText("perro")

    assert fields.password == "perro"
    assert usable[-1] is True


def test_too_short_is_none(fields: PasswordFields) -> None:
    fields.first.setText("abc")
    fields.again.setText("abc")

    assert fields.password == ""


def test_what_is_typed_is_hidden_until_asked_for(fields: PasswordFields) -> None:
    assert fields.first.echoMode() is QLineEdit.EchoMode.Password
    box = fields.findChild(QCheckBox)
    assert box is not None
    box.setChecked(True)
    assert fields.again.echoMode() is QLineEdit.EchoMode.Normal
    fields.forget()

    assert not fields.first.text()
