# SPDX-License-Identifier: GPL-3.0-or-later
"""The id that a device gives in the name or path of the server that it asks."""

from __future__ import annotations

from collections.abc import Sequence

from filterd.policy.clients import is_device_id


def read_device(text: str) -> str | None:
    """Return the id that *text* is, in lower case; ``None`` where it is none."""
    text = text.lower()
    return text if is_device_id(text) else None


def device_in_host(host: str, names: Sequence[str]) -> str | None:
    """Return the id in *host*, the label before one of our *names*; ``None`` where there is none."""
    label, _, name = host.lower().removesuffix(".").partition(".")
    return read_device(label) if name in names else None


def is_ours(host: str, names: Sequence[str]) -> bool:
    """Return whether *host* is one of our *names*, alone or with an id before it."""
    host = host.lower().removesuffix(".")
    return host in names or device_in_host(host, names) is not None
