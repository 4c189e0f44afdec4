# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of our own listeners share: sockets, real clients, who asks."""

from __future__ import annotations

import asyncio
import shutil
import socket

import pytest

from filterd.policy.model import Client

kdig = pytest.mark.skipif(shutil.which("kdig") is None, reason="kdig is not installed (Debian: knot-dnsutils)")
curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed (Debian: curl)")


def listening(host: str = "127.0.0.1") -> tuple[socket.socket, int]:
    """Return a listening socket on *host*, as the supervisor hands it over, and its port."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.bind((host, 0))
    sock.listen(1024)
    return sock, sock.getsockname()[1]


def identify(address: str, device: str | None = None, /) -> Client:
    """Return the client as it says that it is."""
    return Client(address=address, device=device)


async def run_tool(*command: str) -> str:
    """Return what *command* prints."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    return output.decode(errors="replace")
