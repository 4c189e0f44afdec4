# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API: HTTP over a Unix socket. Reading the state needs no session; nothing here changes it yet."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from filterd.control.messages import Status


def make_app(status: Callable[[], Status]) -> Starlette:
    """Return the application that answers with what *status* returns."""

    async def get_status(_: Request) -> Response:
        return Response(msgspec.json.encode(status()), media_type="application/json")

    return Starlette(routes=[Route("/v1/status", get_status, methods=["GET"])])
