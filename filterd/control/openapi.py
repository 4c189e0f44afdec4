# SPDX-License-Identifier: GPL-3.0-or-later
"""The API described (OpenAPI 3.1), made from the same rows as its routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from filterd.control.calls import Endpoint, Needs
from filterd.control.messages import API_VERSION, Problem

_REF = "#/components/schemas/{name}"
_REFUSALS = {
    "400": "the body cannot be read",
    "401": "a session is needed",
    "403": "refused: a wrong password, or not this account's to do",
    "404": "no such thing",
    "409": "it does not fit what is there",
    "422": "a value is wrong",
    "429": "too soon: see wait_s",
    "500": "a bug, which changed nothing",
    "507": "it cannot be stored",
}


def describe(endpoints: Sequence[Endpoint], *, version: str) -> dict[str, Any]:
    """Return the description of *endpoints*."""
    types = [kind for e in endpoints for kind in (e.answer, e.body) if kind is not None] + [Problem]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    named = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": "filterd control", "version": f"{API_VERSION} ({version})", "license": {"name": "GPL-3.0+"}},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, named: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/json": {"schema": named[repr(Problem)]}}
    answer: dict[str, Any] = {"description": endpoint.summary}
    if endpoint.answer is not None:
        answer["content"] = {"application/json": {"schema": named[repr(endpoint.answer)]}}
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
              for name in re.findall(r"{(\w+)}", endpoint.path)),
            *({"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
              for name, text in endpoint.query.items()),
        ],
        "responses": {
            str(endpoint.status): answer,
            **{code: {"description": text, "content": problem} for code, text in _REFUSALS.items()},
        },
    }  # fmt: skip
    if endpoint.body is not None:
        schema = {"application/json": {"schema": named[repr(endpoint.body)]}}
        operation["requestBody"] = {"required": True, "content": schema}
    if endpoint.needs is not Needs.NOTHING:
        operation["security"] = [{"session": []}]
    return operation
