# SPDX-License-Identifier: GPL-3.0-or-later
"""The description is one that others' tools can read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, cast

from openapi_spec_validator import OpenAPIV31SpecValidator

from filterd.control.openapi import describe
from filterd.control.rows import rows
from tests.filterd.control.fakes import Control


def test_it_is_openapi_3_1(control: Control) -> None:
    description = cast("Mapping[Hashable, Any]", describe(rows(control.parts())[:-1], version="9.9"))

    OpenAPIV31SpecValidator(description).validate()


def test_it_says_which_calls_need_a_session(control: Control) -> None:
    paths = describe(rows(control.parts())[:-1], version="9.9")["paths"]

    assert "security" in paths["/v1/settings"]["get"]
    assert "security" not in paths["/v1/status"]["get"]
    assert paths["/v1/permissions/{id}"]["delete"]["parameters"][0]["in"] == "path"
