# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API served on a socket that is listening already, inside a loop that is running already."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class ControlServer(uvicorn.Server):
    """uvicorn without its hold on signals: those are the role's."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                http="h11",
                ws="none",
                timeout_keep_alive=5,
                limit_concurrency=200,
                timeout_graceful_shutdown=1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
